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
MUCH_LARGER = 1.5  # times the area of the box that was given
MOSTLY = 0.5  # of the frames on which an object was followed
LOST_FOR = 10  # frames at the end without the object
ONE_THING = 0.8  # IoU from which two masks show the same thing
ONE_THING_FOR = 10  # frames on which they do


@dataclass(slots=True)
class _Record:
    notes: list[str] = field(default_factory=list)
    frames: int = 0  # on which it was followed
    absent: int = 0
    since: int | None = None  # the first of the last frames without it, or None
    absent_now: int = 0  # how many frames ago that was


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
        # By two objects, the frames on which they have the same mask.
        self.same: dict[tuple[int, int], list[int]] = defaultdict(list)

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
        for places in _alike(result):
            first, second = sorted(result.object_ids[place] for place in places)
            self.same[first, second].append(result.index)

    def notes(self) -> dict[int, list[str]]:
        """By object, what deserves a look; objects without a note are left out."""
        found = {object_id: self._all_notes(own) for object_id, own in self.records.items()}
        for (first, second), frames in sorted(self.same.items()):
            if len(frames) >= ONE_THING_FOR:
                where = f"on {len(frames)} frames, {min(frames)} to {max(frames)}"
                found[second].append(f"has the mask of object {first} {where}")
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
    masks, boxes = result.masks.numpy(), result.boxes()
    for one, other in combinations(range(len(boxes)), 2):
        a, b = boxes[one], boxes[other]
        if a is None or b is None:
            continue
        width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
        larger = max((x1 - x0) * (y1 - y0) for x0, y0, x1, y1 in (a, b))
        if min(width, height) > 0 and width * height > larger / 2:  # else the masks differ, too
            both = (masks[one] & masks[other]).sum()
            if both > ONE_THING * (masks[one] | masks[other]).sum():
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
