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

import torch

from ..memory import Archive
from ..memory.archive import Record
from ..types import Resolved, WindowBox
from .propagation import Hypotheses

_Saved = tuple[Record, WindowBox | None]


@dataclass(frozen=True, slots=True, eq=False)
class _Held:
    """A frame that waits: by object, its rows (here or on disk) and where they come from."""

    index: int
    rows: dict[int, Resolved | _Saved]
    parents: dict[int, tuple[int, ...] | None]


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
            self._free(self.held.pop())
        untaken, self.ready = self.ready, deque()
        for held, pick in untaken:
            if again and held.index != index:
                self.ready.append((held, pick))
            else:
                self._free(held)
        if self.last is not None and not again:
            earlier, way = self.last
            if direction != way or (index - earlier) * direction <= 0:
                self.settle(len(self.held))  # rows do not point back across a jump
        self.last = index, direction
        parents = {object_id: own.parents for object_id, own in hypotheses.items()}
        rows = {
            object_id: self._save(own.resolved) if lag is None else own.resolved
            for object_id, own in hypotheses.items()
        }
        self.held.append(_Held(index, rows, parents))
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
            for object_id, parents in held.parents.items():
                row = rows.get(object_id, 0)
                pick[object_id] = 0 if parents is None else row
                rows[object_id] = row if parents is None else parents[row]
            picks.append(pick)
        for _ in range(count):
            self.ready.append((self.held.popleft(), picks.pop()))

    def take(self, device: torch.device) -> Iterator[tuple[int, dict[int, Resolved]]]:
        """Frames that are settled, in the order of tracking: the index, and each object's row."""
        while self.ready:
            held, pick = self.ready.popleft()
            outcomes = {}
            for object_id, rows in held.rows.items():
                resolved = self._load(rows, device) if isinstance(rows, tuple) else rows
                row = pick[object_id]
                outcomes[object_id] = resolved.rows(row, row + 1)
            self._free(held)
            yield held.index, outcomes

    def _save(self, resolved: Resolved) -> _Saved:
        self.archive = self.archive or Archive()
        record = self.archive.save(
            resolved.logits.half(), resolved.pointers, resolved.scores, resolved.presence
        )
        return record, resolved.window

    def _load(self, saved: _Saved, device: torch.device) -> Resolved:
        assert self.archive is not None
        logits, *rest = (tensor.to(device) for tensor in self.archive.load(saved[0]))
        return Resolved(logits.float(), *rest, window=saved[1])

    def _free(self, held: _Held) -> None:
        for rows in held.rows.values():
            if isinstance(rows, tuple) and self.archive is not None:
                self.archive.drop(rows[0])
