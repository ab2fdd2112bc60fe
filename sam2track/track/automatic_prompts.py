"""Follows everything in a video: a user of the pipeline who prompts what no object explains yet.

Frames go in; masks of everything in the first frame become objects, and later, every few frames,
masks of what lies where no object is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from jaxtyping import Bool, Float, UInt8

from ..prompts import Prompt
from ..types import Frame
from .pipeline import Session
from .session import TrackingSession

Masks = Bool[np.ndarray, "N H W"]
# Gives the masks of what is seen in a picture, the best first; clicks are only given where True.
Find = Callable[[UInt8[np.ndarray, "H W 3"], Bool[np.ndarray, "H W"]], Sequence[Prompt]]

LAST_ID = 255  # what a palette PNG can hold
NEW_SHARE = 0.7  # of a new object's mask that no other object explains
LEAST_AREA = 0.001  # of a new object, as a share of the frame
SAME = 0.7  # temporal IoU from which on two objects are one
LOOKS = 3  # frames that are looked at, over which temporal IoU is measured
SAMPLES = 128  # of the frame's shorter side, for temporal IoU


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """The objects on a frame: their areas, and the areas that pairs of them share, in samples."""

    object_ids: tuple[int, ...]
    shared: Float[np.ndarray, "N N"]


class AutomaticPrompts:
    """Prompts everything: a ``user`` for :func:`sam2track.track.track`.

    Args:
        find: gives mask prompts for what is seen in a picture, the best first; it is also given
            where to click: on what no object explains.
        every: after so many frames it looks for new objects again; 0 = only on the first frame.
        max_objects: how many are followed at a time. When there are so many, a new one takes the
            place of one that has not been seen for long, if there is one.
    """

    def __init__(self, find: Find, *, every: int = 10, max_objects: int = 32) -> None:
        self.find, self.every, self.max_objects = find, every, max_objects
        self.started = 0  # objects; also the last one's id
        self.frames = 0
        self.unseen: dict[int, int] = {}  # by object: for how many looks
        self.seen: deque[_Seen] = deque(maxlen=LOOKS)

    def prompt(self, session: Session, frame: Frame, direction: int) -> None:
        """Every few frames merge objects that have become one, and begin new ones."""
        due = self.frames % self.every == 0 if self.every else not self.frames
        self.frames += 1
        if not due:
            return
        explained = np.zeros(frame.size, bool)
        if session.object_ids:
            outcome = session.advance(frame, direction=direction)
            result = session.render(outcome, frame).cpu()
            masks = result.masks.numpy()
            explained |= masks.any(axis=0)
            for object_id, mask in zip(result.object_ids, masks, strict=True):
                self.unseen[object_id] = 0 if mask.any() else self.unseen.get(object_id, 0) + 1
            self._merge(session, result.object_ids, masks)
        if self._has_place(session) and not explained.all():
            self._begin(session, frame, explained)

    def finish(self) -> None:
        """ValueError if there never was an object."""
        if not self.started:
            raise ValueError("prompts=auto: nothing was found that could be followed")

    def _begin(self, session: Session, frame: Frame, explained: Bool[np.ndarray, "H W"]) -> None:
        """Begin objects where no other explains the picture."""
        for prompt in self.find(frame.image, ~explained):
            assert prompt.mask is not None
            area = np.count_nonzero(prompt.mask)
            new = np.count_nonzero(prompt.mask & ~explained)
            if area < LEAST_AREA * explained.size or new < NEW_SHARE * area:
                continue
            if not self._has_place(session):
                return
            if len(session.object_ids) >= self.max_objects:
                self._remove(session, max(self.unseen, key=lambda own: self.unseen[own]))
            self.started += 1
            session.prompt(self.started, prompt, frame)
            self.unseen[self.started] = 0
            explained |= prompt.mask

    def _has_place(self, session: Session) -> bool:
        """Whether another object may begin."""
        gone = max(self.unseen.values(), default=0) >= LOOKS
        return self.started < LAST_ID and (len(session.object_ids) < self.max_objects or gone)

    def _merge(self, session: Session, object_ids: tuple[int, ...], masks: Masks) -> None:
        """Of two objects that were the same over the last looks, keep the older one."""
        step = max(1, min(masks.shape[1:]) // SAMPLES)
        samples = masks[:, ::step, ::step].reshape(len(masks), -1).astype(np.float32)
        self.seen.append(_Seen(object_ids, samples @ samples.T))
        if len(self.seen) < LOOKS:
            return
        common = sorted(set.intersection(*(set(own.object_ids) for own in self.seen)))
        shared = np.zeros((len(common), len(common)))
        for own in self.seen:
            rows = [own.object_ids.index(object_id) for object_id in common]
            shared += own.shared[np.ix_(rows, rows)]
        areas = shared.diagonal()
        union = areas[:, None] + areas - shared
        same = np.triu(shared > SAME * union, 1)  # (older, younger)
        for place, object_id in enumerate(common):
            if same[:, place].any():
                self._remove(session, object_id)
                same[place] = False

    def _remove(self, session: Session, object_id: int) -> None:
        cast("TrackingSession", session).remove(object_id)
        del self.unseen[object_id]
