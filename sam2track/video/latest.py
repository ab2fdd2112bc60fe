"""The newest frame of a camera or stream, for a loop that may be slower than it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from ..types import Frame


class LatestFrames:
    """An iterator over frames that a thread reads; of those that wait only the newest is given.

    Frames are numbered anew, 0, 1, 2, ..., as :class:`sam2track.TrackingSession` wants them.

    Attributes:
        dropped: how many frames were read and not given.
        taken: when the frame given last was read, in seconds of :func:`time.monotonic`.
    """

    def __init__(self) -> None:
        self.dropped, self.taken = 0, 0.0
        self._given = 0
        self._waiting: tuple[Frame, float] | None = None
        self._ended = False
        self._error: BaseException | None = None
        self._changed = threading.Condition()

    def __iter__(self) -> Iterator[Frame]:
        return self

    def __next__(self) -> Frame:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._ended)
            if self._waiting is None:
                error, self._error = self._error, None
                raise StopIteration if error is None else error
            (frame, self.taken), self._waiting = self._waiting, None
        self._given += 1
        return replace(frame, index=self._given - 1)

    def put(self, frame: Frame) -> None:
        """Give a frame, in place of one that nobody has taken."""
        with self._changed:
            self.dropped += self._waiting is not None
            self._waiting = frame, time.monotonic()
            self._changed.notify()

    def end(self, error: BaseException | None = None) -> None:
        """No frame comes any more; an error is raised after the last one."""
        with self._changed:
            self._ended, self._error = True, error
            self._changed.notify()


@contextmanager
def latest_frames(frames: Iterable[Frame]) -> Iterator[LatestFrames]:
    """While it lasts, frames are read in a background thread; a slow loop gets the newest one.

    Whatever reading raises is raised by the iterator, after the last frame. The thread ends with
    the frames, or with the block; then it may still wait for one frame. Nothing else may iterate
    over the frames meanwhile.
    """
    latest, stopping = LatestFrames(), threading.Event()

    def read() -> None:
        error: BaseException | None = None
        try:
            for frame in frames:
                if stopping.is_set():
                    break
                latest.put(frame)
        except BaseException as reason:  # it belongs to the loop's thread
            error = reason
        latest.end(error)

    thread = threading.Thread(target=read, name="sam2track-latest", daemon=True)
    thread.start()
    try:
        yield latest
    finally:
        stopping.set()
        thread.join()
