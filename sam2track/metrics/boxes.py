"""Metrics of boxes: success, precision and normalised precision; AO and SR.

Boxes are ``(N, 4)``, x, y, width, height in pixels, one for each frame of a sequence. Toolkits
treat absent objects differently; the functions say how.

Success and precision: Wu et al., "Object Tracking Benchmark", TPAMI 2015. Normalised precision:
Müller et al., "TrackingNet", ECCV 2018. AO and SR: Huang et al., "GOT-10k", TPAMI 2021.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from ..masks.boxes import box_iou

Boxes = Float[np.ndarray, "N 4"]

OVERLAPS = np.arange(21) * 0.05
PIXELS = np.arange(51.0)
SHARES = np.arange(51) / 100


@dataclass(frozen=True, slots=True, eq=False)
class BoxScores:
    """One sequence by the rules of pysot-toolkit (OTB, LaSOT and others).

    Attributes:
        success: share of frames whose overlap is above each of ``OVERLAPS``.
        precision: share of frames whose centre is within each of ``PIXELS``.
        normalised: share of frames whose centre is within each of ``SHARES`` of the true size.
    """

    success: Float[np.ndarray, "21"]
    precision: Float[np.ndarray, "51"]
    normalised: Float[np.ndarray, "51"]

    @property
    def auc(self) -> float:
        """Area under the success curve: its mean, 0..1."""
        return float(self.success.mean())

    @property
    def precision_20(self) -> float:
        """Precision at 20 pixels, 0..1."""
        return float(self.precision[20])

    @property
    def normalised_20(self) -> float:
        """Normalised precision at 0.20, 0..1."""
        return float(self.normalised[20])

    @property
    def normalised_auc(self) -> float:
        """Area under the normalised precision curve from 0 to 0.5, 0..1: TrackingNet's number."""
        return float(self.normalised.mean())


@dataclass(frozen=True, slots=True)
class OverlapScores:
    """One or more sequences by the rules of the GOT-10k toolkit.

    Attributes:
        ao: mean overlap, 0..1.
        sr50: share of frames whose overlap is above 0.5.
        sr75: share of frames whose overlap is above 0.75.
    """

    ao: float
    sr50: float
    sr75: float


def overlap(boxes: Boxes, truth: Boxes) -> Float[np.ndarray, " N"]:
    """Intersection over union of boxes in pairs, 0..1; 0 if both are empty.

    Raises:
        ValueError: if their numbers differ.
    """
    if boxes.shape != truth.shape:
        raise ValueError(f"{len(boxes)} boxes but {len(truth)} true ones; give one for each frame")
    corners = (np.concatenate((b[:, :2], b[:, :2] + b[:, 2:]), axis=1) for b in (boxes, truth))
    return box_iou(*corners)


def score_boxes(
    boxes: Boxes, truth: Boxes, visible: Bool[np.ndarray, " N"] | None = None
) -> BoxScores:
    """The curves of one sequence; the dataset's curve is the mean over sequences.

    As in pysot-toolkit, also in these details: frames without the object count as failures at
    every threshold. A true box that touches ``x = 0`` or ``y = 0`` never overlaps. A true centre
    that is not positive is always precise.

    Args:
        boxes: predicted; every frame has one (see :func:`complete_boxes`).
        truth: NaN where the object is absent.
        visible: False where the object is absent, too.

    Raises:
        ValueError: if the lengths differ or there are no frames.
    """
    frames = len(truth)
    if not frames:
        raise ValueError("no frames: there is nothing to score")
    overlaps = overlap(boxes, truth)
    overlaps[~(truth > 0).all(1)] = -1
    known = np.isfinite(truth).all(1)
    known = known if visible is None else known & visible
    overlaps, boxes, truth = overlaps[known], boxes[known], truth[known]
    size = truth[:, 2:] + 1e-16
    return BoxScores(
        success=(overlaps[:, None] > OVERLAPS).sum(0) / frames,
        precision=_within(_centres(boxes), _centres(truth), PIXELS) / frames,
        normalised=_within(_centres(boxes) / size, _centres(truth) / size, SHARES) / frames,
    )


def complete_boxes(boxes: Boxes, first: Float[np.ndarray, "4"]) -> Boxes:
    """Boxes for every frame: first the given box; empty or unknown ones repeat the last known box.

    In and out ``(x, y, width, height)`` in pixels.

    As the toolkits of OTB and LaSOT, and pytracking, do before they score.
    """
    out = boxes.copy()
    out[0] = first
    for index in range(1, len(out)):
        if not (np.isfinite(out[index]).all() and (out[index, 2:] > 0).all()):
            out[index] = out[index - 1]
    return out


def got10k_overlaps(
    boxes: Boxes, truth: Boxes, visible: Bool[np.ndarray, " N"], *, size: tuple[int, int]
) -> Float[np.ndarray, " K"]:
    """One sequence's overlaps as in GOT-10k: boxes cut to the picture, visible frames only.

    The first frame, which was given, is left out.

    Args:
        boxes: predicted.
        truth: any values where the object is not visible.
        visible: whether the object is in the frame.
        size: of the pictures, height and width.
    """
    seen = visible & (np.arange(len(truth)) > 0)
    return overlap(cut_boxes(boxes[seen], size), cut_boxes(truth[seen], size))


def score_overlaps(overlaps: Float[np.ndarray, " N"]) -> OverlapScores:
    """AO and SR over all sequences' overlaps that count, 0..1 (:func:`got10k_overlaps`).

    As GOT-10k's toolkit reports its validation set; its server also weights classes.

    Raises:
        ValueError: if there are none.
    """
    if not len(overlaps):
        raise ValueError("no frames: there is nothing to score")
    sr50, sr75 = (float((overlaps > least).mean()) for least in (0.5, 0.75))
    return OverlapScores(float(overlaps.mean()), sr50, sr75)


def cut_boxes(boxes: Boxes, size: tuple[int, int]) -> Boxes:
    """Boxes cut to a picture of ``size`` (height, width), as GOT-10k does before it compares.

    Its toolkit moves a corner left of or above the picture onto the edge and keeps the width.
    """
    limit = np.array(size[::-1], float)
    corner = np.clip(boxes[:, :2], 0, limit)
    return np.concatenate([corner, np.clip(boxes[:, 2:], 0, limit - corner)], 1)


def _centres(boxes: Boxes) -> Float[np.ndarray, "N 2"]:
    """The centre pixel of each box."""
    return boxes[:, :2] + (boxes[:, 2:] - 1) / 2


def _within(
    centres: Float[np.ndarray, "N 2"], truth: Float[np.ndarray, "N 2"], thresholds: np.ndarray
) -> Float[np.ndarray, " T"]:
    """How many centres lie within each threshold of the true ones."""
    distance = np.sqrt(((centres - truth) ** 2).sum(1))
    distance[~(truth > 0).all(1)] = -1
    return (distance[:, None] <= thresholds).sum(0)
