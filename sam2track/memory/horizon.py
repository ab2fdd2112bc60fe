"""BANK: sure frames from near and far: for what hides, or is away for long, and comes back."""

from __future__ import annotations

import math
from itertools import islice

from ..types import Choice, MemoryFrame, Recall
from .adaptive_presence import WaryChooser
from .archive import Archive
from .bank import Bank
from .chooser import Chooser, ChooserFactory, Chosen
from .evidence import Evidence
from .fifo import around
from .ranked import ranked_recall
from .trail import Trail


class HorizonMemory:
    """Remembers the last sure frame of every horizon. This project's own.

    Sure frames, by the effective score of :class:`sam2track.memory.select.SelectMemory`, are
    counted. Attended to are: the frame before, unless the object was absent there; the newest sure
    one; of those whose number is a multiple of ``base``, ``base ** 2``, and so on, the newest each;
    and newest ones where places are left. So a few places reach back exponentially far, a mistake
    that lasts a while holds few of them, and the emptiness of frames without the object is not
    remembered at all. The pointers are those of the same frames.

    Args:
        recent: places.
        base: the ratio of one horizon to the next.
        min_score: effective score of a sure frame, 0..1.
        chooser: takes the mask and tells when the object is gone.
        span, slots, archive: see :class:`sam2track.memory.protocol.MemoryFactory`.
    """

    lag = 0

    def __init__(
        self,
        *,
        recent: int = 6,
        base: int = 4,
        min_score: float = 0.3,
        chooser: ChooserFactory = WaryChooser,
        span: int = 16,
        slots: int = 7,
        archive: Archive | None = None,
    ) -> None:
        self.recent = min(recent, slots - 1)
        self.base = base
        self.min_score = min_score
        self.chooser: Chooser = chooser()
        self.chosen: tuple[Chosen, int] | None = None  # and the direction
        self.span = span
        self.bank = Bank(archive)
        self.present = Trail()
        self.sure = Trail()
        self.numbers: dict[int, int] = {}  # of the sure frames
        self.horizons = [Trail() for _ in range(max(self.recent - 2, 0))]

    def recall(self, index: int, direction: int) -> list[Recall]:
        before = index - direction
        newest = [*islice(self.sure.behind(index, direction), self.recent)]
        far = (next(horizon.behind(index, direction), None) for horizon in self.horizons)
        wanted = [before if before in self.present else None, *newest[:1], *far, *newest]
        places = [place for place in dict.fromkeys(wanted) if place is not None][: self.recent]
        return [
            ranked_recall(
                index,
                direction,
                anchors=self.bank.anchors,
                kept=sorted(places, key=lambda place: abs(index - place)),
                memory=self.bank.memory,
                pointer=self.bank.pointer,
                recent=self.recent,
                span=self.span,
            )
        ]

    def choose(self, evidence: Evidence, index: int, direction: int) -> Choice:
        chosen = self.chooser.choose(evidence, index, direction)
        self.chosen = chosen, direction
        return chosen.choice()

    def remember(self, memories: list[MemoryFrame], *, anchor: bool) -> None:
        index = memories[0].index
        self.bank.write(memories[0], anchor=anchor)
        for trail in (self.present, self.sure, *self.horizons):
            trail.discard(index)
        if anchor or self.chosen is None:
            return
        chosen, direction = self.chosen
        if chosen.present:
            self.present.add(index)
        if chosen.present and math.tanh(chosen.presence / 2) * chosen.score > self.min_score:
            self._count(index, direction)
        self._evict(index)

    def _count(self, index: int, direction: int) -> None:
        last = next(self.sure.behind(index, direction), None)
        number = 1 if last is None else self.numbers[last] + 1
        self.sure.add(index)
        self.numbers[index] = number
        for power, horizon in enumerate(self.horizons, 1):
            if number % self.base**power == 0:
                horizon.add(index)

    def _evict(self, index: int) -> None:
        """A stream keeps what the next recall, either way, may ask for."""
        kept = {*around(index, 1), *self.sure.near(index, self.recent)}
        for horizon in self.horizons:
            kept.update(horizon.near(index, 1))
        self.bank.keep(kept, kept)
        if self.bank.archive is None:
            self.present.trim(index, 1)
            self.sure.trim(index, self.recent)
            self.numbers = {place: self.numbers[place] for place in self.sure.indices}
            for horizon in self.horizons:
                horizon.trim(index, 1)

    def forget(self, index: int) -> None:
        self.bank.anchors.pop(index, None)
