"""Scores results against the ground truth, frame by frame, so that no video is kept in memory."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool

from ..data.readers.sequence import MaskSequence
from ..metrics import SA_V, ObjectScores, Toolkit, collect, collect_spans, score_frame
from ..metrics.sequences import SPAN_STEP, FrameScores
from ..types import FrameResult
from .datasets import Dataset, frame_name

LEAST = 3  # annotated frames; the first and the last are not scored


class SequenceScorer:
    """Scores one sequence as the dataset's toolkit does.

    Where masks are written as label maps, label maps are scored: a pixel belongs to one object.
    Where each object has its own files, or with ``apart``, each object is scored on its own.
    """

    def __init__(self, sequence: MaskSequence, dataset: Dataset, *, apart: bool = False) -> None:
        self.sequence, self.toolkit = sequence, dataset.toolkit
        self.apart = apart or dataset.layout == "objects"
        self.groups: dict[int, str] = getattr(sequence, "groups", {})
        self.spans: dict[int, tuple[int, int]] = getattr(sequence, "spans", {})
        annotated = sequence.annotated if dataset.has_truth else ()
        self.wanted = annotated if len(annotated) >= LEAST else ()
        self.known = frozenset(self.wanted)
        self.frames: dict[int, FrameScores] = {}

    def add(self, result: FrameResult) -> None:
        """Score a frame, if it is annotated.

        Raises:
            ValueError: if the annotation cannot be read, or has another size than the picture.
        """
        index = result.index
        if index not in self.known:
            return
        if self.apart:
            masks = zip(result.object_ids, result.masks.cpu().numpy(), strict=True)
            self.add_masks(index, dict(masks))
        else:
            truth = self.sequence.labels(index)
            self.frames[index] = score_frame(result.label_map(), truth, self.toolkit)

    def add_masks(self, index: int, masks: Mapping[int, Bool[np.ndarray, "H W"]]) -> None:
        """Score each object of a frame on its own, if it is annotated; errors as for ``add``."""
        if index in self.known:
            self.frames[index] = score_apart(masks, self.sequence.masks(index))

    def scores(self) -> dict[int, dict[str, Any]]:
        """The scores of every object, in percent; none if the ground truth is not public.

        ``j`` and ``f`` are those on its ``frames``, None where it is not scored; ``group`` is the
        group over which the dataset averages, such as ``seen``, or empty.

        Raises:
            ValueError: if an object that is counted never appears.
        """
        if not self.wanted:
            return {}
        frames = [self.frames[index] for index in self.wanted]
        counted = {}
        if self.spans:
            places = {int(frame_name(self.sequence, index)): index for index in self.wanted}
            objects = collect_spans(dict(zip(places, frames, strict=True)), self.spans)
            for k, span in self.spans.items():
                counted[k] = tuple(places[number] for number in range(*span, SPAN_STEP))
        else:
            if not self.apart:
                _refuse_gaps(self.sequence, self.toolkit)
            objects = collect(frames, self.toolkit)
            shown = frozenset[int]().union(*(frame.in_truth for frame in frames))
            objects = {k: scores for k, scores in objects.items() if k in shown}
        return {
            k: _row(scores, counted.get(k, self.wanted), self.groups.get(k, ""))
            for k, scores in objects.items()
        }


def _row(scores: ObjectScores, frames: Sequence[int], group: str) -> dict[str, Any]:
    j, f = scores.region, scores.boundary
    means = {"J&F": scores.j_and_f, "J": j.mean, "F": f.mean}
    rest = {"J recall": j.recall, "F recall": f.recall, "J decay": j.decay, "F decay": f.decay}
    return {
        **{name: 100 * value for name, value in (means | rest).items()},
        "group": group,
        "frames": list(frames),
        "j": _percents(scores.j),
        "f": _percents(scores.f),
    }


def _percents(values: np.ndarray) -> list[float | None]:
    return [None if math.isnan(value) else round(100 * value, 3) for value in values.tolist()]


def score_apart(
    masks: Mapping[int, Bool[np.ndarray, "H W"]], truths: Mapping[int, Bool[np.ndarray, "H W"]]
) -> FrameScores:
    """J and F of objects that may overlap, each on its own; ValueError if the sizes differ."""
    scores = {}
    for object_id in masks.keys() | truths.keys():
        nothing = np.zeros_like(next(iter((masks or truths).values())))
        mask, truth = (one.get(object_id, nothing).view(np.uint8) for one in (masks, truths))
        found = score_frame(mask, truth, SA_V)
        if found.scores:  # else it is in neither
            scores[object_id] = found.scores[1]
    return FrameScores(frozenset(truths), scores)


def _refuse_gaps(sequence: MaskSequence, toolkit: Toolkit) -> None:
    """Raise an error for gaps in the first frame's ids: the toolkit would count them as objects."""
    if not toolkit.from_first_frame:
        return
    ids = set(sequence.masks(sequence.annotated[0]))
    missing = set(range(1, max(ids, default=0) + 1)) - ids
    if missing:
        raise ValueError(
            f"object {min(missing)} of {sequence.name} never appears: its first annotation has the "
            f"ids {sorted(ids)}, and DAVIS counts every id up to the largest"
        )
