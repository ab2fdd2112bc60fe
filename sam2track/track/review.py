"""What a person should look at in a finished run: one or more lines about an object.

Results go in frame by frame; only a few numbers of each object are kept.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
from jaxtyping import Bool

from ..prompts import PlacedPrompt, Prompt
from ..types import FrameResult

LOW_SCORE = 0.6  # predicted IoU on a prompted frame
MUCH_LARGER = 1.2  # times the area of the box that was given
MOSTLY = 0.5  # of the frames on which an object was followed
LOST_FOR = 10  # frames at the end without the object
ONE_THING = 0.8  # IoU from which two masks show the same thing
ONE_THING_FOR = 10  # frames in a row on which they do


@dataclass(slots=True)
class _Record:
    notes: list[str] = field(default_factory=list)
    frames: int = 0  # on which it was followed
    absent: int = 0
    since: int | None = None  # the first of the last frames without it, or None
    absent_now: int = 0  # how many frames ago that was


@dataclass(slots=True)
class _Same:
    """The frames in a row on which two objects have the same mask."""

    number: int = -1  # of the last such frame, counted as they were added
    since: int = 0  # the index of the first of the last such frames
    frames: int = 0  # how many these are
    longest: tuple[int, int, int] = (0, 0, 0)  # how many at most, and the indices of its ends

    def add(self, number: int, index: int) -> None:
        if self.number != number - 1:
            self.frames, self.since = 0, index
        self.number, self.frames = number, self.frames + 1
        self.longest = max(self.longest, (self.frames, self.since, index))


class Review:
    """Collects what is remarkable about each object.

    Args:
        placed: the prompts of the run.
    """

    def __init__(self, placed: Iterable[PlacedPrompt]) -> None:
        self.prompts: dict[tuple[int, int], list[Prompt]] = defaultdict(list)
        for item in placed:
            self.prompts[item.frame, item.object_id].append(item.prompt)
        self.records: dict[int, _Record] = defaultdict(_Record)
        self.same: dict[tuple[int, int], _Same] = defaultdict(_Same)  # by the ids of two objects
        self.frames = 0  # that were added

    def add(self, result: FrameResult) -> None:
        """Check one frame's result, which is on the CPU."""
        masks = result.masks.numpy()
        for place, object_id in enumerate(result.object_ids):
            record, seen = self.records[object_id], bool(masks[place].any())
            record.frames += 1
            record.absent += not seen
            record.absent_now = 0 if seen else record.absent_now + 1
            if record.absent_now == 1:
                record.since = result.index
            prompts = self.prompts.get((result.index, object_id), [])
            if prompts:
                score = float(result.scores[place])
                record.notes += _prompted(prompts, masks[place], score, result.index)
        self.frames += 1
        for places in _alike(result):
            first, second = sorted(result.object_ids[place] for place in places)
            self.same[first, second].add(self.frames, result.index)

    def notes(self) -> dict[int, list[str]]:
        """By object, what deserves a look; objects without a note are left out."""
        found = {object_id: self._all_notes(own) for object_id, own in self.records.items()}
        same: dict[int, tuple[tuple[int, int, int], int]] = {}  # the longest of each object
        for (first, second), own in self.same.items():
            same[second] = max(same.get(second, ((0, 0, 0), 0)), (own.longest, first))
        for object_id, ((frames, *ends), other) in same.items():
            if frames >= ONE_THING_FOR:
                start, end = sorted(ends)
                found[object_id].append(f"same mask as object {other} on frames {start} to {end}")
        return {object_id: notes for object_id, notes in sorted(found.items()) if notes}

    @staticmethod
    def _all_notes(record: _Record) -> list[str]:
        notes = list(record.notes)
        if record.absent == record.frames:
            notes.append("never seen")
        elif record.absent > MOSTLY * record.frames:
            notes.append(f"absent on {record.absent} of {record.frames} frames")
        elif record.absent_now >= LOST_FOR:
            notes.append(f"not seen from frame {record.since} to the last")
        return notes


def _alike(result: FrameResult) -> Iterator[tuple[int, int]]:
    """Each two places of objects that have nearly the same mask."""
    if len(result.object_ids) < 2:
        return
    masks = result.masks.numpy()
    seen = [
        (place, box, int(np.count_nonzero(masks[place])))
        for place, box in enumerate(result.boxes())
        if box is not None
    ]
    for (one, box, area), (other, other_box, other_area) in combinations(seen, 2):
        small, large = sorted((area, other_area))
        if small <= ONE_THING * large:  # so is their IoU
            continue
        (x0, y0, x1, y1), (u0, v0, u1, v1) = box, other_box
        where = slice(max(y0, v0), min(y1, v1)), slice(max(x0, u0), min(x1, u1))
        both = np.count_nonzero(masks[one][where] & masks[other][where])
        if both > ONE_THING * (small + large - both):
            yield one, other


def _prompted(
    prompts: Sequence[Prompt], mask: Bool[np.ndarray, "H W"], score: float, index: int
) -> list[str]:
    """What is remarkable about the mask of a prompted frame."""
    notes = []
    if score < LOW_SCORE:
        notes.append(f"frame {index}: the model expects its mask to be poor (score {score:.2f})")
    for prompt in prompts:
        if prompt.box is not None:
            x0, y0, x1, y1 = prompt.box.tolist()
            times = float(mask.sum()) / ((x1 - x0) * (y1 - y0))
            if times > MUCH_LARGER:
                notes.append(f"frame {index}: the mask is {times:.1f} times as large as the box")
        for (x, y), label in zip(prompt.points.tolist(), prompt.labels.tolist(), strict=True):
            if bool(mask[int(y), int(x)]) != bool(label):
                what = "leaves out the click on" if label else "covers the click off"
                notes.append(f"frame {index}: the mask {what} the object at ({x:g}, {y:g})")
    return notes
