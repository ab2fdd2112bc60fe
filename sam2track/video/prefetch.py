"""Reading ahead in a background thread, so that decoding and tracking overlap."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

from ..types import Frame


@contextmanager
def read_ahead(frames: Iterable[Frame], depth: int = 4) -> Iterator[Iterator[Frame]]:
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
        while thread.is_alive():  # it may be waiting to put one thing: make room until it is gone
            with suppress(queue.Empty):
                waiting.get(timeout=0.01)
        while not waiting.empty():
            waiting.get()
        waiting.put(None)  # whoever still iterates is at the end
