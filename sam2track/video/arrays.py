"""Videos that are already in memory, as arrays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..types import Frame
from .source import SeekableSource, VideoError, check_size, frame_index

_WANTED = "give RGB uint8 arrays of shape (H, W, 3), or one of shape (T, H, W, 3)"


class ArrayVideo(SeekableSource):
    """A video held as one array ``(T, H, W, 3)`` or a sequence of ``(H, W, 3)``; RGB ``uint8``.

    Only frames that are not contiguous are copied.
    """

    def __init__(
        self, images: Sequence[np.ndarray] | np.ndarray, fps: float = 30.0, name: str = "array"
    ) -> None:
        if not len(images):
            raise VideoError("an array video needs at least one frame, got none")
        for index, image in enumerate(images):
            what = f"frame {index}"
            if not isinstance(image, np.ndarray):
                raise VideoError(f"{what} is a {type(image).__name__}; {_WANTED}")
            if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
                raise VideoError(f"{what} is {image.dtype} of shape {image.shape}; {_WANTED}")
            check_size(what, image.shape[:2], images[0].shape[:2], "resize them to one size")
        self._images, self.name, self.fps = images, name, fps
        self.size, self.length = images[0].shape[:2], len(images)

    def read(self, index: int) -> Frame:
        return Frame(frame_index(index), np.ascontiguousarray(self._images[index]))
