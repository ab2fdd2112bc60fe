"""Results against truth, frame by frame as they come, so that no video is kept in memory.

Room: BENCHMARK. Results enter, scores by object leave.
"""

from __future__ import annotations

import numpy as np

from ..data.sequence import MaskSequence
from ..metrics import ObjectScores, Toolkit, collect, score_frame
from ..metrics.sequences import FrameScores
from ..types import FrameResult
from .datasets import Dataset

LEAST = 3  # annotated frames: the toolkits count neither the first nor the last


class SequenceScorer:
    """Scores one sequence as the dataset's toolkit does.

    Where masks are written as label maps, label maps are scored: a pixel is one object's. Where
    each object has its own files, each is scored on its own.

    Args:
        sequence: knows the truth.
        dataset: says how to score.
    """

    def __init__(self, sequence: MaskSequence, dataset: Dataset) -> None:
        self.sequence, self.toolkit = sequence, dataset.toolkit
        self.apart = dataset.layout == "objects"
        annotated = sequence.annotated
        self.frames = annotated if len(annotated) >= LEAST else ()
        self.wanted = frozenset(self.frames)
        self.together: list[FrameScores] = []
        self.single: dict[int, dict[int, FrameScores]] = {}

    def add(self, result: FrameResult) -> None:
        """Score a frame, if its truth is known.

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
        nothing = np.zeros(result.owner.shape, np.uint8)
        for object_id in truths.keys() | set(result.object_ids):
            mask = result.mask(object_id) if object_id in result.object_ids else nothing
            truth = truths.get(object_id, nothing)
            scores = score_frame(mask.view(np.uint8), truth.view(np.uint8), self.toolkit)
            self.single.setdefault(object_id, {})[result.index] = scores

    def scores(self) -> dict[int, ObjectScores]:
        """Every object's; none if the truth is not public.

        Raises:
            ValueError: if an object that is counted never appears.
        """
        if not self.frames:
            return {}
        if not self.apart:
            _require_all(self.sequence, self.toolkit)
            return collect(self.together, self.toolkit)
        absent = FrameScores(frozenset(), {})
        everything = {}
        for object_id, by_frame in sorted(self.single.items()):
            frames = [by_frame.get(index, absent) for index in self.frames]
            scores = collect(frames, self.toolkit)
            if scores:  # else it never shows in a frame that is scored
                everything[object_id] = scores[1]
        return everything


def _require_all(sequence: MaskSequence, toolkit: Toolkit) -> None:
    """Refuse gaps among the first frame's ids: the toolkit would count objects that never were."""
    if not toolkit.from_first_frame:
        return
    ids = set(sequence.masks(sequence.annotated[0]))
    missing = set(range(1, max(ids, default=0) + 1)) - ids
    if missing:
        raise ValueError(
            f"object {min(missing)} of {sequence.name} never appears: its first annotation has the "
            f"ids {sorted(ids)}, and DAVIS counts every id up to the largest"
        )
