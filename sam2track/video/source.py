"""What a source of video is: a name, a size, a rate, and frames in order.

Room: SOURCE. Nothing enters; the protocols that every source keeps, and their errors, leave.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

from typing_extensions import Self

from ..types import Frame


class VideoError(ValueError):
    """A video cannot be read. The message is one line: what is wrong and what to do about it."""


class TruncatedVideo(VideoError):
    """A video stops before its end; every frame before ``index`` was given.

    Attributes:
        index: the first frame that could not be read.
    """

    def __init__(self, message: str, index: int) -> None:
        super().__init__(message)
        self.index = index


@runtime_checkable
class VideoSource(Protocol):
    """Frames in order, one at a time; a context manager that lets go of the file or camera.

    Sources inherit from it to be context managers.

    Attributes:
        name: short, fit for a file name, such as ``cup`` for ``videos/cup.mp4``.
        size: height and width in pixels, the same for every frame.
        fps: frames a second, above zero; an average where the rate varies.
        length: number of frames, as the container declares it; None where it is unknown (a camera,
            a stream). A file that was cut off holds fewer.
    """

    name: str
    size: tuple[int, int]
    fps: float
    length: int | None

    def __iter__(self) -> Iterator[Frame]:
        """Frames 0, 1, 2, ... A file starts over each time, a camera goes on where it is.

        Raises:
            VideoError: if a frame cannot be read.
            TruncatedVideo: after the last frame that can be read, if there should be more.
        """
        ...

    def close(self) -> None:
        """Let go of what is open; may be called twice."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


@runtime_checkable
class SeekableSource(VideoSource, Protocol):
    """A source that also gives any frame by its index: files, folders and arrays."""

    def __getitem__(self, index: int) -> Frame:
        """Frame ``index``, from 0. Several threads may ask.

        Raises:
            IndexError: if the index is negative or the video has no such frame.
            VideoError: if the frame cannot be read.
        """
        ...

    def __iter__(self) -> Iterator[Frame]:
        index = 0
        while True:
            try:
                frame = self[index]
            except IndexError:
                return
            yield frame
            index += 1
