"""Gathers what the project says of objects, plans their passes, and runs these.

A range of frames, as a timeline gives it, becomes calls of :meth:`Project.propagate`.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from ...files import digest_of
from ..database import (
    Anchor,
    ProjectError,
    ProjectObject,
    ProjectVideo,
    Reviews,
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
    """Track objects of one video.

    Arguments and errors as for :meth:`Project.propagate` and :class:`Propagation`.
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
    began, frames, ended = time.monotonic(), 0, False
    with project.open_video(video.id) as source:
        try:
            tracking = Propagation(project.log, video, source, engine, commit_every)
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
    """The passes of an object for the engine that has a key.

    Other arguments and errors as for :meth:`Project.propagate`.
    """
    barriers = Reviews(project.log).barriers(video, thing.id)
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


@dataclass(frozen=True, slots=True)
class Walk:
    """Arguments of a call of :meth:`Project.propagate`; ``stop`` is the last frame."""

    object_ids: tuple[int, ...]
    start: int | None
    stop: int | None
    direction: str


def plan_walks(
    project: Project,
    video: ProjectVideo,
    object_ids: Sequence[int],
    start: int | None,
    stop: int | None,
    direction: str,
) -> list[Walk]:
    """What is to be tracked, so that the frames of a range are: from ``start`` up to ``stop``.

    Forward, an object begins at ``start`` if it can be reached from a prompt before it, or else at
    its first prompt in the range; backward the same from the end. Both ways it begins at its first
    prompt in the range. Objects that can begin nowhere are left out. None = the ends of the video,
    or with neither: from the prompts, as :meth:`Project.propagate` does. ProjectError if the range
    is empty, an object is of another video, or none can begin.
    """
    things = [project.object(own) for own in dict.fromkeys(object_ids)]
    for thing in things:
        if thing.video_id != video.id:
            raise ProjectError(f"object {thing.id} is not of video {video.name!r}")
    first = 0 if start is None else start
    last = video.length - 1 if stop is None else min(stop, video.length) - 1
    if last < first:
        raise ProjectError(
            f"frames {first} to {last}: there are none; give frames of 0 to {video.length - 1}"
        )
    walks: dict[tuple[int | None, int | None, str], list[int]] = {}
    reason: ProjectError | None = None
    for thing in things:
        try:
            if start is None and stop is None:
                _check(project, thing, video, None, direction)
                places = [(None, None, direction)]
            else:
                places = _places(project, thing, video, first, last, direction)
        except ProjectError as error:
            reason = reason or error
            continue
        for place in places:
            walks.setdefault(place, []).append(thing.id)
    if not walks:
        raise reason or ProjectError("there is nothing to track; give objects")
    return [Walk(tuple(own), *place) for place, own in walks.items()]


def _places(
    project: Project,
    thing: ProjectObject,
    video: ProjectVideo,
    first: int,
    last: int,
    direction: str,
) -> list[tuple[int, int, str]]:
    """Where an object begins and ends, and in which direction."""
    anchors = sorted(find_anchors(project.store, thing.id, video.size))
    inside = [frame for frame in anchors if first <= frame <= last]
    if direction == "both" and inside:
        found = [(inside[0], last, "forward"), (inside[0], first, "backward")]
        return [place for place in found if place[0] != place[1]] or found[:1]
    forward = direction != "backward"
    begin, end = (first, last) if forward else (last, first)
    way = "forward" if forward else "backward"
    try:
        _check(project, thing, video, begin, way)
    except ProjectError:
        if not inside:
            raise
        begin = inside[0] if forward else inside[-1]
        _check(project, thing, video, begin, way)
    return [(begin, end, way)]


def _check(
    project: Project, thing: ProjectObject, video: ProjectVideo, start: int | None, direction: str
) -> None:
    """Raise ProjectError if an object cannot begin there."""
    if start is None and not find_anchors(project.store, thing.id, video.size):
        raise ProjectError(f"object {thing.number} has no prompt; click on it first")
    # Keys do not matter here, only what can be reached.
    passes_of(project, thing, video, "", DIRECTIONS[direction], start)
