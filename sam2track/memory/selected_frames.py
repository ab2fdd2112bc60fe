"""Memory of selected frames of any age: the common part of policies that select frames.

Whether a frame is selected is decided when it is stored and never changes. So the last n selected
frames are the same as a search through the whole history would find, and the others can be deleted.
"""

from __future__ import annotations

from dataclasses import InitVar, dataclass
from itertools import islice

from ..types import Choice, MemoryFrame, Recall
from .archive import Archive
from .bank import BankMemory, around
from .candidate_selection import BestScoreSelector, FrameCandidates, Selection, SelectorFactory
from .sorted_frames import SortedFrames


@dataclass(kw_only=True, eq=False)
class SelectedFramesMemory(BankMemory):
    """A policy that attends to anchors, the last selected frames, and the frame before.

    A subclass decides in :meth:`selects` which frames are selected. If it keeps more sets of
    frames, it lists them in ``sets``, and has its own :meth:`store`, :meth:`evict` and recall.

    Args:
        selector: makes the selector, which chooses the mask.
        recent, pointers, span, slots, archive: see :class:`sam2track.memory.bank.BankMemory`.
    """

    selector: InitVar[SelectorFactory] = BestScoreSelector

    def __post_init__(self, slots: int, archive: Archive | None, selector: SelectorFactory) -> None:
        super().__post_init__(slots, archive)
        self.reach = max(self.recent, self.span - 1)
        self.mask_selector = selector()
        self.selection: Selection | None = None  # on the last frame
        self.direction = 1  # of the last frame
        self.selected = SortedFrames()
        self.sets = [self.selected]

    def selects(self, selection: Selection) -> bool:
        """Whether to remember the frame on which this mask was chosen."""
        raise NotImplementedError

    def recall(self, index: int, direction: int) -> list[Recall]:
        return [self.recall_of(self.attended(index, direction), index, direction)]

    def attended(self, index: int, direction: int) -> list[int]:
        """The frames that a frame attends to, the nearest first, without anchors."""
        before = index - direction
        kept = [*islice(self.selected.before(index, direction), self.reach)]
        return [before, *kept] if before in self.bank and before not in kept else kept

    def choose(self, candidates: FrameCandidates, index: int, direction: int) -> Choice:
        self.selection = self.mask_selector.select(candidates, index, direction)
        self.direction = direction
        return self.selection.choice()

    def remember(self, memories: list[MemoryFrame], *, anchor: bool) -> None:
        index = memories[0].index
        self.bank.write(memories[0], anchor=anchor)
        for frames in self.sets:
            frames.discard(index)
        if not anchor:
            if self.selection is not None:
                self.store(index, self.selection)
            self.evict(index)

    def store(self, index: int, selection: Selection) -> None:
        """Add a frame to the sets that it belongs to."""
        if self.selects(selection):
            self.selected.add(index)

    def evict(self, index: int) -> None:
        """Keep what a recall on the next frame, in either direction, may need."""
        # One neighbour in each direction stays, selected or not: the frame before is recalled again
        # when this one is corrected.
        spatial = {*self.selected.near(index, self.recent), *around(index, 1)}
        self.bank.keep(spatial, {*self.selected.near(index, self.reach), *around(index, 1)})
        if self.bank.archive is None:
            self.selected.trim(index, self.reach)
