"""Reading ahead in a background thread, so that decoding and tracking overlap."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

from ..types import Frame


@contextmanager
def read_ahead(frames: Iterable[Frame], depth: int = 4) -> Iterator[Iterator[Frame]]:
    """In this context, frames are read in a background thread, at most ``depth`` (>= 1) ahead.

    An error of reading is raised by the iterator, after the frames before it. The thread ends
    with the frames, or with the context. No other code may iterate over the frames meanwhile.
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

    def give() -> Iterator[Frame]:
        while (item := waiting.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item

    thread = threading.Thread(target=fill, name="sam2track-prefetch", daemon=True)
    thread.start()
    try:
        yield give()
    finally:
        stopping.set()
        while thread.is_alive():  # it may be waiting to put an item: empty the queue until it ends
            with suppress(queue.Empty):
                waiting.get(timeout=0.01)
        while not waiting.empty():
            waiting.get()
        waiting.put(None)  # the end for a running iterator
