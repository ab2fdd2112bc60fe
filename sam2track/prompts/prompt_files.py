"""Reads prompts from the command line and from files, before a frame is decoded.

The command's ``click``, ``labels``, ``box``, ``mask`` or ``prompts`` settings go in, prompts with
their object and frame come out. Everything that can be wrong is found here or in :func:`check`, so
that bad input costs no time and leaves no files.
"""

from __future__ import annotations

import difflib
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Shaped
from PIL import Image, ImageOps

from .prompt import PlacedPrompt, Prompt
from .tokens import check_prompt

MAX_OBJECT = 255  # what a palette PNG can hold; 0 is the background
ENTRY_KEYS = ("object", "frame", "points", "labels", "box", "mask")


def read_prompts(
    *,
    click: Any = None,
    labels: Any = None,
    box: Any = None,
    mask: str | None = None,
    prompts: str | None = None,
    object_id: int = 1,
    frame: int = 0,
) -> list[PlacedPrompt]:
    """The prompts of a command line, in the order in which they are to be given.

    Raises:
        ValueError: if there are none, or they make no sense; the message names the setting.
    """
    here = {"click": click, "labels": labels, "box": box, "mask": mask}
    given = [f"{key}=" for key, value in here.items() if value is not None]
    if prompts is not None:
        if given:
            raise ValueError(f"prompts= comes without {' and '.join(given)}; put it into the file")
        return read_prompts_file(prompts)
    if not given:
        how = "give click=[x,y], box=[x0,y0,x1,y1], mask=, prompts=FILE or prompts=auto"
        raise ValueError(f"nothing to track: {how}")
    _check_place(object_id, frame, "object=", "frame=")
    if mask is not None:
        if len(given) > 1:
            raise ValueError(f"a mask comes alone: remove {' and '.join(given[:-1])}")
        return [
            PlacedPrompt(found, frame, Prompt.from_mask(picture), f"mask={mask}")
            for found, picture in read_masks(mask, object_id).items()
        ]
    source = " ".join(f"{key}={_short(value)}" for key, value in here.items() if value is not None)
    return [PlacedPrompt(object_id, frame, _prompt(click, labels, box, source), source)]


