"""What a source of video is: a name, a size, a rate, and frames in order.

Room: SOURCE. Nothing enters; the protocol that every source keeps, and its errors, leave.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Protocol, runtime_checkable

from sam2track.types import Frame


class VideoError(ValueError):
    """A video cannot be read. The message is one line: what is wrong and what to do about it."""


class TruncatedVideo(VideoError):
    """A video ends before its end; every frame before ``index`` was given.

    Attributes:
        index: the first frame that could not be read.
    """

    def __init__(self, message: str, index: int) -> None:
        super().__init__(message)
        self.index = index


@runtime_checkable
class VideoSource(Protocol):
    """Frames in order, one at a time; a context manager that lets go of the file or camera.

    Sources inherit from it to get the context manager.

    Attributes:
        name: short, fit for a file name, such as ``cup`` for ``videos/cup.mp4``.
        size: height and width in pixels, the same for every frame.
        fps: frames a second, above zero; an average where the rate varies.
        length: number of frames, or None where it is unknown (a camera, a stream).
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
        ...

    def __enter__(self):
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


@runtime_checkable
class SeekableSource(VideoSource, Protocol):
    """A source that also gives any frame by index: files, folders and arrays."""

    def __getitem__(self, index: int) -> Frame:
        """Frame ``index``, from 0; safe to call from several threads.

        Raises:
            IndexError: if the video has no such frame.
            VideoError: if the frame cannot be read.
        """
        ...


class Indexed(SeekableSource):
    """Iteration and index checks for sources whose frames are read by number."""

    name: str
    size: tuple[int, int]
    fps: float
    length: int

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def _read(self, index: int) -> Frame:
        """Frame ``index``, which is not negative; IndexError past the end."""
        raise NotImplementedError

    def __iter__(self) -> Iterator[Frame]:
        index = 0
        while True:
            try:
                frame = self[index]
            except IndexError:
                return
            yield frame
            index += 1

    def __getitem__(self, index: int) -> Frame:
        if index < 0:
            raise IndexError(f"frame {index} of {self.name}: frames count from 0")
        with self._lock:
            return self._read(index)

    def close(self) -> None:
        """Nothing is open between two frames."""
