"""Several sinks as one, writing in a background thread while the model works."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace

from ..types import Frame, FrameResult, expect
from .sink import Sink, SinkError, check_result


class FanOut(Sink):
    """Writes to several sinks from a background thread, in order.

    PNG and H.264 compression release Python's lock, so writing overlaps with tracking. At most
    ``depth`` frames wait; then :meth:`write` waits. If a sink fails, writing
    stops, the others are finished, and its error is raised once, by the next write or at the end.

    Args:
        sinks: entered and closed with this one.
        depth: frames in waiting, at least 1.
        thread: writes, and ends with this sink; it may do something else in between. None = one of
            its own.

    Raises:
        ValueError: if depth is less than 1.
    """

    def __init__(
        self, sinks: Sequence[Sink], depth: int = 2, thread: Executor | None = None
    ) -> None:
        if depth < 1:
            raise ValueError(f"depth is {depth}; give 1 or more")
        self._sinks = list(sinks)
        for sink in self._sinks:
            expect(sink, Sink, "a sink", 'one such as PaletteSink("masks")')
        self._depth = depth
        self._thread = thread or ThreadPoolExecutor(1, "sam2track-sinks")
        self._waiting: deque[Future[None]] = deque()
        self._ended = False  # a sink has failed, or all are closed
        self._stack = ExitStack()

    def __enter__(self) -> FanOut:
        with ExitStack() as opening:
            for sink in self._sinks:
                opening.enter_context(sink)
            self._stack = opening.pop_all()
        return self

    def write(self, frame: Frame, result: FrameResult) -> None:
        check_result(frame, result)
        self._wait(self._depth)
        if self._ended:
            raise ValueError("the sinks have failed or are closed; make new ones")
        self._waiting.append(self._thread.submit(self._write, frame, result))

    def note(self, object_id: int, text: str) -> None:
        for sink in self._sinks:
            sink.note(object_id, text)

    def close(self) -> None:
        """Write the waiting frames, finish every sink, and raise the first error not raised yet."""
        error = None
        try:
            self._wait(0)
        except Exception as first:
            error = first
        finally:  # a second Ctrl-C ends the waiting too; then the waiting frames are not written
            self._ended = True
            self._thread.shutdown(cancel_futures=True)
            try:
                self._stack.close()
            except SinkError as last:
                error = error or last
        if error is not None:
            raise error

    def _wait(self, count: int) -> None:
        """Wait until at most ``count`` frames wait; raises the error of a frame that is done."""
        while self._waiting and (len(self._waiting) > count or self._waiting[0].done()):
            self._waiting.popleft().result()

    def _write(self, frame: Frame, result: FrameResult) -> None:
        """Runs in the thread."""
        if self._ended:
            return
        result = replace(result, known_boxes=result.boxes())  # which several sinks need
        try:
            for sink in self._sinks:
                sink.write(frame, result)
        except BaseException:
            self._ended = True
            raise
