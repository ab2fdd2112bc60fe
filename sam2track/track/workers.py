"""Work on many objects, shared out among threads.

The operations of a small model on a CPU are too short to be split between cores one by one. Whole
objects are split instead: each thread takes some of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from ..device import cpu_threads

OBJECTS_EACH = 4  # at most, per thread; fewer are faster in one thread (measured on two cores)
T = TypeVar("T")
R = TypeVar("R")


class Workers:
    """Threads that objects are shared out among, the caller's included.

    Args:
        most: how many threads at most; 1 = the caller's alone.

    Raises:
        ValueError: if that is less than 1.
    """

    def __init__(self, most: int) -> None:
        if most < 1:
            raise ValueError(f"workers={most}: must be a whole number from 1")
        self.most = most
        self._reserved = 0  # threads that do something else meanwhile
        self._others = ThreadPoolExecutor(max(1, most - 1), "sam2track-objects")

    def count(self, objects: int) -> int:
        """The number of threads for a number of objects."""
        return max(1, min(self.most - self._reserved, math.ceil(objects / OBJECTS_EACH)))

    @contextmanager
    def share_cpu(self, objects: int) -> Iterator[None]:
        """While it lasts, one thread is left for encoding frames ahead, and for writing.

        The threads for so many objects and that one share the CPU's. On two cores eight objects in
        two threads, beside it, take a quarter more CPU time and longer than in one.
        """
        self._reserved = 1
        try:
            with cpu_threads(max(1, self.most // (self.count(objects) + 1))):
                yield
        finally:
            self._reserved = 0

    def map(self, work: Callable[[T], R], shares: Sequence[T]) -> list[R]:
        """Do some work on each share, in a thread of its own."""
        first, *rest = shares
        futures = [self._others.submit(work, share) for share in rest]
        return [work(first), *(future.result() for future in futures)]
