"""The base of all sinks: frames and results go in, complete files come out."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar, runtime_checkable

from av.error import FFmpegError

from ..files import UnfinishedFile
from ..types import Frame, FrameResult, expect

S = TypeVar("S", bound="Sink")


class SinkError(OSError):
    """An output cannot be written. One line: which, why, and what to do; ``errno`` is kept."""


@runtime_checkable
class Sink(Protocol):
    """Takes results frame by frame and writes complete files.

    Used as a context manager. A file gets its final name when it is complete, and no
    folder is made before the first frame. Leaving the context finishes the files, also when an
    exception or Ctrl-C ends it early: results up to then are kept and valid.

    Sinks inherit from it to be context managers.
    """

    def write(self, frame: Frame, result: FrameResult) -> None:
        """Take one frame and its result, tensors on the host.

        Raises:
            SinkError: if the output cannot be written (disk full, no permission). The unfinished
                file is removed, and the sink cannot be used any more.
        """
        ...

    def note(self, object_id: int, text: str) -> None:
        """Take a line about an object whose masks should be checked, at any time before the end.

        Sinks that have no place for it ignore it.
        """

    def close(self) -> None:
        """Finish the files; nothing happens if nothing was written or a write failed.

        Raises:
            SinkError: if they cannot be finished; what is unfinished is removed.
        """
        ...

    def __enter__(self: S) -> S:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def check_result(frame: Frame, result: FrameResult) -> None:
    """Raise ValueError unless these are a frame and its result."""
    expect(frame, Frame, "the frame", "Frame(index, picture)")
    expect(result, FrameResult, "the result", "what step or render gave, after cpu()")
    if result.index != frame.index:
        raise ValueError(f"the result of frame {result.index} is not of frame {frame.index}")


class OutputFile(UnfinishedFile):
    """A sink's file: :meth:`start` and :meth:`commit` are called inside :meth:`guarded`."""

    failed = False

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """Turn an error of the disk or of FFmpeg into a :class:`SinkError`, and remove the file."""
        try:
            yield
        except (OSError, FFmpegError) as error:
            self.failed = True
            self.discard()
            code, reason = error.errno or errno.EIO, error.strerror or str(error)
            full = code in (errno.ENOSPC, errno.EDQUOT)
            advice = "free some space" if full else "check that the folder is yours to write to"
            message = f"cannot write {self.path}: {reason}; {advice}, or choose another place"
            refusal = SinkError(message)
            refusal.errno = code
            raise refusal from error
