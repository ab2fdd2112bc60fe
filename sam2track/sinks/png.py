"""Masks as indexed PNGs, as DAVIS keeps them.

Room: SINKS. Results enter, ``00000.png`` and so on leave; a pixel's value is its object's id.
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from ..masks.palette import davis_palette
from ..types import Frame, FrameResult
from .sink import PartFile, Sink


class PaletteSink(Sink):
    """One palette PNG per frame, named by frame index, 0 = background.

    Where objects overlap, a pixel goes to the one that is surest of it (``FrameResult.owner``).

    Args:
        folder: where to put them; made with the first.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self._palette = davis_palette().tobytes()

    def write(self, frame: Frame, result: FrameResult) -> None:
        """Write one PNG; in addition to SinkError, ValueError if an id is not in 1..255."""
        for object_id in result.object_ids:
            check_palette_id(object_id)
        picture = Image.fromarray(result.label_map())
        picture.putpalette(self._palette)
        part = PartFile(self.folder / f"{result.index:05d}.png")
        with part.guarded():
            # Level 1 of 9: three times as fast as the default, and masks are small at any level.
            picture.save(part.start(), format="PNG", compress_level=1)
            part.commit()

    def close(self) -> None:
        """Nothing to finish: each file is whole when it is written."""


def check_palette_id(object_id: int) -> None:
    """ValueError unless an object id fits a palette PNG."""
    if not 1 <= object_id <= 255:
        raise ValueError(
            f"object id {object_id} does not fit a palette PNG; use ids 1 to 255, or leave out "
            "the png sink"
        )
