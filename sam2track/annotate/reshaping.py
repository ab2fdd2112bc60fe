"""Objects are merged, split and swapped, and frames of an object are deleted; undo takes it back.

Each is one entry of the log. The masks that get another owner are kept as a person's own: tracking
does not change them, and goes on from them. The prompts on their frames do not count any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..masks import encode_runs
from .database import (
    Entry,
    Objects,
    ProjectError,
    ProjectMask,
    ProjectObject,
    ProjectVideo,
    StoredMasks,
    check_frame,
    find_anchors,
    follow_move,
)
from .project import Project
from .tracking.freshness import runs


@dataclass(frozen=True, slots=True)
class _Range:
    """Frames of an object whose masks and prompts go; ``stop`` is left out."""

    object_id: int
    start: int
    stop: int


def merge(project: Project, object_id: int, other_id: int) -> Entry:
    """One object becomes part of another one and is removed.

    Where both have a mask, it is what either covers.

    Raises:
        ProjectError: if they are one, or of two videos.
    """
    thing, other, video = _pair(project, object_id, other_id)
    mine = {own.frame: own for own in project.masks(thing.id)}
    moved = []
    for mask in project.masks(other.id):
        if mask.area:
            moved.append((thing.id, _union(mine.get(mask.frame), mask)))
    cleared = [_Range(thing.id, *span) for span in runs([own.frame for _, own in moved])]
    data = {"other": other.number, "removed": [other.id]}
    return _move(project, "merge", thing, video, data, cleared, moved)


def split(project: Project, object_id: int, frame: int) -> tuple[Entry, ProjectObject]:
    """From a frame on, an object's masks become those of a new one of the same class.

    Raises:
        ProjectError: if there is no such frame, or no mask before it or from it on.
    """
    thing = project.object(object_id)
    video = project.video(thing.video_id)
    check_frame(frame, video)
    moved = [own for own in project.masks(thing.id, frame) if own.area]
    before = next((own for own in project.masks(thing.id, 0, frame) if own.area), None)
    if not moved or before is None:
        where = "from it on" if before is not None else "before it"
        raise ProjectError(
            f"object {thing.number} cannot be split at frame {frame}: it has no mask {where}"
        )
    with project.store.writing():
        objects, about = Objects(project.log), {"name": thing.name, "attributes": thing.attributes}
        name = objects.find_class(thing.class_id).name
        made = objects.add(video.id, name, None, **about, logged=False)
        entry = _move(
            *(project, "split", thing, video, {"added": [made.id], "made": made.number}),
            [_Range(thing.id, frame, video.length)],
            [(made.id, own) for own in moved],
        )
    return entry, made


def swap(project: Project, object_id: int, other_id: int, frame: int) -> Entry:
    """From a frame on, two objects have each other's masks, as after they were confused.

    Raises:
        ProjectError: if they are one, or of two videos, or there is no such frame.
    """
    thing, other, video = _pair(project, object_id, other_id)
    check_frame(frame, video)
    moved = [(other.id, own) for own in project.masks(thing.id, frame)]
    moved += [(thing.id, own) for own in project.masks(other.id, frame)]
    if not any(own.area for _, own in moved):
        raise ProjectError(f"neither object has a mask from frame {frame} on; choose another frame")
    cleared = [_Range(own.id, frame, video.length) for own in (thing, other)]
    data = {"other": other.number, "from": frame}
    return _move(project, "swap", thing, video, data, cleared, moved)


def clear(project: Project, object_id: int, start: int, stop: int) -> Entry:
    """Delete an object's masks and prompts from frame ``start`` up to ``stop``, which is left out.

    Tracking may fill these frames again.

    Raises:
        ProjectError: if there is no such frame.
    """
    thing, video, where = _range(project, object_id, start, stop)
    data = {"start": where.start, "stop": where.stop}
    return _move(project, "clear", thing, video, data, [where], [])


def absent(project: Project, object_id: int, start: int, stop: int) -> Entry:
    """Say that an object is not there from frame ``start`` up to ``stop``, which is left out.

    Its masks there are empty, and tracking leaves them so.

    Raises:
        ProjectError: if there is no such frame.
    """
    thing, video, where = _range(project, object_id, start, stop)
    data = {"start": where.start, "stop": where.stop, "absent": True}
    none = encode_runs(np.zeros(video.size, bool))["counts"]
    empty = [
        (thing.id, ProjectMask(thing.id, frame, none, video.size, made="brush"))
        for frame in range(where.start, where.stop)
    ]
    return _move(project, "clear", thing, video, data, [], empty, [where])


def _range(
    project: Project, object_id: int, start: int, stop: int
) -> tuple[ProjectObject, ProjectVideo, _Range]:
    thing = project.object(object_id)
    video = project.video(thing.video_id)
    check_frame(start, video)
    stop = min(stop, video.length)
    if stop <= start:
        raise ProjectError(f"frames {start} to {stop - 1}: there are none; give a stop above start")
    return thing, video, _Range(thing.id, start, stop)


def _move(
    project: Project,
    what: str,
    thing: ProjectObject,
    video: ProjectVideo,
    data: Mapping[str, Any],
    cleared: Sequence[_Range],
    moved: Iterable[tuple[int, ProjectMask]],
    unsaid: Sequence[_Range] = (),
) -> Entry:
    """Take masks and prompts away (of ``unsaid`` only what a person said), and give masks to
    objects, as one entry."""
    log, masks = project.log, StoredMasks(project.log)
    with project.store.writing() as connection:
        told = {"added": [], "removed": [], **data}
        told["cleared"] = [[own.object_id, own.start, own.stop] for own in cleared]
        parts = [
            log.add("unprompt", {}, video_id=video.id, object_id=own.object_id, frame=frame)
            for own in (*cleared, *unsaid)
            for frame in sorted(_said(project, own, video))
        ]
        # After them, so that they do not hide the masks that it brings.
        entry_id = log.add(what, told, video_id=video.id, object_id=thing.id)
        connection.executemany(
            "UPDATE log SET target = ? WHERE id = ?", ((entry_id, part) for part in parts)
        )
        follow_move(connection, entry_id, told, undone=False)
        by_object: dict[int, list[ProjectMask]] = {}
        for object_id, mask in moved:
            by_object.setdefault(object_id, []).append(mask)
        for object_id, own in by_object.items():
            masks.edit(object_id, entry_id, own)
    return log.find(entry_id)


def _said(project: Project, own: _Range, video: ProjectVideo) -> set[int]:
    """The frames of a range on which a person said something, also that nothing is there."""
    frames = set(find_anchors(project.store, own.object_id, video.size))
    frames |= StoredMasks(project.log).edited_frames(own.object_id, video.length)
    return {frame for frame in frames if own.start <= frame < own.stop}


def _pair(
    project: Project, object_id: int, other_id: int
) -> tuple[ProjectObject, ProjectObject, ProjectVideo]:
    thing, other = project.object(object_id), project.object(other_id)
    if thing.id == other.id:
        raise ProjectError(f"object {thing.number} was given twice; give two objects")
    if thing.video_id != other.video_id:
        raise ProjectError("these objects are of two videos; give two of one video")
    return thing, other, project.video(thing.video_id)


def _union(one: ProjectMask | None, other: ProjectMask) -> ProjectMask:
    if one is None or not one.area:
        return other
    both = encode_runs(np.logical_or(one.pixels(), other.pixels()))["counts"]
    scores = [own.score for own in (one, other) if own.score is not None]
    score = min(scores, default=None)
    return replace(one, counts=both, score=score, provenance_id=None, occluded=False)
