"""Checks of tracks that are finished: which are the same, and which are found again backward."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from functools import partial
from itertools import groupby
from operator import attrgetter
from typing import Any

import numpy as np
from pycocotools import mask as coco

from ...prompts import Prompt
from ...track import Session, follow, walk
from ...types import Frame
from ..database import ProjectMask, ProjectObject, ProjectVideo, find_anchors
from ..engine import Engine
from ..project import Project

SAME = 0.7  # temporal IoU from which on two objects are one


def duplicates(
    project: Project, video: ProjectVideo, things: Sequence[ProjectObject], found: frozenset[int]
) -> dict[int, str]:
    """Objects that were found and are the same as another one, by id, with the reason.

    Temporal IoU: the pixels that both cover over all frames, by those that one of them covers.
    """
    order = sorted(things, key=lambda own: (own.id in found, own.number))
    places = {own.id: place for place, own in enumerate(order)}
    shared = np.zeros((len(order), len(order)))
    streams, frame = [project.masks(own.id) for own in order], attrgetter("frame")
    for _, group in groupby(heapq.merge(*streams, key=frame), key=frame):
        masks = list(group)
        runs: list[Any] = [
            {"size": list(video.size), "counts": own.counts.encode()} for own in masks
        ]
        areas = np.array([coco.area(own) for own in runs], np.float64)
        overlaps = np.asarray(coco.iou(runs, runs, [0] * len(runs)), np.float64)
        rows = [places[own.object_id] for own in masks]
        common = overlaps * (areas[:, None] + areas) / (1 + overlaps)
        np.fill_diagonal(common, areas)
        shared[np.ix_(rows, rows)] += common
    sums = shared.diagonal()
    union = np.maximum(sums[:, None] + sums - shared, 1)
    same: dict[int, str] = {}
    for young, own in enumerate(order):
        for old, other in enumerate(order[:young]):
            overlap = shared[old, young] / union[old, young]
            if own.id in found and other.id not in same and overlap > SAME:
                same[own.id] = f"the same as object {other.number} (temporal IoU {overlap:.2f})"
                break
    return same


def track_back(
    project: Project,
    video: ProjectVideo,
    things: Sequence[ProjectObject],
    engine: Engine,
    pause: Callable[[], None] | None = None,
) -> dict[int, float | None]:
    """The IoU of each object's first mask and what is found there by tracking back from its last.

    None for an object that is not seen after its first prompt. It takes as long as tracking;
    ``pause`` is called after each frame.
    """
    back = _Back()
    for own in things:
        anchors = find_anchors(project.store, own.id, video.size)
        first = next(iter(anchors), 0)
        last = first
        for mask in project.masks(own.id, first):
            if mask.area:
                last = mask.frame
        start, end = project.mask(own.id, first), project.mask(own.id, last)
        if last > first and start is not None and end is not None:
            back.add(own.id, start, end)
    found: dict[int, float | None] = {own.id: None for own in things}
    if not back.starts:
        return found
    session = engine.start(length=video.length)
    with project.open_video(video.id) as source:
        read = partial(walk, source, back.last, -1, back.last - back.first + 1)
        for frame, outcome in follow(session, read, back, direction=-1):
            if pause is not None:
                pause()
            due = [k for k in outcome.object_ids if back.starts[k].frame == frame.index]
            if due:
                result = session.render(outcome, frame).cpu()
                for k in due:
                    first, back_again = back.starts[k].pixels(), result.mask(k)
                    union = max(np.count_nonzero(first | back_again), 1)
                    found[k] = float(np.count_nonzero(first & back_again) / union)
    return found


class _Back:
    """A user who gives each object its last mask, and removes it once its first is reached."""

    def __init__(self) -> None:
        self.starts: dict[int, ProjectMask] = {}
        self.ends: dict[int, list[ProjectMask]] = {}
        self.first, self.last = 1 << 62, 0

    def add(self, object_id: int, start: ProjectMask, end: ProjectMask) -> None:
        self.starts[object_id] = start
        self.ends.setdefault(end.frame, []).append(end)
        self.first, self.last = min(self.first, start.frame), max(self.last, end.frame)

    def prompt(self, session: Session, frame: Frame, direction: int) -> None:
        if session.lag == 0:
            for object_id in session.object_ids:
                if self.starts[object_id].frame > frame.index:
                    session.remove(object_id)
        for mask in self.ends.get(frame.index, []):
            session.prompt(mask.object_id, Prompt.from_mask(mask.pixels()), frame)

    def finish(self) -> None:
        """Every mask was on a frame that came."""
