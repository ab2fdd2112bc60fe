"""DAM4SAM: a memory of the frames on which something else could be confused with the object."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import islice
from statistics import median

import cv2
import numpy as np

from ..masks.boxes import box_iou, mask_box
from ..types import ANCHOR_SLOT, MemoryFrame, Recall
from .archive import Archive
from .bank import around, make_recall, past_pointers
from .candidate_selection import BestScoreSelector, Selection, SelectorFactory
from .selected_frames import SelectedFramesMemory
from .sorted_frames import SortedFrames


@dataclass(frozen=True, slots=True, kw_only=True)
class DistractorSettings:
    """Settings of :class:`DistractorMemory`, which make a memory when they are called.

    Attributes:
        recent: frames attended to, not counting the first anchor.
        pointers: object pointers attended to, not counting those of anchors.
        anchors: the largest number of anchors, prompted and promoted.
        stride: the recent memory holds every ``stride``-th frame.
        min_score: predicted IoU above which a frame may be promoted.
        areas: over how many earlier masks the median of areas is taken.
        min_growth, max_growth: area over that median on a promoted frame, inclusive.
        pause: between two promotions are more than this many frames.
        max_overlap: IoU of the boxes without and with the distractor, inclusive.
        selector: chooses the mask.
    """

    recent: int = 6
    pointers: int = 16
    anchors: int = 4
    stride: int = 5
    min_score: float = 0.8
    areas: int = 10
    min_growth: float = 0.8
    max_growth: float = 1.2
    pause: int = 5
    max_overlap: float = 0.7
    selector: SelectorFactory = BestScoreSelector

    def __call__(
        self, *, span: int = 16, slots: int = 7, archive: Archive | None = None
    ) -> DistractorMemory:
        return DistractorMemory(self, span=span, slots=slots, archive=archive)


class DistractorMemory(SelectedFramesMemory):
    """DAM4SAM (2411.17576): anchors that help to distinguish distractors, and sparse recent frames.

    Two memories share ``recent + 1`` frames. The distractor-resolving one holds the anchors: the
    prompted frames and frames promoted during tracking, the nearest first, up to ``anchors`` in
    all; they have no temporal position. The recent one holds the frame before and every
    ``stride``-th frame further back, except those on which the mask was empty.

    A frame is promoted if its predicted IoU is above ``min_score``, its area is close to the median
    of the last ``areas`` non-empty masks, more than ``pause`` frames have passed since the last
    promotion, and a distractor is seen: an alternative mask's largest component outside the chosen
    mask, joined with that mask, has a box whose IoU with the mask's is at most ``max_overlap``.

    Args:
        settings: the values above.
        span, slots, archive: see :class:`sam2track.memory.protocol.MemoryFactory`.
    """

    def __init__(
        self,
        settings: DistractorSettings = DistractorSettings(),
        *,
        span: int = 16,
        slots: int = 7,
        archive: Archive | None = None,
    ) -> None:
        super().__init__(
            recent=settings.recent,
            pointers=settings.pointers,
            selector=settings.selector,
            span=span,
            slots=slots,
            archive=archive,
        )
        # Without the factory, which may be a partial: a snapshot cannot hold that.
        self.settings = replace(settings, selector=BestScoreSelector)
        self.origin: int | None = None  # every stride-th frame from here is for the recent memory
        self.promoted, self.strided, self.nonempty = self.selected, SortedFrames(), SortedFrames()
        self.sets += [self.strided, self.nonempty]
        self.areas: dict[int, int] = {}  # of the non-empty masks

    def recall(self, index: int, direction: int) -> list[Recall]:
        own = self.bank.anchors
        # All prompted frames are used; promoted frames fill the remaining places up to `anchors`.
        free = max(self.settings.anchors - len(own), 0)
        promoted = [*islice(self.promoted.before(index, direction), free)][::-1]
        anchors = [*own.values(), *self._memories(promoted)]
        memories = [(anchor, ANCHOR_SLOT) for anchor in anchors]
        room = max(self.recent + 1 - len(anchors), 1)
        for rank, place in reversed([*enumerate(self._sparse(index, direction, room, promoted))]):
            memories += [(memory, rank) for memory in self._memories([place])]
        pointers = past_pointers(own, index, direction)
        near = [index - direction * ago for ago in range(1, self.span)]
        for place in [*promoted, *(place for place in near if place not in promoted)]:
            pointer = self.bank.pointer(place)
            if pointer is not None:
                pointers.append((pointer, (index - place) * direction))
        return [make_recall(memories, pointers, self.span)]

    def _sparse(self, index: int, direction: int, room: int, promoted: list[int]) -> list[int]:
        """The frames of the recent memory, the nearest first, without anchors."""
        before = index - direction
        places = [before] if before in self.nonempty and before not in promoted else []
        taken = {before, *promoted}
        strided = (place for place in self.strided.before(index, direction) if place not in taken)
        return [*places, *islice(strided, min(room, self.recent) - len(places))]

    def _memories(self, places: list[int]) -> list[MemoryFrame]:
        found = (self.bank.memory(place) for place in places)
        return [memory for memory in found if memory is not None]

    def remember(self, memories: list[MemoryFrame], *, anchor: bool) -> None:
        if anchor and self.origin is None:
            self.origin = memories[0].index
        super().remember(memories, anchor=anchor)

    def store(self, index: int, selection: Selection) -> None:
        area = int(selection.mask.sum())
        if not area:
            return
        if self._promotes(index, selection, area):
            self.promoted.add(index)
        self.nonempty.add(index)
        self.areas[index] = area
        # Counted from the object's first prompt, so that an object that is prompted later, or in a
        # reversed clip, is treated as one that is prompted on frame 0.
        if (index - (self.origin or 0)) % self.settings.stride == 0:
            self.strided.add(index)

    def _promotes(self, index: int, selection: Selection, area: int) -> bool:
        settings = self.settings
        last = next(self.promoted.before(index, self.direction), None)
        earlier = [*islice(self.nonempty.before(index, self.direction), settings.areas)]
        if selection.score <= settings.min_score or not earlier:
            return False
        if last is not None and abs(index - last) <= settings.pause:
            return False
        growth = area / median(self.areas[place] for place in earlier)
        steady = settings.min_growth <= growth <= settings.max_growth
        return steady and self._sees_distractor(selection)

    def _sees_distractor(self, selection: Selection) -> bool:
        """Whether an alternative mask also covers something else."""
        mask = selection.mask
        box = np.array(mask_box(mask), float)
        for pick, other in enumerate(selection.candidates.masks):
            extra = other & ~mask
            if pick == selection.pick or not extra.any():
                continue
            _, _, parts, _ = cv2.connectedComponentsWithStats(extra.astype(np.uint8))
            x, y, width, height, _ = parts[1 + parts[1:, cv2.CC_STAT_AREA].argmax()]
            low = np.minimum(box[:2], (x, y))
            high = np.maximum(box[2:], (x + width, y + height))
            if box_iou(box, np.concatenate((low, high))) <= self.settings.max_overlap:
                return True
        return False

    def evict(self, index: int) -> None:
        anchors, reach = self.settings.anchors + 1, self.recent + self.settings.anchors + 1
        if self.bank.archive is None:
            self.strided.trim(index, reach)
            self.promoted.trim(index, anchors)
            self.nonempty.trim(index, self.settings.areas + 1)
            self.areas = {place: self.areas[place] for place in self.nonempty.indices}
        kept = {*self.strided.near(index, reach), *self.promoted.near(index, anchors)}
        self.bank.keep({*kept, *around(index, 1)}, {*kept, *around(index, self.span)})
