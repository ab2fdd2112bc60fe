"""Results that are decided some frames later.

A memory may follow several hypotheses of an object, and decide only some frames later which was
right (SAM2Long, 2410.16268). Until then the outcomes of a frame are held, one row per hypothesis.
Each row names the row of the frame before that it comes from, so that the best hypothesis in the
end leads back through all frames.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from ..memory import Archive
from ..memory.archive import Record
from ..types import Resolved, WindowBox
from .propagation import Hypotheses

_Saved = tuple[Record, WindowBox | None]


@dataclass(frozen=True, slots=True, eq=False)
class _Held:
    """A frame that waits: by object, its rows (here or on disk) and where they come from."""

    index: int
    objects: dict[int, tuple[Resolved | _Saved, tuple[int, ...] | None]]


class DelayedResults:
    """A queue of frames, each held until it is settled, then until it is taken."""

    def __init__(self) -> None:
        self.held: deque[_Held] = deque()
        self.ready: deque[tuple[_Held, dict[int, int]]] = deque()  # with each object's row
        self.last: tuple[int, int] | None = None  # frame and direction
        self.archive: Archive | None = None

    def add(
        self, index: int, direction: int, hypotheses: dict[int, Hypotheses], *, lag: int | None
    ) -> None:
        """Hold a frame, and settle those that are ``lag`` behind it (None = none).

        What an earlier frame has settled and nobody took is dropped. Without a lag the rows go to
        disk, the logits as ``float16``.
        """
        again = self.last == (index, direction)  # a prompt has changed the frame since
        if again and self.held:
            self.held.pop()
        untaken = self.ready if again else ()
        self.ready = deque((held, pick) for held, pick in untaken if held.index != index)
        if self.last is not None and not again:
            earlier, way = self.last
            if direction != way or (index - earlier) * direction <= 0:
                self.settle(len(self.held))  # rows do not point back across a jump
        self.last = index, direction
        objects = {
            object_id: (self._save(own.resolved) if lag is None else own.resolved, own.parents)
            for object_id, own in hypotheses.items()
        }
        self.held.append(_Held(index, objects))
        if lag is not None:
            self.settle(len(self.held) - lag)

    def settle(self, count: int) -> None:
        """Decide the oldest frames, as things look at the newest."""
        if count <= 0:
            return
        rows: dict[int, int] = {}  # object -> its row on the frame that is looked at
        picks: list[dict[int, int]] = []
        for held in reversed(self.held):
            pick = {}
            for object_id, (_, parents) in held.objects.items():
                row = rows.get(object_id, 0)
                pick[object_id] = 0 if parents is None else row
                rows[object_id] = row if parents is None else parents[row]
            picks.append(pick)
        for _ in range(count):
            self.ready.append((self.held.popleft(), picks.pop()))

    def take(self) -> Iterator[tuple[int, dict[int, Resolved]]]:
        """Frames that are settled, in the order of tracking: the index, and each object's row."""
        while self.ready:
            held, pick = self.ready.popleft()
            outcomes = {}
            for object_id, (rows, _) in held.objects.items():
                if isinstance(rows, tuple):
                    logits, *rest = rows[0].load()
                    rows = Resolved(logits.float(), *rest, window=rows[1])
                row = pick[object_id]
                outcomes[object_id] = rows.rows(row, row + 1)
            yield held.index, outcomes

    def _save(self, own: Resolved) -> _Saved:
        self.archive = self.archive or Archive()
        parts = own.logits.half(), own.pointers, own.scores, own.presence
        return self.archive.save(*parts), own.window