def read_prompts_file(path: str | Path) -> list[PlacedPrompt]:
    """The prompts in a JSON file; ``docs/prompts.md`` describes it.

    Raises:
        ValueError: if it cannot be read or an entry is wrong; the message names the entry.
    """
    path = Path(path)
    try:
        # Bytes: also Windows' UTF-16 and byte order marks.
        entries = json.loads(path.read_bytes(), object_pairs_hook=_unique)
    except FileNotFoundError:
        raise ValueError(f"no such prompts file: {path}") from None
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not JSON that can be read: {error}") from None
    if not isinstance(entries, list) or not entries:
        raise ValueError(f'{path} must hold a list: [{{"object": 1, "points": [[x, y]]}}, ...]')
    return [
        _entry(entry, f"{path.name}, entry {number}", path.parent)
        for number, entry in enumerate(entries, 1)
    ]


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON, whose keys must differ: of two equal ones the first would be lost."""
    (key, count), *_ = Counter(key for key, _ in pairs).most_common(1) or [("", 0)]
    if count > 1:
        raise ValueError(f"key {key!r} is given twice in one pair of braces; keep one")
    return dict(pairs)


def _entry(entry: Any, source: str, folder: Path) -> PlacedPrompt:
    """One entry of a prompts file."""
    if not isinstance(entry, dict):
        raise ValueError(f"{source}: must be an object in braces, got {_short(entry)}")
    for key in entry:
        if key not in ENTRY_KEYS:
            close = difflib.get_close_matches(key, ENTRY_KEYS, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"keys are {', '.join(ENTRY_KEYS)}"
            raise ValueError(f"{source}: unknown key {key!r}; {hint}")
    if "object" not in entry:
        raise ValueError(f'{source}: "object" is missing')
    object_id, frame = entry["object"], entry.get("frame", 0)
    _check_place(object_id, frame, f'{source}: "object": ', f'{source}: "frame": ')
    points, labels, box, mask = (entry.get(key) for key in ENTRY_KEYS[2:])
    if mask is None:
        return PlacedPrompt(object_id, frame, _prompt(points, labels, box, source), source)
    if points is not None or labels is not None or box is not None:
        raise ValueError(f"{source}: a mask comes alone: remove its points, labels and box")
    if not isinstance(mask, str):
        raise ValueError(f'{source}: "mask" must be the name of a picture, got {_short(mask)}')
    masks = read_masks(folder / mask, object_id)
    if object_id not in masks:
        if len(masks) > 1:
            ids = ", ".join(map(str, masks))
            raise ValueError(f"{source}: {mask} holds objects {ids}, but not {object_id}")
        (masks[object_id],) = masks.values()
    return PlacedPrompt(object_id, frame, Prompt.from_mask(masks[object_id]), source)


def read_masks(path: str | Path, object_id: int = 1) -> dict[int, Bool[np.ndarray, "H W"]]:
    """The objects in a picture of masks: each one's id and mask.

    In a picture that is transparent in places, what is not transparent is ``object_id``. In a
    palette picture each index is an object, unless its colours are black and white; so is each
    value of a grey picture whose values are 0, 1, 2, ... without a gap, as programs write labels,
    and, with or without a gap, of one of 16 bits, in which 0 is the background.
    Any other is black with one more colour, and that is ``object_id``. It is turned as its EXIF
    orientation says, as frames are.

    Raises:
        ValueError: if it cannot be read, is empty, or has shades that say nothing.
    """
    pixels, palette, deep = _read_pixels(path)
    values = np.union1d(pixels, 0)  # what is black may be missing
    if not (values > 0).any():
        raise ValueError(f"the mask {path} is empty: it has no pixel on an object")
    # An edge between black and white that has shades goes up to 255, or to 65535 in 16 bits, and a
    # palette no further.
    counted = pixels.ndim == 2 and 2 < len(values) < 256
    counted = counted and np.array_equal(values, np.arange(len(values)))
    labels = deep and len(values) > 2 and values[-1] < 65535 and _has_patches(pixels)
    if palette or counted or labels:
        return {found: pixels == found for found in values.tolist() if found}
    if len(values) > 2:
        raise ValueError(
            f"the mask {path} has {len(values)} shades of grey or colours; "
            "save it in black and white, or as a PNG of labels 0, 1, 2, ..."
        )
    return {object_id: pixels > 0}


def _has_patches(pixels: Shaped[np.ndarray, "H W"]) -> bool:
    """Whether pixels are labels and background (0), not a photograph: most neighbours are alike."""
    left, right = pixels[:, :-1], pixels[:, 1:]
    inside = (left > 0) & (right > 0)
    alike = np.count_nonzero(inside & (left == right))
    return bool((pixels == 0).any()) and 2 * alike >= np.count_nonzero(inside)


def _read_pixels(path: str | Path) -> tuple[Shaped[np.ndarray, "H W"], bool, bool]:
    """The pixels of a picture, and what they say.

    Returns:
        A number for each pixel; of a picture that is transparent in places, whether it is opaque.
        Whether the numbers are indices of a palette. Whether they have more than 8 bits.
    """
    try:
        with Image.open(path) as opened:
            # As for frames, EXIF after the pixels of a PNG is ignored.
            late = opened.format == "PNG" and "exif" not in opened.info
            picture = opened if late else ImageOps.exif_transpose(opened)
            palette, deep = picture.mode == "P", picture.mode.startswith("I")  # 16 or 32 bits
            pixels = colours = np.asarray(picture)  # also of 16 bits, or floating-point numbers
            if palette or pixels.ndim == 3:
                colours = np.asarray(picture.convert("RGB"), np.int32) @ (1 << 16, 1 << 8, 1)
                palette = palette and np.unique(colours).tolist() != [0, 0xFFFFFF]
                pixels = pixels if palette else colours
            alpha = pixels[:0]
            if "A" in picture.getbands() or "transparency" in picture.info:
                alpha = np.asarray(picture.convert("RGBA").getchannel("A"))
    except FileNotFoundError:
        raise ValueError(f"no such mask: {path}") from None
    except (OSError, SyntaxError, Image.DecompressionBombError):
        raise ValueError(f"{path} is not a picture that can be read") from None
    if len(np.unique(alpha)) < 2:
        return pixels, palette, deep
    opaque = alpha > alpha.max() // 2  # of a cut-out, or of what a brush painted
    shades = np.unique(colours[opaque])
    if palette and len(shades) > 1 and np.array_equal(opaque, pixels > 0):
        raise ValueError(
            f"the mask {path} is transparent in places and has a palette: its {len(shades)} "
            "colours may be one object or as many; save it opaque, or in black and white"
        )
    if len(shades) == 2 and shades[0] == 0:
        raise ValueError(
            f"the mask {path} is black and white, but its alpha channel (transparency) says "
            "something else; save it without alpha channel"
        )
    return opaque, False, False


def check(
    placed: Sequence[PlacedPrompt], size: tuple[int, int], length: int | None, direction: int = 1
) -> None:
    """Check prompts against the video that they are about.

    ``size`` is its (height, width), ``length`` its number of frames (None = unknown), ``direction``
    that of tracking (-1 = back in time).

    Raises:
        ValueError: if one lies outside, or an object's first prompt only says where it is not; the
            message names it.
    """
    for item in placed:
        if length is not None and item.frame >= length:
            there = f"the video has frames 0 to {length - 1}"
            raise ValueError(f"{item.source}: frame {item.frame} is beyond the end; {there}")
        try:
            check_prompt(item.prompt, size)
        except ValueError as error:
            raise ValueError(f"{item.source}: {error}") from None
    for object_id in dict.fromkeys(item.object_id for item in placed):
        own = [item for item in placed if item.object_id == object_id]
        begin = (max if direction == -1 else min)(item.frame for item in own)
        begun = [item for item in own if item.frame == begin]
        if all(item.prompt.only_negative for item in begun):
            raise ValueError(
                f"{begun[0].source}: object {object_id} begins with clicks that are not on it "
                "(label 0); give a click on it, a box or a mask first"
            )


def _prompt(points: Any, labels: Any, box: Any, source: str) -> Prompt:
    """Clicks and a box as a prompt; whatever is wrong is said with its source."""
    if labels is not None:
        if points is None:
            raise ValueError(f"{source}: labels without points")
        labels = labels if isinstance(labels, Sequence) else [labels]
        if not _is_numbers(labels, len(labels)):
            raise ValueError(f"{source}: labels are 1 or 0, got {_short(labels)}")
    points = [] if points is None else points
    if _is_numbers(points, 2):  # a single [x, y]
        points = [points]
    if not isinstance(points, Sequence) or not all(_is_numbers(point, 2) for point in points):
        raise ValueError(f"{source}: clicks are [x, y] or [[x, y], ...], got {_short(points)}")
    if box is not None and not _is_numbers(box, 4):
        raise ValueError(f"{source}: a box is [x0, y0, x1, y1], got {_short(box)}")
    try:
        return Prompt.clicks(points, labels, box)
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from None


def _is_numbers(value: Any, count: int) -> bool:
    return (
        isinstance(value, Sequence)
        and not isinstance(value, str)
        and len(value) == count
        and all(isinstance(n, (int, float)) and not isinstance(n, bool) for n in value)
    )


def _check_place(object_id: Any, frame: Any, object_name: str, frame_name: str) -> None:
    if type(object_id) is not int or not 1 <= object_id <= MAX_OBJECT:
        raise ValueError(
            f"{object_name}{_short(object_id)}: an object's id is a whole number from 1 to "
            f"{MAX_OBJECT}, as much as a palette PNG can hold"
        )
    if type(frame) is not int or frame < 0:
        raise ValueError(f"{frame_name}{_short(frame)}: frames are counted from 0, whole numbers")


def _short(value: Any) -> str:
    """A value as the user wrote it, as far as it fits."""
    text = json.dumps(value, default=str, separators=(",", ":"))
    return text if len(text) <= 60 else text[:57] + "..."
