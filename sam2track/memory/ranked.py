"""BANK: the frames that were admitted, however long ago: the part that selective policies share.

Whether a frame is admitted is decided when it is written and never changes, so walking back from
any later frame meets the same frames as searching the whole history would, and the rest can go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice

from jaxtyping import Float
from torch import Tensor

from ..types import ANCHOR_SLOT, Choice, MemoryFrame, Recall
from .archive import Archive
from .bank import Bank
from .chooser import Chooser, Chosen
from .evidence import Evidence
from .trail import Trail


def ranked_recall(
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
    """What SAM 2 recalls, but with frames that are counted instead of measured.

    The n-th remembered frame back takes the temporal embedding and the pointer position of n frames
    ago, which are the ones that the weights know, however long ago it was. An anchor among them
    holds its place, as it does where every frame is remembered.

    Args:
        index, direction: the frame, and the direction of tracking.
        anchors: recalled whole; pointers of those that lie behind.
        kept: frames behind ``index`` that are remembered, nearest first.
        memory, pointer: give those of a frame.
        recent: how many frames' spatial memories.
        span: pointer positions are measured against it; it is one more than there are pointers.
    """
    count = max(recent, span - 1)
    places = {i for i in anchors if (index - i) * direction > 0} | set(islice(kept, count))
    walk = sorted(places, key=lambda place: abs(index - place))[:count]
    recalled = [(anchor, ANCHOR_SLOT) for anchor in anchors.values()]
    for rank, place in reversed([*enumerate(walk[:recent])]):
        found = None if place in anchors else memory(place)
        if found is not None:
            recalled.append((found, rank))
    pointers = [
        (anchor.pointer, (index - anchor.index) * direction)
        for anchor in anchors.values()
        if (index - anchor.index) * direction >= 0  # one ahead tells where the object is not yet
    ]
    for rank, place in enumerate(walk[: span - 1], 1):
        known = None if place in anchors else pointer(place)
        if known is not None:
            pointers.append((known, rank))
    return Recall(
        tuple(frame for frame, _ in recalled),
        tuple(slot for _, slot in recalled),
        tuple(known for known, _ in pointers),
        tuple(offset for _, offset in pointers),
        span,
    )


class RankedBank:
    """Anchors, the last frames that were admitted, and the frame before (admitted or not).

    Args:
        recent: how many frames' spatial memories are recalled.
        pointers: object pointers recalled, not counting those of anchors.
        span: frames that pointer positions are measured against, at most ``pointers``.
        archive: keeps every frame, for going back to it; None keeps what a stream needs.
    """

    def __init__(self, *, recent: int, pointers: int, span: int, archive: Archive | None) -> None:
        self.recent = recent
        self.span = min(span, pointers)
        self.reach = max(recent, self.span - 1)
        self.bank = Bank(archive)
        self.admitted = Trail()

    def recall(self, index: int, direction: int) -> Recall:
        before = index - direction
        kept = [*islice(self.admitted.behind(index, direction), self.reach)]
        if before in self.bank and before not in kept:
            kept = [before, *kept]
        return ranked_recall(
            index,
            direction,
            anchors=self.bank.anchors,
            kept=kept,
            memory=self.bank.memory,
            pointer=self.bank.pointer,
            recent=self.recent,
            span=self.span,
        )

    def write(self, memory: MemoryFrame, *, anchor: bool, admit: bool = True) -> None:
        """Remember a frame; one that is not admitted only until the next is written."""
        index = memory.index
        self.bank.write(memory, anchor=anchor)
        self.admitted.discard(index)
        if anchor:
            return
        if admit:
            self.admitted.add(index)
        # One neighbour each way, admitted or not: the frame before is recalled again when this
        # one is corrected.
        passing = (index - 1, index, index + 1)
        spatial = {*self.admitted.near(index, self.recent), *passing}
        self.bank.keep(spatial, {*self.admitted.near(index, self.reach), *passing})
        if self.bank.archive is None:
            self.admitted.trim(index, self.reach)

    def forget(self, index: int) -> None:
        """Drop an anchor."""
        self.bank.anchors.pop(index, None)


class RankedMemory:
    """A policy that remembers a frame or does not: what :class:`RankedBank` is for.

    Args:
        bank: where the frames lie.
        chooser: takes the mask.
    """

    lag = 0

    def __init__(self, bank: RankedBank, chooser: Chooser) -> None:
        self.bank = bank
        self.chooser = chooser
        self.chosen: Chosen | None = None

    def recall(self, index: int, direction: int) -> list[Recall]:
        return [self.bank.recall(index, direction)]

    def choose(self, evidence: Evidence, index: int, direction: int) -> Choice:
        self.chosen = self.chooser.choose(evidence, index, direction)
        return self.chosen.choice()

    def remember(self, memories: list[MemoryFrame], *, anchor: bool) -> None:
        admit = not anchor and self.chosen is not None and self.admits(self.chosen)
        self.bank.write(memories[0], anchor=anchor, admit=admit)

    def admits(self, chosen: Chosen) -> bool:
        """Whether a frame is worth remembering."""
        raise NotImplementedError

    def forget(self, index: int) -> None:
        self.bank.forget(index)
