"""A sorted set of frame indices, read backwards from any frame in either direction of tracking."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator


class SortedFrames:
    """The set."""

    def __init__(self) -> None:
        self.indices: list[int] = []

    def __contains__(self, index: int) -> bool:
        place = bisect_left(self.indices, index)
        return place < len(self.indices) and self.indices[place] == index

    def add(self, index: int) -> None:
        if index not in self:
            insort(self.indices, index)

    def discard(self, index: int) -> None:
        if index in self:
            del self.indices[bisect_left(self.indices, index)]

    def before(self, index: int, direction: int) -> Iterator[int]:
        """The indices before ``index`` in the direction of tracking, the nearest first."""
        earlier = range(bisect_left(self.indices, index) - 1, -1, -1)
        later = range(bisect_right(self.indices, index), len(self.indices))
        return (self.indices[place] for place in (earlier if direction == 1 else later))

    def near(self, index: int, reach: int) -> list[int]:
        """``index`` itself, if it is there, and up to ``reach`` neighbours on either side."""
        first, last = bisect_left(self.indices, index), bisect_right(self.indices, index)
        return self.indices[max(first - reach, 0) : last + reach]

    def trim(self, index: int, reach: int) -> None:
        """Keep only the frames that :meth:`near` gives."""
        self.indices = self.near(index, reach)
