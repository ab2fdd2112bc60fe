"""BANK: what SAM 3's tracker remembers: frames on which the object was surely seen."""

from __future__ import annotations

import math

from .archive import Archive
from .chooser import BestChooser, ChooserFactory, Chosen
from .ranked import RankedBank, RankedMemory


class SelectMemory(RankedMemory):
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
        bank = RankedBank(
            recent=min(recent, slots - 1), pointers=pointers, span=span, archive=archive
        )
        super().__init__(bank, chooser())
        self.min_score = min_score

    def admits(self, chosen: Chosen) -> bool:
        sureness = math.tanh(chosen.presence / 2)  # = 2 sigmoid(presence) - 1
        return chosen.present and sureness * chosen.score > self.min_score
