"""Gathers what the project says of an object, and plans its passes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from .anchors import Anchor, anchors_of, digest_of
from .engine import Engine
from .passes import Pass, Subject, plan
from .records import ProjectObject, ProjectVideo

if TYPE_CHECKING:
    from .project import Project


def passes_of(
    project: Project,
    thing: ProjectObject,
    video: ProjectVideo,
    engine: Engine,
    start: int | None,
    stop: int | None,
    directions: Sequence[int],
) -> list[Pass]:
    """The passes of an object; arguments and errors as for :meth:`Project.propagate`."""
    subject = Subject(
        thing.number,
        anchors_of(project.store, thing, video),
        {frame: _accepted(project, thing, frame) for frame in project.barriers(thing.id)},
        video.length,
        digest_of([video.hash, engine.key]),
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
