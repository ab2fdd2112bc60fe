"""Reading ahead, so that decoding and tracking overlap.

Room: SOURCE. A source enters, the same source with a thread behind it leaves; the thread may also
do something with every frame.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

from ..types import Frame
from .source import VideoSource


class Prefetch(VideoSource):
    """A source read in a background thread, at most ``depth`` frames ahead.

    Whatever the source or ``each`` raises is raised here, after the frames before it. The thread
    ends when the source does, when the consumer leaves its loop, or on :meth:`close`, which closes
    the source as well.

    Args:
        source: what to read; nothing else may iterate over it meanwhile.
        depth: frames in waiting, at least 1.
        each: what to make of every frame in that thread, or None.

    Raises:
        ValueError: if depth is less than 1.
    """

    def __init__(
        self,
        source: VideoSource,
        depth: int = 4,
        each: Callable[[Frame], Frame] | None = None,
    ) -> None:
        if depth < 1:
            raise ValueError(f"prefetch depth is {depth}; give 1 or more")
        self.name = source.name
        self.size = source.size
        self.fps = source.fps
        self.length = source.length
        self._source = source
        self._depth = depth
        self._each = each
        self._reader: _Reader | None = None

    def __iter__(self) -> Iterator[Frame]:
        self._stop()
        reader = self._reader = _Reader(self._frames(), self._depth)
        try:
            yield from reader
        finally:  # also when the consumer breaks off: the generator is closed then
            reader.stop()

    def close(self) -> None:
        self._stop()
        self._source.close()

    def _frames(self) -> Iterator[Frame]:
        return iter(self._source) if self._each is None else map(self._each, self._source)

    def _stop(self) -> None:
        if self._reader is not None:
            self._reader.stop()
            self._reader = None


class _Reader:
    """One pass over a source: a thread that fills a bounded queue."""

    def __init__(self, frames: Iterator[Frame], depth: int) -> None:
        self._queue: queue.Queue[Frame | BaseException | None] = queue.Queue(depth)
        self._stopping = threading.Event()
        self._thread = threading.Thread(
            target=self._fill, args=(frames,), name="sam2track-prefetch", daemon=True
        )
        self._thread.start()

    def _fill(self, frames: Iterator[Frame]) -> None:
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
        while True:
            item = self._queue.get()
            if item is None:
                return
            if isinstance(item, BaseException):
                raise item
            yield item

    def stop(self) -> None:
        """End the thread. It may be waiting to put one thing, so make room until it is gone."""
        self._stopping.set()
        while self._thread.is_alive():
            with suppress(queue.Empty):
                self._queue.get(timeout=0.01)
        while not self._queue.empty():
            self._queue.get()
        self._queue.put(None)  # whoever still iterates is at the end
