"""Reads a source ahead in a background thread, so that decoding and tracking overlap."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

from ..types import Frame
from .source import VideoSource


class Prefetch(VideoSource):
    """A source that is read in a background thread, at most ``depth`` frames ahead.

    An error of the source or of ``each`` is raised here, after the frames before it. The thread
    ends when the source ends, when the consumer leaves its loop, or on :meth:`close`, which closes
    the source as well.

    Args:
        source: what to read; nothing else may iterate over it meanwhile.
        depth: most frames that wait to be consumed, at least 1.
        each: applied to every frame in that thread, or None.

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
        self.pixel_aspect = source.pixel_aspect
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
        except BaseException as error:  # is raised again in the consumer's thread
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
        """End the thread. It may wait to put an item, so the queue is emptied until it ends."""
        self._stopping.set()
        while self._thread.is_alive():
            with suppress(queue.Empty):
                self._queue.get(timeout=0.01)
        while not self._queue.empty():
            self._queue.get()
        self._queue.put(None)  # ends a loop that still iterates
