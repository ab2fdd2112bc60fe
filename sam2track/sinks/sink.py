"""What a sink is, and how a file comes into being: whole or not at all.

Room: SINKS. Frames and results enter, files leave.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol, runtime_checkable

from av.error import FFmpegError
from typing_extensions import Self

from ..types import Frame, FrameResult


class SinkError(OSError):
    """An output cannot be written. One line: which, why, and what to do; ``errno`` is kept."""


@runtime_checkable
class Sink(Protocol):
    """Takes results frame by frame and leaves finished files behind.

    Used as a context manager. Nothing is on disk under its final name before it is whole, and no
    folder is made before the first frame. Leaving the context finishes the files, also when an
    exception or Ctrl-C ends it early: what was written up to then stays and is valid.

    Sinks inherit from it to be context managers.
    """

    def write(self, frame: Frame, result: FrameResult) -> None:
        """Take one frame and its result, tensors on the host.

        Raises:
            SinkError: if the output cannot be written (no room, no permission). The unfinished
                file is removed and the sink is done for.
        """
        ...

    def note(self, object_id: int, text: str) -> None:
        """Take what a person should look at of an object, before :meth:`close`."""

    def close(self) -> None:
        """Finish the files; nothing happens if nothing was written or a write failed.

        Raises:
            SinkError: if they cannot be finished; what is unfinished is removed.
        """
        ...

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class PartFile:
    """A file under construction, beside its final place and under another name.

    :meth:`start` before the first byte, :meth:`commit` after the last, both inside
    :meth:`guarded`, which discards everything if the disk refuses.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.temporary = self.path.with_name(f".{self.path.name}.part")
        self.failed = False
        self._made: list[Path] = []

    def start(self) -> Path:
        """Make the folders; the path to write to."""
        folder = self.path.parent
        missing = [path for path in (folder, *folder.parents) if not path.exists()]
        for path in reversed(missing):
            path.mkdir(exist_ok=True)
            self._made.append(path)
        if self.path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(self.path))
        return self.temporary

    def commit(self) -> None:
        """Give the finished file its name, over an older one."""
        os.replace(self.temporary, self.path)

    def discard(self) -> None:
        """Remove what is unfinished, and the folders made for it if they are empty."""
        with suppress(OSError):
            self.temporary.unlink(missing_ok=True)
        for path in reversed(self._made):
            with suppress(OSError):
                path.rmdir()

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """Turn a refusal of the disk into one :class:`SinkError`, with nothing half-written."""
        try:
            yield
        except (OSError, FFmpegError) as error:
            self.failed = True
            self.discard()
            raise _refusal(self.path, error) from error


def _refusal(path: Path, error: OSError | FFmpegError) -> SinkError:
    code = getattr(error, "errno", None) or errno.EIO
    full = code in (errno.ENOSPC, errno.EDQUOT)
    reason = getattr(error, "strerror", None) or str(error)
    advice = "free some space" if full else "check that the folder is yours to write to"
    refusal = SinkError(f"cannot write {path}: {reason}; {advice}, or choose another place")
    refusal.errno = code
    return refusal
