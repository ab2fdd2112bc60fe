"""Long-term tracking as VOT scores it: tracking precision, tracking recall, and their F-score.

A tracker that reports no object while it is absent gains precision; one that finds it again gains
recall.

Lukežič et al., "Now you see me: evaluating performance in long-term visual tracking",
arXiv 1804.07056; details as in the VOT toolkit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from .boxes import Boxes, cut_boxes, overlap

RESOLUTION = 100  # thresholds


@dataclass(frozen=True, slots=True, eq=False)
class LongTermTrack:
    """The result of a tracker on one sequence.

    Attributes:
        overlaps: of prediction and ground truth, 0..1; 0 where either has no object.
        confidence: of the tracker in its prediction; NaN where it predicted that the object is
            absent.
        visible: whether there is one.
    """

    overlaps: Float[np.ndarray, " T"]
    confidence: Float[np.ndarray, " T"]
    visible: Bool[np.ndarray, " T"]


@dataclass(frozen=True, slots=True, eq=False)
class LongTermScores:
    """Curves over thresholds, with the same weight for all sequences.

    Attributes:
        thresholds: falling, from infinity (nothing is reported) to minus infinity (everything is).
        precision: mean overlap (0..1) of frames whose confidence reaches the threshold; 1 if none.
        recall: their overlaps added up, over the number of frames that show the object.
    """

    thresholds: Float[np.ndarray, " K"]
    precision: Float[np.ndarray, " K"]
    recall: Float[np.ndarray, " K"]

    @property
    def f_scores(self) -> Float[np.ndarray, " K"]:
        """The harmonic mean of precision and recall at each threshold, 0..1."""
        total = self.precision + self.recall
        double = 2 * self.precision * self.recall
        return np.divide(double, total, out=np.zeros_like(total), where=total > 0)

    @property
    def best(self) -> int:
        """The index of the threshold with the highest F-score, which gives the three numbers."""
        return int(self.f_scores.argmax())

    @property
    def f_score(self) -> float:
        """The highest F-score, 0..1, by which VOT ranks."""
        return float(self.f_scores[self.best])


def box_track(
    boxes: Boxes, confidence: Float[np.ndarray, " N"], truth: Boxes, *, size: tuple[int, int]
) -> LongTermTrack:
    """A track of boxes, cut to the picture.

    Args:
        boxes: predicted, x, y, width, height in pixels; empty or NaN where there is none.
        confidence: of each.
        truth: NaN where the object is absent.
        size: of the pictures, height and width.
    """
    visible = np.isfinite(truth.sum(1))
    told = np.isfinite(boxes.sum(1)) & (boxes[:, 2:].min(1) > 0)
    both = told & visible
    overlaps = np.zeros(len(truth))
    overlaps[both] = overlap(cut_boxes(boxes[both], size), cut_boxes(truth[both], size))
    return LongTermTrack(overlaps, np.where(told, confidence, np.nan), visible)


def score_long_term(tracks: Sequence[LongTermTrack]) -> LongTermScores:
    """Precision and recall averaged over sequences, one track each, at common thresholds.

    Raises:
        ValueError: if there are no tracks, or one's sequence never shows the object.
    """
    if not tracks:
        raise ValueError("no tracks: there is nothing to score")
    for number, track in enumerate(tracks):
        if not track.visible.any():
            raise ValueError(f"track {number}: its object is visible in no frame")
    thresholds = _thresholds(np.concatenate([track.confidence for track in tracks]))
    curves = np.mean([_curves(track, thresholds) for track in tracks], axis=0)
    return LongTermScores(thresholds, curves[0], curves[1])


def _thresholds(confidence: Float[np.ndarray, " N"]) -> Float[np.ndarray, " K"]:
    """All confidences, or ``RESOLUTION`` quantiles of them, decreasing, between infinities."""
    found = np.sort(confidence[~np.isnan(confidence)])[::-1]
    inner = RESOLUTION - 2
    if len(found) > inner:
        margin = len(found) // inner
        places = np.round(np.linspace(margin, len(found) - margin, inner)).astype(int)
        found = found[places]
    return np.concatenate([[np.inf], found, [-np.inf]])


def _curves(track: LongTermTrack, thresholds: Float[np.ndarray, " K"]) -> np.ndarray:
    """Precision and recall of one sequence, two rows."""
    # Frames by decreasing confidence: those that reach a threshold come first.
    told = ~np.isnan(track.confidence)
    confidence, overlaps = track.confidence[told], track.overlaps[told]
    order = np.argsort(-confidence, kind="stable")
    reached = np.searchsorted(-confidence[order], -thresholds, side="right")
    sums = np.concatenate([[0.0], np.cumsum(overlaps[order])])[reached]
    precision = np.divide(sums, reached, out=np.ones(len(thresholds)), where=reached > 0)
    return np.stack([precision, sums / track.visible.sum()])
