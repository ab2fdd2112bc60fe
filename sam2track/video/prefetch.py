"""Reading ahead in a background thread, so that decoding and tracking overlap."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

from ..types import Frame


@contextmanager
def read_ahead(frames: Iterable[Frame], depth: int = 4) -> Iterator[FramesAhead]:
    """While it lasts, frames are read in a background thread, at most ``depth`` ahead.

    Whatever reading raises is raised by the iterator, after the frames before it. The thread ends
    with the frames, or with the block.

    Args:
        frames: what to read; nothing else may iterate over it meanwhile.
        depth: frames in waiting, at least 1.

    Raises:
        ValueError: if depth is less than 1.
    """
    if depth < 1:
        raise ValueError(f"depth is {depth}; give 1 or more")
    reader = FramesAhead(frames, depth)
    try:
        yield reader
    finally:
        reader.stop()


class FramesAhead:
    """An iterator over frames that a thread reads into a bounded queue."""

    def __init__(self, frames: Iterable[Frame], depth: int) -> None:
        self._queue: queue.Queue[Frame | BaseException | None] = queue.Queue(depth)
        self._stopping = threading.Event()
        self._ended = False
        self._thread = threading.Thread(
            target=self._fill, args=(frames,), name="sam2track-prefetch", daemon=True
        )
        self._thread.start()

    def _fill(self, frames: Iterable[Frame]) -> None:
        last: BaseException | None = None
        try:
            for frame in frames:
                self._queue.put(frame)
                if self._stopping.is_set():
                    return
        except BaseException as error:  # it belongs to the consumer's thread
            last = error
        self._queue.put(last)

    def __iter__(self) -> Iterator[Frame]:
        return self

    def __next__(self) -> Frame:
        item = None if self._ended else self._queue.get()
        self._ended = not isinstance(item, Frame)
        if item is None:
            raise StopIteration
        if isinstance(item, BaseException):
            raise item
        return item

    def waiting(self) -> Frame | None:
        """The frame that comes next, if it has been read already."""
        with self._queue.mutex:
            first = self._queue.queue[0] if self._queue.queue else None
        return first if isinstance(first, Frame) else None

    def stop(self) -> None:
        """End the thread. It may be waiting to put one thing, so make room until it is gone."""
        self._stopping.set()
        while self._thread.is_alive():
            with suppress(queue.Empty):
                self._queue.get(timeout=0.01)
        while not self._queue.empty():
            self._queue.get()
        self._queue.put(None)  # whoever still iterates is at the end
