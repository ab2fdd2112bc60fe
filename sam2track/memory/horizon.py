"""Good frames from near and far in the past: for objects that hide or leave and come back."""

from __future__ import annotations

from itertools import islice

from ..types import Choice, MemoryFrame, Recall
from .adaptive_presence import AdaptivePresenceSelector
from .archive import Archive
from .bank import Bank
from .candidate_selection import Selection, Selector, SelectorFactory
from .fifo import around
from .host_candidates import FrameCandidates
from .select import effective_score
from .selected_frames import recall_selected
from .sorted_frames import SortedFrames


class HorizonMemory:
    """Attends to a good frame of every horizon, each ``base`` times as far back as the one before.

    Good frames, by the effective score of :class:`sam2track.memory.select.SelectMemory`, are
    numbered. Attended to are, until ``recent`` frames are found: the frame before, unless the
    object was absent there; the newest good frame; the newest whose number is a multiple of
    ``base``, the newest with a multiple of ``base ** 2``, and so on; then further newest ones. So a
    few frames reach exponentially far back, a mistake that lasts a while fills few of them, and
    frames without the object are not remembered at all. The pointers are those of the same frames.
    This project's own.

    Args:
        recent: frames attended to.
        base: the ratio of one horizon to the next.
        min_score: effective score of a good frame, 0..1.
        selector: takes the mask and tells when the object is absent.
        span, slots, archive: see :class:`sam2track.memory.protocol.MemoryFactory`.
    """

    lag = 0

    def __init__(
        self,
        *,
        recent: int = 6,
        base: int = 4,
        min_score: float = 0.3,
        selector: SelectorFactory = AdaptivePresenceSelector,
        span: int = 16,
        slots: int = 7,
        archive: Archive | None = None,
    ) -> None:
        self.recent = min(recent, slots - 1)
        self.base = base
        self.min_score = min_score
        self.selector: Selector = selector()
        self.selection: tuple[Selection, int] | None = None  # and the direction
        self.span = span
        self.bank = Bank(archive)
        self.present = SortedFrames()
        self.good = SortedFrames()
        self.numbers: dict[int, int] = {}  # of the good frames
        self.horizons = [SortedFrames() for _ in range(max(self.recent - 2, 0))]

    def recall(self, index: int, direction: int) -> list[Recall]:
        before = index - direction
        newest = [*islice(self.good.before(index, direction), self.recent)]
        far = (next(horizon.before(index, direction), None) for horizon in self.horizons)
        wanted = [before if before in self.present else None, *newest[:1], *far, *newest]
        places = [place for place in dict.fromkeys(wanted) if place is not None][: self.recent]
        return [
            recall_selected(
                index,
                direction,
                anchors=self.bank.anchors,
                kept=sorted(places, key=lambda place: abs(index - place)),
                memory=self.bank.memory,
                pointer=self.bank.pointer,
                recent=self.recent,
                span=self.span,
            )
        ]

    def choose(self, candidates: FrameCandidates, index: int, direction: int) -> Choice:
        selection = self.selector.select(candidates, index, direction)
        self.selection = selection, direction
        return selection.choice()

    def remember(self, memories: list[MemoryFrame], *, anchor: bool) -> None:
        index = memories[0].index
        self.bank.write(memories[0], anchor=anchor)
        for frames in (self.present, self.good, *self.horizons):
            frames.discard(index)
        if anchor or self.selection is None:
            return
        selection, direction = self.selection
        if selection.present:
            self.present.add(index)
            if effective_score(selection) > self.min_score:
                self._add_good(index, direction)
        self._evict(index)

    def _add_good(self, index: int, direction: int) -> None:
        last = next(self.good.before(index, direction), None)
        number = 1 if last is None else self.numbers[last] + 1
        self.good.add(index)
        self.numbers[index] = number
        for power, horizon in enumerate(self.horizons, 1):
            if number % self.base**power == 0:
                horizon.add(index)

    def _evict(self, index: int) -> None:
        """Keep what a recall on the next frame, in either direction, may ask for."""
        kept = {*around(index, 1), *self.good.near(index, self.recent)}
        for horizon in self.horizons:
            kept.update(horizon.near(index, 1))
        self.bank.keep(kept, kept)
        if self.bank.archive is None:
            self.present.trim(index, 1)
            self.good.trim(index, self.recent)
            self.numbers = {place: self.numbers[place] for place in self.good.indices}
            for horizon in self.horizons:
                horizon.trim(index, 1)

    def forget(self, index: int) -> None:
        self.bank.anchors.pop(index, None)
