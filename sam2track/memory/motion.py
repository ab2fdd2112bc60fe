"""BANK: a mask is taken, and remembered, if it lies where the object was going."""

from __future__ import annotations

from copy import copy

import numpy as np
from jaxtyping import Bool

from ..masks.boxes import mask_box
from .archive import Archive
from .chooser import Chosen
from .evidence import Evidence, Sighting
from .kalman import Box, BoxFilter, box_iou
from .ranked import RankedBank, RankedMemory


class MotionChooser:
    """Weighs predicted IoU with a Kalman filter's guess of the box (SAMURAI, 2411.11922).

    Once ``stable_frames`` frames in a row had a predicted IoU above ``stable_score``, the candidate
    with the best ``weight * IoU(expected box, its box) + (1 - weight) * predicted IoU`` is taken;
    until then the one with the best predicted IoU. A frame below ``stable_score`` resets the count,
    and the filter does not learn from it.

    Args:
        weight: of motion; 0.15 for large models, 0.25 for the others.
        stable_frames: how many before motion counts.
        stable_score: predicted IoU.
        absent_below: presence logit under which the object is taken to be away.
        place_noise, rate_noise: the filter's, in heights of the box (a frame).
    """

    def __init__(
        self,
        *,
        weight: float = 0.25,
        stable_frames: int = 15,
        stable_score: float = 0.3,
        absent_below: float = -1.0,
        place_noise: float = 1 / 20,
        rate_noise: float = 1 / 160,
    ) -> None:
        self.weight = weight
        self.stable_frames = stable_frames
        self.stable_score = stable_score
        self.absent_below = absent_below
        self.place_noise = place_noise
        self.rate_noise = rate_noise
        self.filter: BoxFilter | None = None
        self.stable = 0
        self.before: tuple[BoxFilter | None, int] = None, 0  # the same, ahead of the last frame
        self.last: tuple[int, int] | None = None

    def choose(self, evidence: Evidence, index: int, direction: int) -> Chosen:
        sighting = evidence.sightings[0]
        # The state is that of the frame before. A frame may be followed again, since another object
        # was corrected on it. Where some other frame was followed last (after an anchor: the user
        # may have moved the mask; or on a frame gone back to), it begins anew.
        if self.last == (index, direction):
            self.filter, self.stable = self.before
        elif self.last != (index - direction, direction):
            self.filter, self.stable = None, 0
        self.last, self.before = (index, direction), (self.filter, self.stable)
        if self.filter is not None:
            self.filter = copy(self.filter)
            self.filter.predict()
        present = sighting.presence > self.absent_below
        expected = self.filter is not None and self.stable >= self.stable_frames
        motion = self._motion(sighting, present) if expected else None
        scores = sighting.scores
        if motion is not None:
            scores = self.weight * motion + (1 - self.weight) * scores
        pick = int(scores.argmax())
        chosen = Chosen(sighting, pick, present, None if motion is None else float(motion[pick]))
        self._learn(chosen)
        return chosen

    def _motion(self, sighting: Sighting, present: bool) -> np.ndarray:
        """IoU of each candidate's box with the expected one; 0 for what has no box."""
        assert self.filter is not None
        boxes = [_box(mask) if present else None for mask in sighting.masks]
        expected = self.filter.box
        return np.array([0.0 if box is None else box_iou(expected, box) for box in boxes])

    def _learn(self, chosen: Chosen) -> None:
        box = _box(chosen.mask)
        if chosen.score <= self.stable_score or box is None:  # an empty mask shows no place
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


class MotionMemory(RankedMemory):
    """SAMURAI (2411.11922): :class:`MotionChooser`, and a memory of the frames that it trusts.

    A frame is remembered if predicted IoU, presence and motion are all above their thresholds
    (motion only where something was expected), and the frame before always. The last ``recent``
    of them are attended to, however long ago.

    Args:
        recent: remembered frames attended to.
        pointers: object pointers attended to, not counting those of anchors.
        weight, stable_frames, stable_score, place_noise, rate_noise: see :class:`MotionChooser`.
        absent_below: presence logit under which the mask is emptied.
        min_score, min_presence, min_motion: what a remembered frame exceeds.
        span, slots, archive: see :class:`sam2track.memory.protocol.MemoryFactory`.
    """

    def __init__(
        self,
        *,
        recent: int = 6,
        pointers: int = 16,
        weight: float = 0.25,
        stable_frames: int = 15,
        stable_score: float = 0.3,
        place_noise: float = 1 / 20,
        rate_noise: float = 1 / 160,
        absent_below: float = -1.0,
        min_score: float = 0.5,
        min_presence: float = 0.0,
        min_motion: float = 0.0,
        span: int = 16,
        slots: int = 7,
        archive: Archive | None = None,
    ) -> None:
        bank = RankedBank(
            recent=min(recent, slots - 1), pointers=pointers, span=span, archive=archive
        )
        chooser = MotionChooser(
            weight=weight,
            stable_frames=stable_frames,
            stable_score=stable_score,
            absent_below=absent_below,
            place_noise=place_noise,
            rate_noise=rate_noise,
        )
        super().__init__(bank, chooser)
        self.min_score = min_score
        self.min_presence = min_presence
        self.min_motion = min_motion

    def admits(self, chosen: Chosen) -> bool:
        return (
            chosen.score > self.min_score
            and chosen.presence > self.min_presence
            and (chosen.motion is None or chosen.motion > self.min_motion)
        )
