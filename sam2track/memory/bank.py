"""The bank: stores one object's memories by frame, and what is recalled from it.

Anchors stay. Of the other frames it keeps those that the policy names: a few spatial memories
(512 KiB each in SAM 2) and more pointers (1 KiB each). With an archive every frame can be
read again.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import InitVar, dataclass
from itertools import islice

from jaxtyping import Float
from torch import Tensor

from ..types import ANCHOR_SLOT, MemoryFrame, Recall
from .archive import Archive, Record


class Bank:
    """Memories of one object. After each write a policy says with :meth:`keep` what stays.

    Args:
        archive: keeps all of them on disk as well, or None.
    """

    def __init__(self, archive: Archive | None = None) -> None:
        self.archive = archive
        self.anchors: dict[int, MemoryFrame] = {}
        self.recent: dict[int, MemoryFrame] = {}
        self.pointers: dict[int, Float[Tensor, " C"]] = {}
        self.records: dict[int, Record] = {}

    def write(self, memory: MemoryFrame, *, anchor: bool) -> None:
        """Store a frame."""
        index = memory.index
        if anchor:
            self.anchors[index] = memory
            for kept in (self.recent, self.pointers, self.records):
                kept.pop(index, None)
            return
        self.recent[index] = memory
        self.pointers[index] = memory.pointer
        if self.archive is not None:
            self.records.pop(index, None)  # before saving, so that its space is used again
            self.records[index] = self.archive.save(
                memory.features, memory.pointer, memory.score, memory.presence
            )

    def keep(self, spatial: Container[int], pointers: Container[int]) -> None:
        """Drop the spatial memories and pointers of all other frames.

        Anchors stay, and so does what is in the archive.
        """
        for old in [index for index in self.recent if index not in spatial]:
            del self.recent[old]
        for old in [index for index in self.pointers if index not in pointers]:
            del self.pointers[old]

    def __contains__(self, index: int) -> bool:
        """Whether the spatial memory of a frame that is not an anchor is kept."""
        return index in self.recent or index in self.records

    def memory(self, index: int) -> MemoryFrame | None:
        """The memory of a frame that is not an anchor, if it is kept."""
        if index not in self.recent and index in self.records:
            return MemoryFrame(index, *self.records[index].load())
        return self.recent.get(index)

    def pointer(self, index: int) -> Float[Tensor, " C"] | None:
        """The pointer of a frame that is not an anchor, if it is kept."""
        if index in self.pointers:
            return self.pointers[index]
        memory = self.memory(index)
        return memory.pointer if memory else None


def around(index: int, reach: int) -> range:
    """The frames at most ``reach`` from one, in both directions."""
    return range(index - reach, index + reach + 1)


def past_pointers(
    anchors: Mapping[int, MemoryFrame], index: int, direction: int
) -> list[tuple[Float[Tensor, " C"], int]]:
    """Pointers of the anchors before a frame, and how many frames ago each was.

    As in the released model, those of anchors in the future are left out.
    """
    ago = {place: (index - place) * direction for place in anchors}
    return [(anchors[place].pointer, frames) for place, frames in ago.items() if frames >= 0]


def make_recall(
    memories: Sequence[tuple[MemoryFrame, int]],
    pointers: Sequence[tuple[Float[Tensor, " C"], int]],
    span: int,
) -> Recall:
    """A recall of memories with their slots, and pointers with their offsets."""
    return Recall(
        tuple(memory for memory, _ in memories),
        tuple(slot for _, slot in memories),
        tuple(pointer for pointer, _ in pointers),
        tuple(offset for _, offset in pointers),
        span,
    )


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
class BankMemory:
    """The common part of policies that follow one hypothesis and keep its memories in a bank.

    Args:
        recent: remembered frames attended to, at most as many as the weights have temporal
            embeddings for.
        pointers: object pointers attended to, not counting those of anchors; 16 as released.
        span, slots, archive: see :class:`sam2track.memory.protocol.MemoryFactory`.
    """

    lag = 0
    recent: int = 6
    pointers: int = 16
    span: int = 16
    slots: InitVar[int] = 7
    archive: InitVar[Archive | None] = None

    def __post_init__(self, slots: int, archive: Archive | None) -> None:
        self.recent = min(self.recent, slots - 1)
        self.span = min(self.span, self.pointers)
        self.bank = Bank(archive)

    def recall_of(self, kept: Iterable[int], index: int, direction: int) -> Recall:
        """:func:`recall_selected` of the frames ``kept``, nearest first."""
        return recall_selected(
            index,
            direction,
            anchors=self.bank.anchors,
            kept=kept,
            memory=self.bank.memory,
            pointer=self.bank.pointer,
            recent=self.recent,
            span=self.span,
        )

    def forget(self, index: int) -> None:
        self.bank.anchors.pop(index, None)
