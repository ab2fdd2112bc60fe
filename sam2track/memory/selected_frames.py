"""Memory of selected frames of any age: the common part of policies that select frames.

Whether a frame is selected is decided when it is stored and never changes. So the last n selected
frames are the same as a search through the whole history would find, and the others can be deleted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import InitVar, dataclass
from itertools import islice

from jaxtyping import Float
from torch import Tensor

from ..types import ANCHOR_SLOT, Choice, MemoryFrame, Recall
from .archive import Archive
from .bank import Bank, around, make_recall, past_pointers
from .candidate_selection import BestScoreSelector, FrameCandidates, Selection, SelectorFactory
from .sorted_frames import SortedFrames


def recall_selected(
    index: int,
    direction: int,
    *,
    anchors: dict[int, MemoryFrame],
    kept: Iterable[int],
    memory: Callable[[int], MemoryFrame | None],
    pointer: Callable[[int], Float[Tensor, " C"] | None],
    recent: int,
    span: int,
) -> Recall:
    """What SAM 2 recalls, from selected frames instead of the last ones.

    The n-th selected frame back takes the temporal embedding and the pointer position of n frames
    ago, whatever its age, since the weights were trained with these only. An anchor among them
    counts as one, as in SAM 2.

    Args:
        index, direction: the frame, and the direction of tracking.
        anchors: all are recalled; of their pointers those from the past.
        kept: selected frames before ``index``, nearest first.
        memory, pointer: give those of a frame.
        recent: the number of spatial memories.
        span: number of frames that scales pointer positions; one more than there are pointers.
    """
    count = max(recent, span - 1)
    places = {i for i in anchors if (index - i) * direction > 0} | set(islice(kept, count))
    walk = sorted(places, key=lambda place: abs(index - place))[:count]
    recalled = [(anchor, ANCHOR_SLOT) for anchor in anchors.values()]
    for rank, place in reversed([*enumerate(walk[:recent])]):
        found = None if place in anchors else memory(place)
        if found is not None:
            recalled.append((found, rank))
    pointers = past_pointers(anchors, index, direction)
    for rank, place in enumerate(walk[: span - 1], 1):
        known = None if place in anchors else pointer(place)
        if known is not None:
            pointers.append((known, rank))
    return make_recall(recalled, pointers, span)


@dataclass(kw_only=True, eq=False)
class SelectedFramesMemory:
    """A policy that attends to anchors, the last selected frames, and the frame before.

    A subclass decides in :meth:`selects` which frames are selected. If it keeps more sets of
    frames, it lists them in ``sets``, and has its own :meth:`store`, :meth:`evict` and recall.

    Args:
        recent: selected frames attended to, at most as many as the weights have temporal
            embeddings for.
        pointers: object pointers attended to, not counting those of anchors.
        selector: makes the selector, which chooses the mask.
        span, slots, archive: see :class:`sam2track.memory.protocol.MemoryFactory`.
    """

    lag = 0
    recent: int = 6
    pointers: int = 16
    selector: InitVar[SelectorFactory] = BestScoreSelector
    span: int = 16
    slots: InitVar[int] = 7
    archive: InitVar[Archive | None] = None

    def __post_init__(self, selector: SelectorFactory, slots: int, archive: Archive | None) -> None:
        self.recent = min(self.recent, slots - 1)
        self.span = min(self.span, self.pointers)
        self.reach = max(self.recent, self.span - 1)
        self.mask_selector = selector()
        self.selection: Selection | None = None  # on the last frame
        self.direction = 1  # of the last frame
        self.bank = Bank(archive)
        self.selected = SortedFrames()
        self.sets = [self.selected]

    def selects(self, selection: Selection) -> bool:
        """Whether to remember the frame on which this mask was chosen."""
        raise NotImplementedError

    def recall(self, index: int, direction: int) -> list[Recall]:
        return [
            recall_selected(
                index,
                direction,
                anchors=self.bank.anchors,
                kept=self.attended(index, direction),
                memory=self.bank.memory,
                pointer=self.bank.pointer,
                recent=self.recent,
                span=self.span,
            )
        ]

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

    def forget(self, index: int) -> None:
        self.bank.anchors.pop(index, None)
