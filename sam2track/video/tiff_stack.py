"""Multi-page TIFF files, as microscopes write them: one page for each frame."""

from __future__ import annotations

import re
import threading
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from ..types import Frame
from .grey import GreyRange, deep_values
from .pictures import picture_as_rgb, pillow_errors
from .source import SeekableSource, VideoError, check_size, frame_index

STACK_SUFFIXES = (".tif", ".tiff")
_DESCRIPTION = 270  # the tag in which ImageJ and OME say how pages are ordered


class TiffStack(SeekableSource):
    """A TIFF file, each page a frame, in their order.

    Pages of 8 bits are read as they are. Grey values of more, and floating-point numbers, are shown
    in one range for all frames, as :class:`GreyRange` finds it. A stack has no frame rate: give
    ``fps``.

    Raises:
        VideoError: if it cannot be read, or has several channels or slices for each frame.
    """

    def __init__(self, path: str | Path, fps: float = 24.0) -> None:
        self.path, self.fps = Path(path), fps
        self.name = self.path.stem
        self._lock = threading.Lock()
        with ExitStack() as failed, pillow_errors(self.path):
            self._file = failed.enter_context(Image.open(self.path))
            self.length = getattr(self._file, "n_frames", 1)
            self.size = self._file.height, self._file.width
            self._grey = GreyRange(len(self), self._deep_values)
            self._check_order(str(getattr(self._file, "tag_v2", {}).get(_DESCRIPTION, "")))
            failed.pop_all()

    def read(self, index: int) -> Frame:
        index = frame_index(index)
        with self._lock, pillow_errors(self.path):
            image = self._rgb(index)
        advice = "save pages of one size"
        check_size(f"page {index} of {self.path}", image.shape[:2], self.size, advice)
        return Frame(index, image)

    def close(self) -> None:
        with self._lock:
            self._file.close()

    def _rgb(self, index: int) -> UInt8[np.ndarray, "H W 3"]:
        if not 0 <= index < len(self):
            raise IndexError(f"{self.name} has frames 0 to {len(self) - 1}, not {index}")
        self._file.seek(index)
        return np.array(picture_as_rgb(self._file, self._grey))

    def _deep_values(self, index: int) -> np.ndarray | None:
        try:
            with pillow_errors(self.path):
                self._file.seek(index)
                return deep_values(self._file)
        except VideoError:  # said when this frame is read
            return None

    def _check_order(self, description: str) -> None:
        """Refuse pages that are not one for each frame, as ImageJ and OME describe them."""
        found = re.findall(r'\b(channels|slices|images|SizeC|SizeZ)="?(\d+)', description)
        counts = {name: int(count) for name, count in found}
        channels = max(counts.get("channels", 1), counts.get("SizeC", 1))
        slices = max(counts.get("slices", 1), counts.get("SizeZ", 1))
        # A stack without a time axis is often declared as slices.
        frames = re.search(r'\b(?:frames=|SizeT=")(\d+)', description)
        times = int(frames[1]) if frames else 1
        grey = len(self._file.getbands()) == 1  # the three channels of a colour are one page
        if len(self) > 1 and channels > 1 and grey:
            raise VideoError(
                f"{self.path} has {channels} channels for each frame; save the one to track as a "
                "stack of its own (in ImageJ: Image > Color > Split Channels)"
            )
        if slices > 1 and times > 1:
            raise VideoError(
                f"{self.path} has {slices} slices for each frame; save a projection, or one slice, "
                "as a stack (in ImageJ: Image > Stacks > Z Project)"
            )
        if len(self) == 1 and counts.get("images", 1) > 1:
            raise VideoError(
                f"{self.path} says that it holds {counts['images']} pictures, but has one page, as "
                "ImageJ writes stacks of 4 GB and more; save it as BigTIFF, or in parts"
            )


def is_stack(path: Path) -> bool:
    """Whether a file is a TIFF of several pages; False if it cannot be read."""
    if path.suffix.lower() not in STACK_SUFFIXES:
        return False
    try:
        with pillow_errors(path), Image.open(path) as picture:
            return bool(getattr(picture, "is_animated", False))
    except VideoError:
        return False
