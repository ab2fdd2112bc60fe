"""SAMURAI: chooses and remembers masks that agree with the motion of the object."""

from __future__ import annotations

from copy import copy
from dataclasses import InitVar, dataclass

import numpy as np
from jaxtyping import Bool

from ..masks.boxes import box_iou, mask_box
from .candidate_selection import FrameCandidates, Selection, SelectorFactory
from .kalman import Box, BoxFilter
from .selected_frames import SelectedFramesMemory


@dataclass(kw_only=True, eq=False)
class MotionSelector:
    """Combines predicted IoU with a Kalman filter's prediction of the box (SAMURAI, 2411.11922).

    Once ``stable_frames`` frames in a row had a predicted IoU above ``stable_score``, the candidate
    with the best ``weight * IoU(expected box, its box) + (1 - weight) * predicted IoU`` is chosen;
    before that the one with the best predicted IoU. A frame below ``stable_score`` resets the
    count, and the filter is not updated with it.

    Args:
        weight: of motion; 0.15 for large models, 0.25 for the others.
        stable_frames: consecutive stable frames before motion is used.
        stable_score: predicted IoU.
        absent_below: presence logit below which the object counts as absent.
        place_noise, rate_noise: the filter's, in heights of the box (per frame).
    """

    weight: float = 0.25
    stable_frames: int = 15
    stable_score: float = 0.3
    absent_below: float = -1.0
    place_noise: float = 1 / 20
    rate_noise: float = 1 / 160

    def __post_init__(self) -> None:
        self.filter: BoxFilter | None = None
        self.stable = 0
        self.before: tuple[BoxFilter | None, int] = None, 0  # the same, before the last frame
        self.last: tuple[int, int] | None = None  # the last frame and its direction

    def select(self, candidates: FrameCandidates, index: int, direction: int) -> Selection:
        row = candidates.on_host[0]
        self._restore(index, direction)
        if self.filter is not None:
            self.filter = copy(self.filter)
            self.filter.predict()
        present = row.presence > self.absent_below
        motion = None
        if self.filter is not None and self.stable >= self.stable_frames:
            boxes = [_box(mask) if present else None for mask in row.masks]
            expected = self.filter.box  # IoU with it; 0 where there is no box
            motion = np.array([0.0 if b is None else float(box_iou(expected, b)) for b in boxes])
        scores = row.scores
        if motion is not None:
            scores = self.weight * motion + (1 - self.weight) * scores
        pick = int(scores.argmax())
        selection = Selection(row, pick, present, None if motion is None else float(motion[pick]))
        self._update(selection)
        return selection

    def _restore(self, index: int, direction: int) -> None:
        """Go to the state before this frame.

        A frame may be tracked again, because another object was corrected on it. If the last
        tracked frame is another one (after an anchor, on which the user may have moved the mask, or
        on a frame that the user returned to), the filter is restarted.
        """
        if self.last == (index, direction):
            self.filter, self.stable = self.before
        elif self.last != (index - direction, direction):
            self.filter, self.stable = None, 0
        self.last, self.before = (index, direction), (self.filter, self.stable)

    def _update(self, selection: Selection) -> None:
        box = _box(selection.mask)
        if selection.score <= self.stable_score or box is None:
            self.stable = 0
            return
        self.stable += 1
        if self.filter is None:
            self.filter = BoxFilter(box, place_noise=self.place_noise, rate_noise=self.rate_noise)
        else:
            self.filter.update(box)


def _box(mask: Bool[np.ndarray, "H W"]) -> Box | None:
    box = mask_box(mask)
    return None if box is None else np.array(box, float)


@dataclass(kw_only=True, eq=False)
class MotionMemory(SelectedFramesMemory):
    """SAMURAI (2411.11922): :class:`MotionSelector`, and a memory of the frames that fit.

    A frame is remembered if predicted IoU, presence and motion are all above their thresholds
    (motion only where a box was expected), and the frame before always. The last ``recent`` of them
    are attended to, whatever their age.

    Args:
        min_score, min_presence, min_motion: a remembered frame is above these.
        recent, pointers, selector, span, slots, archive: see :class:`SelectedFramesMemory`.
    """

    min_score: float = 0.5
    min_presence: float = 0.0
    min_motion: float = 0.0
    selector: InitVar[SelectorFactory] = MotionSelector

    def selects(self, selection: Selection) -> bool:
        return (
            selection.score > self.min_score
            and selection.presence > self.min_presence
            and (selection.motion is None or selection.motion > self.min_motion)
        )
