"""Good frames of the near and far past, for objects that are hidden or leave and return."""

from __future__ import annotations

from dataclasses import InitVar, dataclass
from itertools import islice

from .adaptive_presence import AdaptivePresenceSelector
from .archive import Archive
from .bank import around
from .candidate_selection import Selection, SelectorFactory
from .selected_frames import SelectedFramesMemory
from .sorted_frames import SortedFrames


@dataclass(kw_only=True, eq=False)
class HorizonMemory(SelectedFramesMemory):
    """Attends to good frames whose distances grow by a factor of ``base``.

    Good frames, by the effective score of :class:`sam2track.memory.select.SelectMemory`, are
    numbered. Attended to are, until ``recent`` frames are found: the frame before, unless the
    object was absent there; the newest good frame; the newest whose number is a multiple of
    ``base``, the newest with a multiple of ``base ** 2``, and so on; then further newest ones. So a
    few frames reach exponentially far back, a mistake that lasts some time is in few of them, and
    frames without the object are not remembered. The pointers are those of the same frames.
    It is of this project.

    Args:
        base: the ratio of one horizon to the next.
        min_score: effective score of a good frame, 0..1.
        recent, pointers, selector, span, slots, archive: see :class:`SelectedFramesMemory`.
    """

    base: int = 4
    min_score: float = 0.3
    selector: InitVar[SelectorFactory] = AdaptivePresenceSelector

    def __post_init__(self, slots: int, archive: Archive | None, selector: SelectorFactory) -> None:
        super().__post_init__(slots, archive, selector)
        self.present = SortedFrames()
        self.numbers: dict[int, int] = {}  # of the good frames
        self.horizons = [SortedFrames() for _ in range(max(self.recent - 2, 0))]
        self.sets += [self.present, *self.horizons]

    def selects(self, selection: Selection) -> bool:
        return selection.present and selection.effective_score > self.min_score

    def attended(self, index: int, direction: int) -> list[int]:
        before = index - direction
        newest = [*islice(self.selected.before(index, direction), self.recent)]
        far = (next(horizon.before(index, direction), None) for horizon in self.horizons)
        wanted = [before if before in self.present else None, *newest[:1], *far, *newest]
        places = [place for place in dict.fromkeys(wanted) if place is not None][: self.recent]
        return sorted(places, key=lambda place: abs(index - place))

    def store(self, index: int, selection: Selection) -> None:
        if selection.present:
            self.present.add(index)
        if not self.selects(selection):
            return
        last = next(self.selected.before(index, self.direction), None)
        number = 1 if last is None else self.numbers[last] + 1
        self.selected.add(index)
        self.numbers[index] = number
        for power, horizon in enumerate(self.horizons, 1):
            if number % self.base**power == 0:
                horizon.add(index)

    def evict(self, index: int) -> None:
        kept = {*around(index, 1), *self.selected.near(index, self.recent)}
        for horizon in self.horizons:
            kept.update(horizon.near(index, 1))
        self.bank.keep(kept, kept)
        if self.bank.archive is None:
            self.present.trim(index, 1)
            self.selected.trim(index, self.recent)
            self.numbers = {place: self.numbers[place] for place in self.selected.indices}
            for horizon in self.horizons:
                horizon.trim(index, 1)
