"""Follows everything in a video: a user of the pipeline who prompts what no object explains yet.

Frames go in; masks or boxes of everything in the first frame become objects, and later, every few
frames, those of what no object covers.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from ..masks import mask_box
from ..masks.boxes import box_iou
from ..prompts import Prompt
from ..types import Frame
from .pipeline import Session

Masks = Bool[np.ndarray, "N H W"]


@dataclass(frozen=True, slots=True, eq=False)
class Proposal:
    """What may become an object.

    Attributes:
        prompt: a mask, or a box.
        label: what it is; empty = unknown.
    """

    prompt: Prompt
    label: str = ""


# Gives what is seen on a frame, the best first. Where it is True no object is yet.
Find = Callable[[Frame, Bool[np.ndarray, "H W"]], Sequence[Proposal]]

LAST_ID = 255  # what a palette PNG can hold
NEW_SHARE = 0.7  # of a new object's mask that no other object explains
LEAST_AREA = 0.001  # of a new object, as a share of the frame
SAME_BOX = 0.5  # IoU of a box with that of an object, from which on it is this object's
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
        find: see :data:`Find`.
        every: after so many frames it looks for new objects again; 0 = only on the first frame.
        max_objects: how many are followed at a time. When there are so many, a new one takes the
            place of one that has not been seen for long, if there is one.
        first_id: of the first object that it begins; objects with lower ids are another user's.

    Attributes:
        begun: the objects that began on the last frame, by their ids.
        merged: those that turned out to be the same as an older one.
    """

    def __init__(
        self, find: Find, *, every: int = 10, max_objects: int = 32, first_id: int = 1
    ) -> None:
        self.find, self.every, self.max_objects = find, every, max_objects
        self.first_id, self.last_id = first_id, first_id - 1
        self.begun: dict[int, Proposal] = {}
        self.merged: set[int] = set()
        self.frames = 0
        self.unseen: dict[int, int] = {}  # by object: for how many looks
        self.seen: deque[_Seen] = deque(maxlen=LOOKS)

    def prompt(self, session: Session, frame: Frame, direction: int) -> None:
        """Every few frames merge objects that have become one, and begin new ones."""
        due = self.frames % self.every == 0 if self.every else not self.frames
        self.frames += 1
        self.begun = {}
        if not due:
            return
        masks = np.zeros((0, *frame.size), bool)
        if session.object_ids:
            outcome = session.advance(frame, direction=direction)
            result = session.render(outcome, frame).cpu()
            masks = result.masks.numpy()
            for object_id, mask in zip(result.object_ids, masks, strict=True):
                self.unseen[object_id] = 0 if mask.any() else self.unseen.get(object_id, 0) + 1
            self._merge(session, result.object_ids, masks)
        if self._has_place(session):
            self._begin(session, frame, masks)

    def finish(self) -> None:
        """ValueError if there never was an object."""
        if self.last_id < self.first_id:
            raise ValueError("prompts=auto: nothing was found that could be followed")

    def _begin(self, session: Session, frame: Frame, masks: Masks) -> None:
        """Begin objects where no other explains the picture."""
        explained = np.asarray(masks.any(axis=0), bool)
        boxes: list[Sequence[float]] = [
            box for mask in masks if (box := mask_box(mask)) is not None
        ]
        for proposal in self.find(frame, ~explained):
            if not _is_new(proposal.prompt, explained, boxes):
                continue
            if not self._has_place(session):
                return
            if len(session.object_ids) >= self.max_objects:
                self._remove(session, max(self.unseen, key=lambda own: self.unseen[own]))
            self.last_id += 1
            seen = session.prompt(self.last_id, proposal.prompt, frame)
            self.begun[self.last_id] = proposal
            self.unseen[self.last_id] = 0
            explained |= seen if proposal.prompt.mask is None else proposal.prompt.mask
            box = mask_box(seen) if proposal.prompt.box is None else proposal.prompt.box.tolist()
            boxes += [] if box is None else [box]

    def _has_place(self, session: Session) -> bool:
        """Whether another object may begin."""
        gone = max(self.unseen.values(), default=0) >= LOOKS
        return self.last_id < LAST_ID and (len(session.object_ids) < self.max_objects or gone)

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
                self.merged.add(object_id)
                self._remove(session, object_id)
                same[place] = False

    def _remove(self, session: Session, object_id: int) -> None:
        session.remove(object_id)
        del self.unseen[object_id]


def _is_new(
    prompt: Prompt, explained: Bool[np.ndarray, "H W"], boxes: Sequence[Sequence[float]]
) -> bool:
    """Whether no object covers what is prompted, and it is large enough."""
    if prompt.box is not None:
        (x0, y0, x1, y1), (height, width) = prompt.box.tolist(), explained.shape
        visible = max(0, min(x1, width) - max(x0, 0)) * max(0, min(y1, height) - max(y0, 0))
        overlaps = box_iou(np.array(boxes, np.float32).reshape(-1, 4), prompt.box)
        return visible >= LEAST_AREA * explained.size and not bool((overlaps >= SAME_BOX).any())
    assert prompt.mask is not None
    area = np.count_nonzero(prompt.mask)
    new = np.count_nonzero(prompt.mask & ~explained)
    return bool(area >= LEAST_AREA * explained.size and new >= NEW_SHARE * area)
