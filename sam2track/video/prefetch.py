"""Reading ahead in a background thread, so that decoding and tracking overlap."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

from ..types import Frame


class FramesAhead:
    """An iterator over frames that a thread puts into a queue."""

    def __init__(self, waiting: queue.Queue[Frame | BaseException | None]) -> None:
        self._waiting = waiting
        self._ended = False

    def __iter__(self) -> Iterator[Frame]:
        return self

    def __next__(self) -> Frame:
        item = None if self._ended else self._waiting.get()
        self._ended = not isinstance(item, Frame)
        if item is None:
            raise StopIteration
        if isinstance(item, BaseException):
            raise item
        return item

    def next(self) -> Frame | None:
        """The frame that comes next, if it has been read already; it stays in the queue."""
        with self._waiting.mutex:
            first = self._waiting.queue[0] if self._waiting.queue else None
        return first if isinstance(first, Frame) else None


@contextmanager
def read_ahead(frames: Iterable[Frame], depth: int = 4) -> Iterator[FramesAhead]:
    """While it lasts, frames are read in a background thread, at most ``depth`` (>= 1) ahead.

    Whatever reading raises is raised by the iterator, after the frames before it. The thread ends
    with the frames, or with the block. Nothing else may iterate over the frames meanwhile.
    """
    if depth < 1:
        raise ValueError(f"depth is {depth}; give 1 or more")
    waiting: queue.Queue[Frame | BaseException | None] = queue.Queue(depth)  # None at the end
    stopping = threading.Event()

    def fill() -> None:
        last: BaseException | None = None
        try:
            for frame in frames:
                waiting.put(frame)
                if stopping.is_set():
                    return
        except BaseException as error:  # it belongs to the consumer's thread
            last = error
        waiting.put(last)

    thread = threading.Thread(target=fill, name="sam2track-prefetch", daemon=True)
    thread.start()
    try:
        yield FramesAhead(waiting)
    finally:
        stopping.set()
        while thread.is_alive():  # it may be waiting to put one thing: make room until it is gone
            with suppress(queue.Empty):
                waiting.get(timeout=0.01)
        while not waiting.empty():
            waiting.get()
        waiting.put(None)  # whoever still iterates is at the end
