"""Gathers what the project says of objects, plans their passes, and runs these."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from ...files import digest_of
from ..database import (
    Anchor,
    ProjectError,
    ProjectObject,
    ProjectVideo,
    Reviews,
    SavedStates,
    StoredMasks,
    find_anchors,
)
from ..engine import Engine
from .passes import Pass, Subject, plan
from .propagation import Propagation, Step

if TYPE_CHECKING:
    from ..project import Project

DIRECTIONS = {"forward": (1,), "backward": (-1,), "both": (1, -1)}


def propagate(
    project: Project,
    object_ids: Iterable[int],
    start: int | None,
    stop: int | None,
    direction: str,
    engine: Engine,
    commit_every: float | None = None,
) -> Iterator[Step]:
    """Track objects of one video; arguments and errors as for :meth:`Project.propagate`.

    Args:
        commit_every: see :class:`Propagation`.
    """
    if direction not in DIRECTIONS:
        raise ProjectError(f"direction {direction!r} is none of {', '.join(DIRECTIONS)}")
    if stop is not None and (start is None or direction == "both"):
        raise ProjectError(f"stop={stop}: give start= and one direction with it")
    things = [project.object(object_id) for object_id in dict.fromkeys(object_ids)]
    if not things:
        return
    if len({thing.video_id for thing in things}) > 1:
        raise ProjectError("these objects are of several videos; propagate those of one")
    video = project.video(things[0].video_id)
    passes = {
        thing.id: passes_of(project, thing, video, engine.key, DIRECTIONS[direction], start, stop)
        for thing in things
    }
    masks, states = StoredMasks(project.log), SavedStates(project.store)
    began, frames, ended = time.monotonic(), 0, False
    with project.open_video(video.id) as source:
        try:
            tracking = Propagation(video, source, engine, masks, states, commit_every)
            for step in tracking.run(passes):
                frames += 1
                yield step
            ended = True
        finally:
            if frames:
                data = {"objects": [thing.number for thing in things], "start": start}
                data |= {"stop": stop, "direction": direction, "frames": frames}
                data |= {"seconds": round(time.monotonic() - began, 3), "ended": ended}
                project.log.add("propagate", data, video_id=video.id)


def is_complete(
    project: Project, things: Iterable[ProjectObject], engine: Engine, direction: str
) -> bool:
    """Whether :func:`propagate` would find nothing to do; the video is not opened."""
    masks = StoredMasks(project.log)
    for thing in things:
        video = project.video(thing.video_id)
        passes = passes_of(project, thing, video, engine.key, DIRECTIONS[direction])
        if any(masks.missing(thing.id, one, video.length) for one in passes):
            return False
    return True


def passes_of(
    project: Project,
    thing: ProjectObject,
    video: ProjectVideo,
    engine_key: str,
    directions: Sequence[int],
    start: int | None = None,
    stop: int | None = None,
) -> list[Pass]:
    """The passes of an object; other arguments and errors as for :meth:`Project.propagate`.

    Args:
        engine_key: of the engine that would track it.
    """
    barriers = Reviews(project.log).barriers(video.id, thing.id, video.length)
    subject = Subject(
        thing.number,
        find_anchors(project.store, thing.id, video.size),
        barriers,
        partial(_accepted, project, thing),
        video.length,
        digest_of([video.hash, engine_key]),
    )
    passes: list[Pass] = []
    for direction in directions:
        for one in plan(subject, start, stop, direction):
            # The frame where both directions begin is tracked once.
            if any(own.direction != direction and own.start == one.start for own in passes):
                one = replace(one, start=one.start + direction)
            if one.frames():
                passes.append(one)
    return passes


def _accepted(project: Project, thing: ProjectObject, frame: int) -> Anchor | None:
    """The mask of a frame that does not change; None if there is none, or it is empty."""
    found = project.mask(thing.id, frame)
    if found is None or not found.pixels().any():
        return None
    data = ({"mask": {"size": list(found.size), "counts": found.counts}},)
    return Anchor(frame, 0, digest_of([data, "accepted"]), data, mask=True, restart=True)
