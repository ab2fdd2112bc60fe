"""A contact sheet: small pictures of the whole run in one PNG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8
from PIL import Image

from ..masks import draw_caption, draw_objects, draw_prompt, object_colour
from ..prompts import Prompt
from ..types import Frame, FrameResult
from .sink import OutputFile, Sink

Picture = UInt8[np.ndarray, "h w 3"]

_COLUMNS = 4
_GAP = 4
_TALL = 4  # how many times as high as wide a picture may be; a higher one is shrunk


class PreviewSink(Sink):
    """One PNG of small pictures, evenly spaced over what was tracked, objects drawn in.

    The first, the last and the prompted frames are among them, the latter with their clicks and
    boxes. Below them stand the lines given to :meth:`note`. The length need not be known: every
    2^k-th frame is held, k growing with the video, so that at most twice as many small pictures are
    held as are shown.

    Args:
        path: the ``.png`` to write.
        prompts: by frame, ``(object id, prompt)`` pairs.
        tiles: how many pictures at most.
        tile_width: width of one in pixels; of very high videos it is less.
    """

    def __init__(
        self,
        path: str | Path,
        prompts: Mapping[int, Sequence[tuple[int, Prompt]]] | None = None,
        *,
        tiles: int = 12,
        tile_width: int = 320,
    ) -> None:
        if tiles < 1:
            raise ValueError(f"tiles is {tiles}; give 1 or more")
        self._output = OutputFile(path)
        self._prompts = dict(prompts or {})
        self._tiles = tiles
        self._width = tile_width
        self._step = 1
        self._count = 0
        self._spaced: dict[int, tuple[int, Picture]] = {}  # by frame: how many came before, tile
        self._prompted: dict[int, Picture] = {}
        self._last: tuple[Frame, FrameResult] | None = None
        self._notes: list[tuple[int, str]] = []

    def write(self, frame: Frame, result: FrameResult) -> None:
        self._last = frame, result
        if frame.index in self._prompts and len(self._prompted) < self._tiles:
            self._prompted[frame.index] = self._tile(frame, result)
        elif self._count % self._step == 0:
            self._spaced[frame.index] = self._count, self._tile(frame, result)
            if len(self._spaced) > 2 * self._tiles:
                self._step *= 2
                kept = (item for item in self._spaced.items() if item[1][0] % self._step == 0)
                self._spaced = dict(kept)
        self._count += 1

    def note(self, object_id: int, text: str) -> None:
        self._notes.append((object_id, text))

    def close(self) -> None:
        if self._last is None:
            return
        (frame, result), self._last = self._last, None
        fixed = self._prompted | {frame.index: self._tile(frame, result)}
        tiles = {index: tile for index, (_, tile) in self._spaced.items()} | fixed
        shown = _evenly(sorted(tiles), set(fixed), self._tiles)
        sheet = _arrange([tiles[index] for index in shown])
        for object_id, text in self._notes:
            strip = np.full((24, sheet.shape[1], 3), 255, np.uint8)
            strip[4:20, 6:22] = object_colour(object_id)
            draw_caption(strip[:, 28:], f"object {object_id}, {text}")
            sheet = np.concatenate((sheet, strip))
        with self._output.guarded():
            Image.fromarray(sheet).save(self._output.start(), format="PNG", compress_level=3)
            self._output.commit()

    def _tile(self, frame: Frame, result: FrameResult) -> Picture:
        """A small picture; drawn after shrinking, so that lines and text stay sharp."""
        height, width = frame.size
        scale = min(self._width / width, _TALL * self._width / height)
        size = max(1, round(width * scale)), max(1, round(height * scale))
        image = cv2.resize(frame.image, size, interpolation=cv2.INTER_AREA)
        masks = [
            cv2.resize(mask.view(np.uint8), size, interpolation=cv2.INTER_LINEAR) > 0  # rounded
            for mask in result.masks.numpy()
        ]
        draw_objects(image, result.object_ids, np.array(masks, bool).reshape(-1, *image.shape[:2]))
        for object_id, prompt in self._prompts.get(frame.index, ()):
            box = None if prompt.box is None else prompt.box * scale
            draw_prompt(image, object_id, prompt.points * scale, prompt.labels, box)
        draw_caption(image, f"frame {frame.index}")
        return image


def _evenly(indices: list[int], fixed: set[int], count: int) -> list[int]:
    """At most ``count`` of some sorted indices, the gaps even; the first and the fixed ones stay.

    More than ``count`` only if that many are fixed.
    """
    places = np.array(indices)
    even = np.linspace(places[0], places[-1], count)
    chosen = {indices[np.abs(places - at).argmin()] for at in even} | fixed
    while len(chosen) < min(count, len(indices)):  # two were nearest to one frame
        chosen.add(max(indices, key=lambda index: min(abs(index - one) for one in chosen)))
    kept = sorted(chosen)
    while len(kept) > count:
        gaps = [
            (kept[place + 1] - kept[place - 1], place)
            for place in range(1, len(kept) - 1)
            if kept[place] not in fixed
        ]
        if not gaps:
            break
        del kept[min(gaps)[1]]
    return kept


def _arrange(tiles: list[Picture]) -> UInt8[np.ndarray, "H W 3"]:
    """Pictures of one size in rows on white."""
    height, width = tiles[0].shape[:2]
    columns = min(_COLUMNS, len(tiles))
    rows, across, down = -(-len(tiles) // columns), width + _GAP, height + _GAP
    sheet = np.full((rows * down + _GAP, columns * across + _GAP, 3), 255, np.uint8)
    for place, tile in enumerate(tiles):
        y, x = _GAP + place // columns * down, _GAP + place % columns * across
        sheet[y : y + height, x : x + width] = tile
    return sheet
