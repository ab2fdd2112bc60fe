"""SAM 3's policy: frames on which the object was seen with a good score."""

from __future__ import annotations

import math

from .archive import Archive
from .candidate_selection import BestScoreSelector, Selection, SelectorFactory
from .selected_frames import SelectedFramesMemory


class SelectMemory(SelectedFramesMemory):
    """Selects frames by an effective score (SAM 3, 2511.16719, the tracker's memory).

    The score is ``(2 sigmoid(presence) - 1) * predicted IoU`` where the object is present, else 0.
    Frames above ``min_score`` are attended to, however long ago, and the frame before always.

    Args:
        recent: selected frames attended to.
        pointers: object pointers attended to, not counting those of anchors.
        min_score: effective score, 0..1.
        selector: takes the mask.
        span, slots, archive: see :class:`sam2track.memory.protocol.MemoryFactory`.
    """

    def __init__(
        self,
        *,
        recent: int = 6,
        pointers: int = 16,
        min_score: float = 0.01,
        selector: SelectorFactory = BestScoreSelector,
        span: int = 16,
        slots: int = 7,
        archive: Archive | None = None,
    ) -> None:
        super().__init__(
            recent=recent,
            pointers=pointers,
            selector=selector,
            span=span,
            slots=slots,
            archive=archive,
        )
        self.min_score = min_score

    def selects(self, selection: Selection) -> bool:
        return selection.present and effective_score(selection) > self.min_score


def effective_score(selection: Selection) -> float:
    """Presence times quality: ``(2 sigmoid(presence) - 1) * predicted IoU``."""
    return math.tanh(selection.presence / 2) * selection.score
