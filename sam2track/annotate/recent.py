"""Values that were used last, as far as memory allows."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

V = TypeVar("V")


class Recent(Generic[V]):
    """Keeps the values that were used last. Several threads may use it.

    Args:
        limit: of the sum of their sizes; the value that was kept last stays in any case.
        size: of a value; default: 1, so that ``limit`` counts values.
    """

    def __init__(self, limit: int, size: Callable[[V], int] = lambda value: 1) -> None:
        self._limit, self._size = limit, size
        self._values: OrderedDict[Hashable, V] = OrderedDict()
        self._used, self._guard = 0, threading.Lock()

    def get(self, key: Hashable) -> V | None:
        """A value, if it is kept."""
        with self._guard:
            if key not in self._values:
                return None
            self._values.move_to_end(key)
            return self._values[key]

    def put(self, key: Hashable, value: V) -> V:
        """Keep a value, which comes back."""
        with self._guard:
            old = self._values.pop(key, None)
            self._used += self._size(value) - (0 if old is None else self._size(old))
            self._values[key] = value
            while self._used > self._limit and len(self._values) > 1:
                _, dropped = self._values.popitem(last=False)
                self._used -= self._size(dropped)
        return value
