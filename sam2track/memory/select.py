"""BANK: what SAM 3's tracker remembers: frames on which the object was surely seen."""

from __future__ import annotations

import math

from ..types import Choice, MemoryFrame, Recall
from .archive import Archive
from .chooser import BestChooser, Chooser, ChooserFactory, Chosen
from .evidence import Evidence
from .ranked import RankedBank


class SelectMemory:
    """Remembers by one number, presence times quality (SAM 3, 2511.16719, the tracker's memory).

    The effective score of a frame is ``(2 sigmoid(presence) - 1) * predicted IoU`` where the object
    is present, else 0. Frames above ``min_score`` are remembered, however long ago, and the frame
    before always.

    Args:
        recent: remembered frames attended to.
        pointers: object pointers attended to, not counting those of anchors.
        min_score: effective score, 0..1.
        chooser: takes the mask.
        span, slots, archive: see :class:`sam2track.memory.protocol.MemoryFactory`.
    """

    lag = 0

    def __init__(
        self,
        *,
        recent: int = 6,
        pointers: int = 16,
        min_score: float = 0.01,
        chooser: ChooserFactory = BestChooser,
        span: int = 16,
        slots: int = 7,
        archive: Archive | None = None,
    ) -> None:
        self.bank = RankedBank(
            recent=min(recent, slots - 1), pointers=pointers, span=span, archive=archive
        )
        self.min_score = min_score
        self.chooser: Chooser = chooser()
        self.chosen: Chosen | None = None

    def recall(self, index: int, direction: int) -> list[Recall]:
        return [self.bank.recall(index, direction)]

    def choose(self, evidence: Evidence, index: int, direction: int) -> Choice:
        self.chosen = self.chooser.choose(evidence, index, direction)
        return self.chosen.choice()

    def remember(self, memories: list[MemoryFrame], *, anchor: bool) -> None:
        admit = not anchor and self.chosen is not None and self._admits(self.chosen)
        self.bank.write(memories[0], anchor=anchor, admit=admit)

    def _admits(self, chosen: Chosen) -> bool:
        sureness = math.tanh(chosen.presence / 2)  # = 2 sigmoid(presence) - 1
        return chosen.presence > 0 and sureness * chosen.score > self.min_score

    def forget(self, index: int) -> None:
        self.bank.forget(index)
