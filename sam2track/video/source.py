"""The interface of every source of video: a name, a size, a rate, and frames in order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from operator import index as as_index
from typing import Protocol, SupportsIndex, overload, runtime_checkable

from typing_extensions import Self

from ..types import Frame


class VideoError(ValueError):
    """A video cannot be read. The message is one line: what is wrong and what to do about it."""


class TruncatedVideo(VideoError):
    """A video stops before its end; ``index`` is the first frame that could not be read."""

    def __init__(self, message: str, index: int) -> None:
        super().__init__(message)
        self.index = index


def check_size(
    what: str, size: tuple[int, ...], expected: tuple[int, int], advice: str, first: str = "frame 0"
) -> None:
    """Raise VideoError if a frame's height and width are not the first frame's."""
    if size != expected:
        (height, width), (high, wide) = size, expected
        raise VideoError(f"{what} is {width}x{height} but {first} is {wide}x{high}; {advice}")


def frame_index(index: SupportsIndex) -> int:
    """A whole number of any kind as a Python integer; TypeError if it is none."""
    try:
        return as_index(index)
    except TypeError:
        advice = "give a whole number, or in brackets a slice: video[7], video[0:3]"
        raise TypeError(f"{index!r} is no index of a frame; {advice}") from None


@runtime_checkable
class VideoSource(Protocol):
    """Frames in order, one at a time; a context manager that closes the file or camera.

    Sources inherit from it to be context managers.

    Attributes:
        name: short, fit for a file name, such as ``cup`` for ``videos/cup.mp4``.
        size: height and width in pixels, the same for every frame.
        fps: frames per second, above zero; a mean where the rate varies.
        length: number of frames, as the container declares it; None where it is unknown (a camera,
            a stream). A truncated file holds fewer.
        pixel_aspect: width of a pixel divided by its height, as shown; 1 = square.
    """

    name: str
    size: tuple[int, int]
    fps: float
    length: int | None
    pixel_aspect: Fraction = Fraction(1)

    def __iter__(self) -> Iterator[Frame]:
        """Frames 0, 1, 2, ... A file starts again each time, a camera continues.

        Raises TruncatedVideo after the last frame that can be read, if there should be more.
        """
        ...

    def close(self) -> None:
        """Close what is open; may be called twice."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


@runtime_checkable
class SeekableSource(VideoSource, Protocol):
    """A source that also gives any frame by its index: files, folders and arrays.

    A subclass implements :meth:`read`.
    """

    def read(self, index: int) -> Frame:
        """Frame ``index``, from 0 (IndexError if there is none). Several threads may call it."""
        ...

    def read_many(self, indices: Sequence[int]) -> list[Frame]:
        """Several frames, in the order of ``indices``; ascending order is fastest."""
        return [self.read(index) for index in indices]

    def __len__(self) -> int:
        """Number of frames, as the container declares it."""
        return self.length or 0

    @overload
    def __getitem__(self, index: int) -> Frame: ...

    @overload
    def __getitem__(self, index: slice) -> list[Frame]: ...

    def __getitem__(self, index: int | slice) -> Frame | list[Frame]:
        """One frame, or the frames of a slice as a list, as in ``video[7]`` and ``video[0:3]``.

        Negative indices count from the end. Raises as :meth:`read`, and TypeError if the index is
        neither a whole number nor a slice.
        """
        if isinstance(index, slice):
            return self.read_many(range(*index.indices(len(self))))
        number = frame_index(index)
        position = number + len(self) if number < 0 else number
        if not 0 <= position < len(self):
            raise IndexError(f"{self.name} has frames 0 to {len(self) - 1}, not {number}")
        return self.read(position)

    def __iter__(self) -> Iterator[Frame]:
        for index in range(len(self)):
            try:
                frame = self.read(index)
            except IndexError:  # a file without an index may hold fewer than it seemed
                return
            yield frame
