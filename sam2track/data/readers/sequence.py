"""The two kinds of sequence: a video with masks, and a video with the boxes of one object.

Readers and generators make them; the benchmark and training clips use them. A frame is decoded
only when it is requested. A method that reads a file raises ValueError if it cannot be read, or is
not of the picture's size; the message names the file.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, UInt8

from ...types import Frame


@runtime_checkable
class VideoSequence(Protocol):
    """The common part of both kinds.

    Attributes:
        name: unique within its dataset, and usable as a folder's name.
        attributes: its difficulties, for separate scores ("occlusion"); may be empty.
    """

    @property
    def name(self) -> str: ...

    @property
    def attributes(self) -> tuple[str, ...]: ...

    def __len__(self) -> int:
        """Number of frames."""
        ...

    def frame(self, index: int) -> Frame:
        """The picture at ``index``, from 0."""
        ...


@runtime_checkable
class MaskSequence(VideoSequence, Protocol):
    """A video with the masks of its objects, whose ids count from 1; ids may be missing."""

    @property
    def annotated(self) -> tuple[int, ...]:
        """Indices of the frames whose ground truth is known, ascending."""
        ...

    def labels(self, index: int) -> UInt8[np.ndarray, "H W"]:
        """Object ids by pixel, 0 = background or void; of overlapping objects the smallest.

        Raises:
            KeyError: if the frame is not annotated.
        """
        ...

    def masks(self, index: int) -> dict[int, Bool[np.ndarray, "H W"]]:
        """Each object's own mask on an annotated frame (else KeyError), if it is visible there."""
        ...

    def starts(self) -> dict[int, dict[int, Bool[np.ndarray, "H W"]]]:
        """The input of a semi-supervised tracker: by frame, the masks of its new objects."""
        ...


@runtime_checkable
class BoxSequence(VideoSequence, Protocol):
    """A video with the box of its one object."""

    @property
    def boxes(self) -> Float[np.ndarray, "T 4"]:
        """``(x, y, width, height)`` in pixels; NaN where the object is absent or unannotated."""
        ...

    @property
    def visible(self) -> Bool[np.ndarray, " T"]:
        """Whether the object is in the frame."""
        ...
