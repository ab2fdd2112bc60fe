"""SAM 2's own policy: every anchor, the last frames, the last pointers."""

from __future__ import annotations

from dataclasses import dataclass

from ..types import ANCHOR_SLOT, Choice, MemoryFrame, Recall
from .bank import BankMemory, around, make_recall, past_pointers
from .candidate_selection import FrameCandidates
from .protocol import best_candidate


@dataclass(kw_only=True, eq=False)
class FifoMemory(BankMemory):
    """First in, first out (SAM 2, 2408.00714, section 4).

    A frame attends to the spatial memories of all anchors and of the last ``recent`` frames, and
    to the pointers of the anchors before it and of the last ``pointers - 1`` frames.

    Args:
        recent, pointers, span, slots, archive: see :class:`sam2track.memory.bank.BankMemory`.
    """

    def recall(self, index: int, direction: int) -> list[Recall]:
        anchors = self.bank.anchors
        memories = [(anchor, ANCHOR_SLOT) for anchor in anchors.values()]
        for ago in range(self.recent, 0, -1):
            memory = self.bank.memory(index - direction * ago)
            if memory is not None:
                memories.append((memory, ago - 1))
        pointers = past_pointers(anchors, index, direction)
        for ago in range(1, self.span):
            pointer = self.bank.pointer(index - direction * ago)
            if pointer is not None:
                pointers.append((pointer, ago))
        return [make_recall(memories, pointers, self.span)]

    def choose(self, candidates: FrameCandidates, index: int, direction: int) -> Choice:
        return best_candidate(candidates.on_device)

    def remember(self, memories: list[MemoryFrame], *, anchor: bool) -> None:
        index = memories[0].index
        self.bank.write(memories[0], anchor=anchor)
        if not anchor:
            self.bank.keep(around(index, self.recent), around(index, self.span))
