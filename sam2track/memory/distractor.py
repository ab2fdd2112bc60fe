"""BANK: a memory of the moments at which something else could have been taken for the object."""

from __future__ import annotations

from itertools import islice
from statistics import median

import cv2
import numpy as np
from jaxtyping import Float
from torch import Tensor

from ..masks.boxes import mask_box
from ..types import ANCHOR_SLOT, Choice, MemoryFrame, Recall
from .archive import Archive
from .bank import Bank
from .chooser import BestChooser, Chooser, ChooserFactory, Chosen
from .evidence import Evidence
from .fifo import around
from .kalman import box_iou
from .trail import Trail


class DistractorMemory:
    """DAM4SAM (2411.17576): anchors that tell distractors apart, and sparse recent frames.

    Two memories share ``recent + 1`` places. The distractor-resolving one holds the anchors: the
    prompted frames and those promoted on the way, the nearest first, up to ``anchors`` in all; they
    carry no time. The recent one holds the frame before and then every ``stride``-th frame
    backwards, none on which the mask was empty.

    A frame is promoted if its mask is sure (predicted IoU above ``min_score``) and of steady size
    (its area over the median of the last ``areas`` non-empty ones), if more than ``pause`` frames
    have passed since the last promotion, and if a distractor is seen: the largest component of an
    alternative mask outside the chosen one, joined with it, has a box whose IoU with the chosen
    one's is at most ``max_overlap``.

    Args:
        recent: places, not counting the first anchor's.
        pointers: object pointers attended to, not counting those of anchors.
        anchors, stride, areas, pause: as above; all but ``anchors`` in frames.
        min_score, max_overlap: IoU.
        min_growth, max_growth: steady size, inclusive.
        chooser: takes the mask.
        span, slots, archive: see :class:`sam2track.memory.protocol.MemoryFactory`.
    """

    lag = 0

    def __init__(
        self,
        *,
        recent: int = 6,
        pointers: int = 16,
        anchors: int = 4,
        stride: int = 5,
        min_score: float = 0.8,
        areas: int = 10,
        min_growth: float = 0.8,
        max_growth: float = 1.2,
        pause: int = 5,
        max_overlap: float = 0.7,
        chooser: ChooserFactory = BestChooser,
        span: int = 16,
        slots: int = 7,
        archive: Archive | None = None,
    ) -> None:
        self.recent = min(recent, slots - 1)
        self.span = min(span, pointers)
        self.most_anchors = anchors
        self.stride = stride
        self.min_score = min_score
        self.area_count = areas
        self.min_growth, self.max_growth = min_growth, max_growth
        self.pause = pause
        self.max_overlap = max_overlap
        self.chooser: Chooser = chooser()
        self.chosen: Chosen | None = None
        self.direction = 1
        self.bank = Bank(archive)
        self.origin: int | None = None  # every stride-th frame from here is for the recent memory
        self.strided, self.promoted = Trail(), Trail()
        self.seen = Trail()  # where the mask was not empty
        self.areas: dict[int, int] = {}

    def recall(self, index: int, direction: int) -> list[Recall]:
        own = self.bank.anchors
        # What the user said stays, however much it is; promoted frames take what room it leaves.
        free = max(self.most_anchors - len(own), 0)
        promoted = [*islice(self.promoted.behind(index, direction), free)][::-1]
        memories = [*own.values(), *self._memories(promoted)]
        slots = [ANCHOR_SLOT] * len(memories)  # it tells no time
        room = max(self.recent + 1 - len(memories), 1)
        for rank, place in reversed([*enumerate(self._sparse(index, direction, room, promoted))]):
            memories += self._memories([place])
            slots.append(rank)
        pointers = self._pointers(index, direction, promoted)
        return [
            Recall(
                tuple(memories),
                tuple(slots),
                tuple(pointer for pointer, _ in pointers),
                tuple(ago for _, ago in pointers),
                self.span,
            )
        ]

    def _sparse(self, index: int, direction: int, room: int, promoted: list[int]) -> list[int]:
        """The frames of the recent memory, the nearest first; an anchor is not there twice."""
        before = index - direction
        places = [before] if before in self.seen and before not in promoted else []
        taken = {before, *promoted}
        strided = (place for place in self.strided.behind(index, direction) if place not in taken)
        return [*places, *islice(strided, min(room, self.recent) - len(places))]

    def _memories(self, places: list[int]) -> list[MemoryFrame]:
        found = (self.bank.memory(place) for place in places)
        return [memory for memory in found if memory is not None]

    def _pointers(
        self, index: int, direction: int, promoted: list[int]
    ) -> list[tuple[Float[Tensor, " C"], int]]:
        """Pointers and how many frames ago, as in SAM 2, which the paper leaves as it is."""
        found = [
            (anchor.pointer, (index - place) * direction)
            for place, anchor in self.bank.anchors.items()
            if (index - place) * direction >= 0
        ]
        near = [index - direction * ago for ago in range(1, self.span)]
        for place in [*promoted, *(place for place in near if place not in promoted)]:
            pointer = self.bank.pointer(place)
            if pointer is not None:
                found.append((pointer, (index - place) * direction))
        return found

    def choose(self, evidence: Evidence, index: int, direction: int) -> Choice:
        self.chosen, self.direction = self.chooser.choose(evidence, index, direction), direction
        return self.chosen.choice()

    def remember(self, memories: list[MemoryFrame], *, anchor: bool) -> None:
        index = memories[0].index
        self.bank.write(memories[0], anchor=anchor)
        for trail in (self.strided, self.promoted, self.seen):
            trail.discard(index)
        if anchor:
            self.origin = index if self.origin is None else self.origin
        elif self.chosen is not None:
            self._sort(index, self.chosen)
            self._evict(index)

    def _sort(self, index: int, chosen: Chosen) -> None:
        """Which of the memories the frame goes into."""
        area = int(chosen.mask.sum())
        if not area:
            return
        if self._promotes(index, chosen, area):
            self.promoted.add(index)
        self.seen.add(index)
        self.areas[index] = area
        # Counted from the object's first prompt, so that a late object, or a clip in reverse, gets
        # what it would get from frame 0.
        if (index - (self.origin or 0)) % self.stride == 0:
            self.strided.add(index)

    def _promotes(self, index: int, chosen: Chosen, area: int) -> bool:
        last = next(self.promoted.behind(index, self.direction), None)
        earlier = [*islice(self.seen.behind(index, self.direction), self.area_count)]
        if chosen.score <= self.min_score or not earlier:
            return False
        if last is not None and abs(index - last) <= self.pause:
            return False
        growth = area / median(self.areas[place] for place in earlier)
        return self.min_growth <= growth <= self.max_growth and self._distracted(chosen)

    def _distracted(self, chosen: Chosen) -> bool:
        """Whether an alternative mask reaches over to something else."""
        mask = chosen.mask
        box = np.array(mask_box(mask), float)
        for pick, other in enumerate(chosen.sighting.masks):
            extra = other & ~mask
            if pick == chosen.pick or not extra.any():
                continue
            _, _, parts, _ = cv2.connectedComponentsWithStats(extra.astype(np.uint8))
            x, y, width, height, _ = parts[1 + parts[1:, cv2.CC_STAT_AREA].argmax()]
            low = np.minimum(box[:2], (x, y))
            high = np.maximum(box[2:], (x + width, y + height))
            if box_iou(box, np.concatenate((low, high))) <= self.max_overlap:
                return True
        return False

    def _evict(self, index: int) -> None:
        """A stream keeps what some recall on the next frames, either way, may ask for."""
        if self.bank.archive is None:
            self.strided.trim(index, self.recent + self.most_anchors + 1)
            self.promoted.trim(index, self.most_anchors + 1)
            self.seen.trim(index, self.area_count + 1)
            self.areas = {place: self.areas[place] for place in self.seen.indices}
        reach = self.recent + self.most_anchors + 1
        kept = {*self.strided.near(index, reach), *self.promoted.near(index, self.most_anchors + 1)}
        self.bank.keep({*kept, *around(index, 1)}, {*kept, *around(index, self.span)})

    def forget(self, index: int) -> None:
        self.bank.anchors.pop(index, None)
