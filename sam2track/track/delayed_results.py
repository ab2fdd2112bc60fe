"""TRACK: results that are decided late.

A memory may follow several hypotheses of an object, and settle only some frames later which was
right. Until then a frame's outcomes are held, a row a hypothesis. Each row points to the row of the
frame before that it comes from, so that the best in the end has one way back through all frames.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import UInt8

from ..memory import Archive
from ..memory.archive import Record
from ..types import Frame, Resolved


@dataclass(frozen=True, slots=True, eq=False)
class Branches:
    """What became of one object on one frame.

    Attributes:
        resolved: a row a hypothesis, the best first.
        parents: for each row, which row of the frame before it comes from; None on a prompted
            frame, whose one row all hypotheses share.
    """

    resolved: Resolved
    parents: tuple[int, ...] | None


@dataclass(frozen=True, slots=True, eq=False)
class _Held:
    """A frame that waits: by object, its rows (here or on disk) and where they come from."""

    index: int
    picture: UInt8[np.ndarray, "H W 3"] | None
    rows: dict[int, Resolved | Record]
    parents: dict[int, tuple[int, ...] | None]


class LateResults:
    """A queue of frames, each held until it is settled, then until it is taken."""

    def __init__(self) -> None:
        self.held: deque[_Held] = deque()
        self.ready: deque[tuple[_Held, dict[int, int]]] = deque()  # with each object's row
        self.last: tuple[int, int] | None = None  # frame and direction
        self.archive: Archive | None = None

    def add(
        self, frame: Frame, direction: int, branches: dict[int, Branches], *, lag: int | None
    ) -> None:
        """Hold a frame, and settle those that are ``lag`` behind it (None = none).

        What an earlier frame has settled and nobody took is dropped. Without a lag the rows go to
        disk, the logits as ``float16``, and the picture is not kept.
        """
        index = frame.index
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
        parents = {object_id: own.parents for object_id, own in branches.items()}
        rows = {
            object_id: self._save(own.resolved) if lag is None else own.resolved
            for object_id, own in branches.items()
        }
        picture = None if lag is None else frame.image
        self.held.append(_Held(index, picture, rows, parents))
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

    def take(
        self, device: torch.device
    ) -> Iterator[tuple[int, UInt8[np.ndarray, "H W 3"] | None, dict[int, Resolved]]]:
        """Frames that are settled: the index, the picture if it was kept, each object's row; in the
        order of tracking."""
        while self.ready:
            held, pick = self.ready.popleft()
            outcomes = {}
            for object_id, rows in held.rows.items():
                resolved = self._load(rows, device) if isinstance(rows, Record) else rows
                row = pick[object_id]
                outcomes[object_id] = resolved.rows(row, row + 1)
            self._free(held)
            yield held.index, held.picture, outcomes

    def _save(self, resolved: Resolved) -> Record:
        self.archive = self.archive or Archive()
        return self.archive.save(
            resolved.logits.half(), resolved.pointers, resolved.scores, resolved.presence
        )

    def _load(self, record: Record, device: torch.device) -> Resolved:
        assert self.archive is not None
        logits, *rest = (tensor.to(device) for tensor in self.archive.load(record))
        return Resolved(logits.float(), *rest)

    def _free(self, held: _Held) -> None:
        for rows in held.rows.values():
            if isinstance(rows, Record) and self.archive is not None:
                self.archive.drop(rows)
