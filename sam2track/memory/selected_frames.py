"""Memory of selected frames, however long ago: what policies that select frames share.

Whether a frame is selected is decided when it is written and never changes. So the last n selected
frames are the same as a search through the whole history would find, and the others can be dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice

from jaxtyping import Float
from torch import Tensor

from ..types import ANCHOR_SLOT, Choice, MemoryFrame, Recall
from .archive import Archive
from .bank import Bank, make_recall, past_pointers
from .candidate_selection import Selection, Selector, SelectorFactory
from .host_candidates import FrameCandidates
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
    ago, however long ago it was, since the weights know no others. An anchor among them counts as
    one, as it does in SAM 2.

    Args:
        index, direction: the frame, and the direction of tracking.
        anchors: all are recalled; of their pointers those from the past.
        kept: selected frames before ``index``, nearest first.
        memory, pointer: give those of a frame.
        recent: how many frames' spatial memories.
        span: frames that pointer positions are measured against; one more than there are pointers.
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


class SelectedFramesMemory:
    """A policy that attends to anchors, the last selected frames, and the frame before.

    A subclass says in :meth:`selects` which frames are selected.

    Args:
        recent: selected frames attended to.
        pointers: object pointers attended to, not counting those of anchors.
        selector: takes the mask.
        span, slots, archive: see :class:`sam2track.memory.protocol.MemoryFactory`.
    """

    lag = 0

    def __init__(
        self,
        *,
        recent: int,
        pointers: int,
        selector: SelectorFactory,
        span: int,
        slots: int,
        archive: Archive | None,
    ) -> None:
        self.recent = min(recent, slots - 1)
        self.span = min(span, pointers)
        self.reach = max(self.recent, self.span - 1)
        self.selector: Selector = selector()
        self.selection: Selection | None = None
        self.bank = Bank(archive)
        self.selected = SortedFrames()

    def selects(self, selection: Selection) -> bool:
        """Whether to remember the frame on which this mask was taken."""
        raise NotImplementedError

    def recall(self, index: int, direction: int) -> list[Recall]:
        before = index - direction
        kept = [*islice(self.selected.before(index, direction), self.reach)]
        if before in self.bank and before not in kept:
            kept = [before, *kept]
        return [
            recall_selected(
                index,
                direction,
                anchors=self.bank.anchors,
                kept=kept,
                memory=self.bank.memory,
                pointer=self.bank.pointer,
                recent=self.recent,
                span=self.span,
            )
        ]

    def choose(self, candidates: FrameCandidates, index: int, direction: int) -> Choice:
        self.selection = self.selector.select(candidates, index, direction)
        return self.selection.choice()

    def remember(self, memories: list[MemoryFrame], *, anchor: bool) -> None:
        index = memories[0].index
        self.bank.write(memories[0], anchor=anchor)
        self.selected.discard(index)
        if anchor:
            return
        if self.selection is not None and self.selects(self.selection):
            self.selected.add(index)
        # One neighbour in each direction stays, selected or not: the frame before is recalled again
        # when this one is corrected.
        neighbours = (index - 1, index, index + 1)
        spatial = {*self.selected.near(index, self.recent), *neighbours}
        self.bank.keep(spatial, {*self.selected.near(index, self.reach), *neighbours})
        if self.bank.archive is None:
            self.selected.trim(index, self.reach)

    def forget(self, index: int) -> None:
        self.bank.anchors.pop(index, None)
