"""A range of frames, as a timeline gives it, becomes calls of :meth:`Project.propagate`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..database import ProjectError, ProjectObject, ProjectVideo, find_anchors
from ..project import Project
from .planning import DIRECTIONS, passes_of


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
    """What is to be tracked, so that the frames of a range are.

    Forward, an object begins at ``start`` if it can be reached from a prompt before it, or else at
    its first prompt in the range; backward the same from the end. Both ways it begins at its first
    prompt in the range. Objects that can begin nowhere are left out.

    Args:
        start, stop: the first frame and the one after the last; None = the ends of the video, or
            with neither: from the prompts, as :meth:`Project.propagate` does.

    Raises:
        ProjectError: if the range is empty, an object is of another video, or none can begin.
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
