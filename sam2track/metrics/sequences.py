"""J and F of the objects of a sequence, computed as in the evaluation toolkits.

Label maps of prediction and ground truth go in; J and F of each true object on each frame come out.
:func:`score_frame` needs one frame only, so frames can be scored anywhere and in any order;
:func:`collect` combines them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from .masks import boundary_radius, crop, cropped_boundary, cropped_region

SPAN_STEP = 5  # of the frames of a span, in lvos-evaluation every fifth counts


@dataclass(frozen=True, slots=True)
class Toolkit:
    """Differences between the toolkits. All leave out the first and the last annotated frame.

    Attributes:
        binary: a frame holds one object, and every label above zero is it; its id is 1.
        void: a label of the ground truth that is ignored (background in both), or None.
        from_first_frame: the objects are those of the first frame (1 up to its largest label), and
            each counts on every frame. Otherwise the objects are those that the truth shows in a
            frame that counts, each from the frame on where truth or prediction first has it.
    """

    binary: bool
    void: int | None
    from_first_frame: bool


DAVIS_2016 = Toolkit(binary=True, void=None, from_first_frame=True)
"""davis-2016: binary masks, 0 and 255."""
DAVIS_2017 = Toolkit(binary=False, void=255, from_first_frame=True)
"""davis2017-evaluation, semi-supervised. It turns void into background before it compares, so void
is not left out of the count."""
VOS_BENCHMARK = Toolkit(binary=False, void=None, from_first_frame=False)
"""vos-benchmark on palette PNGs, where 255 is an object too; sav_evaluator does the same."""
SA_V = Toolkit(binary=True, void=None, from_first_frame=False)
"""sav_evaluator on one folder of binary masks for each object."""


@dataclass(frozen=True, slots=True)
class FrameScores:
    """One frame."""

    in_truth: frozenset[int]  # the objects that the truth shows
    scores: dict[int, tuple[float, float]]  # J and F of each object that truth or prediction shows


@dataclass(frozen=True, slots=True)
class Statistics:
    """A measure over the frames of an object.

    Attributes:
        mean: 0..1.
        recall: the fraction of frames above one half, 0..1.
        decay: the mean of the first quarter less that of the last, -1..1.
    """

    mean: float
    recall: float
    decay: float


@dataclass(frozen=True, slots=True, eq=False)
class ObjectScores:
    """One object. The toolkits count neither the first nor the last annotated frame.

    Attributes:
        j: region, 0..1 on each annotated frame; NaN where the object does not count, and on the
            first, which is given to trackers.
        f: boundary, likewise.
    """

    j: Float[np.ndarray, " T"]
    f: Float[np.ndarray, " T"]

    @property
    def region(self) -> Statistics:
        """J as the toolkits count it."""
        return statistics(self.j[1:-1])

    @property
    def boundary(self) -> Statistics:
        """F as the toolkits count it."""
        return statistics(self.f[1:-1])

    @property
    def j_and_f(self) -> float:
        """The mean of J and F, 0..1."""
        return (self.region.mean + self.boundary.mean) / 2


def score_frame(
    mask: UInt8[np.ndarray, "H W"], truth: UInt8[np.ndarray, "H W"], toolkit: Toolkit
) -> FrameScores:
    """Scores every object that shows in one frame, from predicted and true ids by pixel (0 = none).

    Raises:
        ValueError: if the sizes differ.
    """
    radius = boundary_radius(truth.shape)
    mask, truth = crop(mask, truth)
    if toolkit.binary:
        mask, truth = (mask > 0).view(np.uint8), (truth > 0).view(np.uint8)
    if toolkit.void is not None:
        truth = np.where(truth == toolkit.void, 0, truth).astype(np.uint8)
    in_truth = _labels(truth)
    scores = {}
    for label in sorted(in_truth | _labels(mask)):
        pair = crop((mask == label).view(np.uint8), (truth == label).view(np.uint8))
        scores[label] = cropped_region(*pair), cropped_boundary(*pair, radius)
    return FrameScores(in_truth, scores)


def score_sequence(
    pairs: Iterable[tuple[UInt8[np.ndarray, "H W"], UInt8[np.ndarray, "H W"]]], toolkit: Toolkit
) -> dict[int, ObjectScores]:
    """The objects of one sequence from its annotated frames, in order: (prediction, truth)."""
    return collect([score_frame(mask, truth, toolkit) for mask, truth in pairs], toolkit)


def collect(frames: Sequence[FrameScores], toolkit: Toolkit) -> dict[int, ObjectScores]:
    """The objects of one sequence from all its annotated frames, in order.

    Raises:
        ValueError: if there are fewer than three frames, so that none would count.
    """
    if len(frames) < 3:
        raise ValueError(
            f"{len(frames)} annotated frames: the first and the last are not scored, so a sequence "
            "needs at least three"
        )
    if toolkit.from_first_frame:
        objects = set(range(1, max(frames[0].in_truth, default=0) + 1))
        seen = set(objects)
    else:
        objects = set().union(*(frame.in_truth for frame in frames[1:-1]))
        seen = set()
    table = {label: np.full((2, len(frames)), np.nan) for label in objects}
    for index, frame in enumerate(frames[1:], start=1):
        seen |= frame.scores.keys()
        for label in objects & seen:
            # If an object is in neither mask, the prediction is right.
            table[label][:, index] = frame.scores.get(label, (1.0, 1.0))
    return {label: ObjectScores(*table[label]) for label in sorted(objects)}


def collect_spans(
    frames: Mapping[int, FrameScores], spans: Mapping[int, tuple[int, int]]
) -> dict[int, ObjectScores]:
    """The objects of one sequence as in lvos-evaluation: each over its own span.

    Args:
        frames: by the number in the frame's name.
        spans: for each object, its first number and the one after its last.

    Raises:
        ValueError: if a frame that counts is missing, or fewer than three are in a span.
    """
    table = {}
    for label, (start, stop) in spans.items():
        numbers = range(start, stop, SPAN_STEP)
        missing = [number for number in numbers if number not in frames]
        if missing:
            raise ValueError(f"frame {missing[0]} is not annotated, though object {label} counts")
        if len(numbers) < 3:
            raise ValueError(f"object {label} counts on {len(numbers)} frames; at least three")
        pairs = [frames[number].scores.get(label, (1.0, 1.0)) for number in numbers]
        scores = np.array(pairs).T
        scores[:, 0] = np.nan
        table[label] = ObjectScores(*scores)
    return table


def statistics(values: Float[np.ndarray, " T"]) -> Statistics:
    """Mean, recall and decay of a measure, 0..1; frames that are NaN are left out.

    The quarters of the decay share their end frames, as in davis2017-evaluation. If no frame is
    left, all three are NaN.
    """
    values = values[~np.isnan(values)]
    if not len(values):
        return Statistics(np.nan, np.nan, np.nan)
    # The small constant rounds halves up; NumPy would round them to even.
    ends = np.round(np.linspace(1, len(values), 5) + 1e-10).astype(int) - 1
    first, last = values[ends[0] : ends[1] + 1], values[ends[3] : ends[4] + 1]
    return Statistics(
        mean=float(values.mean()),
        recall=float((values > 0.5).mean()),
        decay=float(first.mean() - last.mean()),
    )


def _labels(labels: UInt8[np.ndarray, "h w"]) -> frozenset[int]:
    """The ids that show."""
    highest = int(labels.max())
    if not highest:
        return frozenset()
    if cv2.countNonZero(labels) == cv2.countNonZero((labels == highest).view(np.uint8)):
        return frozenset({highest})  # just one, as usual: no need to count them all
    counts = cv2.calcHist([labels], [0], None, [256], [0, 256])
    return frozenset(np.flatnonzero(counts).tolist()) - {0}
