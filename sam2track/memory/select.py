"""SAM 3's policy: frames on which the object was seen with a good score."""

from __future__ import annotations

from dataclasses import dataclass

from .candidate_selection import Selection
from .selected_frames import SelectedFramesMemory


@dataclass(kw_only=True, eq=False)
class SelectMemory(SelectedFramesMemory):
    """Selects frames by an effective score (SAM 3, 2511.16719, the tracker's memory).

    The score is ``(2 sigmoid(presence) - 1) * predicted IoU`` where the object is present, else 0.
    Frames above ``min_score`` are attended to, whatever their age, and always the previous frame.

    Args:
        min_score: effective score, 0..1.
        recent, pointers, selector, span, slots, archive: see :class:`SelectedFramesMemory`.
    """

    min_score: float = 0.01

    def selects(self, selection: Selection) -> bool:
        return selection.present and selection.effective_score > self.min_score
