"""Masks as indexed PNGs, as in DAVIS: a pixel's value is its object's id."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from ..masks import check_palette_id, davis_palette
from ..types import Frame, FrameResult
from .sink import OutputFile, Sink, check_result


class PaletteSink(Sink):
    """One palette PNG per frame, 0 = background.

    It is named after the frame's picture (``cat.jpg`` gives ``cat.png``), so that the two can be
    matched; a frame that was not a file is named by its index (``00000.png``).
    Beside ``cat.jpg``, ``cat.bmp`` gives ``cat.bmp.png``.
    Where objects overlap, a pixel belongs to the most confident one (``FrameResult.owner``).

    Args:
        folder: for the files; made with the first file.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self._palette = davis_palette().tobytes()
        self._pictures: dict[str, str] = {}  # by the stems of their names

    def write(self, frame: Frame, result: FrameResult) -> None:
        """Write one PNG; in addition to SinkError, ValueError if an id is not in 1..255."""
        check_result(frame, result)
        for object_id in result.object_ids:
            check_palette_id(object_id)
        picture = Image.fromarray(result.label_map())
        picture.putpalette(self._palette)
        output = OutputFile(self.folder / f"{self._stem(frame)}.png")
        with output.guarded():
            # Level 1 of 9: three times as fast as the default, and masks are small at any level.
            picture.save(output.start(), format="PNG", compress_level=1)
            output.commit()

    def _stem(self, frame: Frame) -> str:
        if frame.name is None:
            return f"{frame.index:05d}"
        stem = Path(frame.name).stem
        return stem if self._pictures.setdefault(stem, frame.name) == frame.name else frame.name

    def close(self) -> None:
        """Nothing to finish: each file is complete when it is written."""
