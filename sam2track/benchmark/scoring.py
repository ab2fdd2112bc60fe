"""Scores results against the ground truth, frame by frame, so that no video is kept in memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, UInt8

from ..data.readers.sequence import MaskSequence
from ..metrics import SA_V, ObjectScores, Toolkit, collect, collect_spans, score_frame
from ..metrics.sequences import FrameScores
from ..types import FrameResult
from .datasets import Dataset, frame_name

LEAST = 3  # annotated frames: the toolkits count neither the first nor the last
ABSENT = FrameScores(frozenset(), {})


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """One object.

    Attributes:
        frames: the scored frames.
        scores: its scores on them.
        group: the group that the dataset averages it in, such as ``seen``; empty if there is none.
    """

    frames: tuple[int, ...]
    scores: ObjectScores
    group: str = ""


class SequenceScorer:
    """Scores one sequence as the dataset's toolkit does.

    Where masks are written as label maps, label maps are scored: a pixel belongs to one object.
    Where each object has its own files, each object is scored on its own.

    Args:
        sequence: has the ground truth.
        dataset: says how to score.
        apart: score each object on its own in any case.
    """

    def __init__(self, sequence: MaskSequence, dataset: Dataset, *, apart: bool = False) -> None:
        self.sequence, self.toolkit = sequence, dataset.toolkit
        self.apart = apart or dataset.layout == "objects"
        self.groups: dict[int, str] = getattr(sequence, "groups", {})
        self.spans: dict[int, tuple[int, int]] = getattr(sequence, "spans", {})
        annotated = sequence.annotated if dataset.has_truth else ()
        self.frames = annotated if len(annotated) >= LEAST else ()
        self.wanted = frozenset(self.frames)
        self.together: list[FrameScores] = []
        self.single: dict[int, dict[int, FrameScores]] = {}

    def add(self, result: FrameResult) -> None:
        """Score a frame, if it is annotated.

        Raises:
            ValueError: if the annotation cannot be read or has another size than the picture.
        """
        if result.index not in self.wanted:
            return
        if not self.apart:
            truth = self.sequence.labels(result.index)
            self.together.append(score_frame(result.label_map(), truth, self.toolkit))
            return
        truths = self.sequence.masks(result.index)
        nothing = np.zeros(result.owner.shape, bool)
        for object_id in truths.keys() | set(result.object_ids):
            mask = result.mask(object_id) if object_id in result.object_ids else nothing
            scores = score_alone(mask, truths.get(object_id, nothing))
            self.single.setdefault(object_id, {})[result.index] = scores

    def scores(self) -> dict[int, Scored]:
        """The scores of every object; none if the ground truth is not public.

        Raises:
            ValueError: if an object that is counted never appears.
        """
        if not self.frames:
            return {}
        if self.spans:
            return self._by_span()
        if self.apart:
            objects = {}
            for object_id, by_frame in sorted(self.single.items()):
                found = collect([by_frame.get(i, ABSENT) for i in self.frames], self.toolkit)
                if found:  # else it never shows in a frame that is scored
                    objects[object_id] = found[1]
        else:
            _refuse_gaps(self.sequence, self.toolkit)
            objects = collect(self.together, self.toolkit)
        return {k: Scored(self.frames, s, self.groups.get(k, "")) for k, s in objects.items()}

    def _by_span(self) -> dict[int, Scored]:
        index = {int(frame_name(self.sequence, i)): i for i in self.frames}
        found = {}
        for object_id, span in self.spans.items():
            if self.apart:
                alone = self.single.get(object_id, {})
                frames = {
                    number: FrameScores(
                        frozenset(), {object_id: alone[i].scores.get(1, (1.0, 1.0))}
                    )
                    for number, i in index.items()
                    if i in alone
                }
            else:
                frames = dict(zip(index, self.together, strict=True))
            scores = collect_spans(frames, {object_id: span})[object_id]
            counted = tuple(index[number] for number in range(*span, 5))
            found[object_id] = Scored(counted, scores, self.groups.get(object_id, ""))
        return found


def score_alone(mask: Bool[np.ndarray, "H W"], truth: Bool[np.ndarray, "H W"]) -> FrameScores:
    """J and F of one object, which is object 1 of the result."""
    maps: tuple[UInt8[np.ndarray, "H W"], ...] = (mask.view(np.uint8), truth.view(np.uint8))
    return score_frame(*maps, SA_V)


def _refuse_gaps(sequence: MaskSequence, toolkit: Toolkit) -> None:
    """Refuse gaps among the first frame's ids, which the toolkit would count as objects."""
    if not toolkit.from_first_frame:
        return
    ids = set(sequence.masks(sequence.annotated[0]))
    missing = set(range(1, max(ids, default=0) + 1)) - ids
    if missing:
        raise ValueError(
            f"object {min(missing)} of {sequence.name} never appears: its first annotation has the "
            f"ids {sorted(ids)}, and DAVIS counts every id up to the largest"
        )
