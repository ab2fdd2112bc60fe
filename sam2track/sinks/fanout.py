"""Several sinks as one, writing in a background thread while the model works."""

from __future__ import annotations

import queue
import threading
from collections.abc import Sequence
from contextlib import ExitStack

from ..types import Frame, FrameResult
from .sink import Sink, SinkError


class FanOut(Sink):
    """Writes to several sinks from a background thread, in order.

    PNG and H.264 compression release Python's lock, so that writing overlaps with tracking. At most
    ``depth`` frames wait; then :meth:`write` waits. If a sink fails, nothing more is written to
    any, the others are finished, and its error is raised once, by the next write or at the end.

    Args:
        sinks: entered and closed with this one.
        depth: frames in waiting, at least 1.

    Raises:
        ValueError: if depth is less than 1.
    """

    def __init__(self, sinks: Sequence[Sink], depth: int = 2) -> None:
        if depth < 1:
            raise ValueError(f"depth is {depth}; give 1 or more")
        self._sinks = list(sinks)
        self._queue: queue.Queue[tuple[Frame, FrameResult] | None] = queue.Queue(depth)
        self._error: BaseException | None = None
        self._dead = False
        self._thread: threading.Thread | None = None
        self._stack = ExitStack()

    def __enter__(self) -> FanOut:
        with ExitStack() as opening:
            for sink in self._sinks:
                opening.enter_context(sink)
            self._stack = opening.pop_all()
        return self

    def write(self, frame: Frame, result: FrameResult) -> None:
        self._raise_error()
        if self._dead:
            raise ValueError("the sinks have failed or are closed; make new ones")
        if self._thread is None:
            self._thread = threading.Thread(target=self._drain, name="sam2track-sinks", daemon=True)
            self._thread.start()
        self._queue.put((frame, result))

    def note(self, object_id: int, text: str) -> None:
        for sink in self._sinks:
            sink.note(object_id, text)

    def close(self) -> None:
        """Write what waits, finish every sink, and raise the first error not raised yet."""
        try:
            if self._thread is not None:
                self._queue.put(None)
                self._thread.join()
        finally:  # a second Ctrl-C ends the waiting too: then drop what is left
            self._dead = True
            self._end_thread()
            try:
                self._stack.close()
            except SinkError as error:
                self._error = self._error or error
        self._raise_error()

    def _end_thread(self) -> None:
        if self._thread is not None:
            self._queue.put(None)  # a thread that has ended left the queue empty
            self._thread.join()
            self._thread = None

    def _drain(self) -> None:
        while (item := self._queue.get()) is not None:
            if self._dead:
                continue  # empty the queue, so that write() does not wait for ever
            try:
                for sink in self._sinks:
                    sink.write(*item)
            except BaseException as error:  # it belongs to the caller's thread
                self._error, self._dead = error, True

    def _raise_error(self) -> None:
        error, self._error = self._error, None
        if error is not None:
            raise error
