"""Lanes of a timeline: on which frames an object has what kind of mask, without its masks.

It reads an index instead of the masks, so that long videos with many objects are quick.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from ..database import LOW_CONFIDENCE, ProjectObject, ProjectVideo, Review, StoredMasks
from ..project import Project
from .freshness import Span, runs

BASE = ("prompted", "propagated", "doubtful", "absent", "brush", "imported")
_NOTHING = -1
# Above both, the confidence is above LOW_CONFIDENCE: 0.53 / (1 + exp(-3)) > 0.5.
_SURE_PRESENCE, _SURE_SCORE = 3.0, 0.53
_OVERLAYS = ("accepted", "rejected")


@dataclass(frozen=True, slots=True)
class LanePart:
    """Frames of an object that are alike.

    Attributes:
        start: the first.
        stop: the one after the last.
        kind: one of :data:`BASE`, of which a frame has at most one; or over these ``stale``,
            ``accepted``, ``rejected`` or ``locked``.
        why: of a doubtful part: what makes it so.
    """

    start: int
    stop: int
    kind: str
    why: str = ""


def lanes_of(
    project: Project,
    video: ProjectVideo,
    things: Sequence[ProjectObject],
    stale: Sequence[Span] = (),
) -> dict[int, list[LanePart]]:
    """The lanes of some objects of a video, by object.

    ``stale`` = what tracking again would change.
    """
    reviews = project.reviews(video.id)
    found = {}
    for thing in things:
        kinds, confidence = _kinds(project, thing, video)
        parts = list(_parts(kinds, confidence))
        own = [span for span in stale if span.object_id == thing.id]
        parts += [LanePart(span.start, span.stop, "stale") for span in own]
        found[thing.id] = parts + _reviewed(reviews, thing, video)
    return found


def _kinds(
    project: Project, thing: ProjectObject, video: ProjectVideo
) -> tuple[Int[np.ndarray, " T"], np.ndarray]:
    """The kind of each frame, as a place in :data:`BASE` or -1, and the confidence there."""
    kinds = np.full(video.length, _NOTHING, np.int8)
    confidence = np.ones(video.length)
    kinds[_tracked(project, thing)] = BASE.index("propagated")
    rows = project.store.tuples(  # what may be otherwise
        "SELECT frame, score, presence, made = 'prompt' FROM propagated WHERE object_id = ? AND "
        "(presence < ? OR score < ? OR made = 'prompt')",
        *(thing.id, _SURE_PRESENCE, _SURE_SCORE),
    )
    if rows:
        table = np.array(rows)
        frames = table[:, 0].astype(int)
        score, presence, prompted = table[:, 1], table[:, 2], table[:, 3] > 0
        there = 1 / (1 + np.exp(-presence.clip(-50, 50)))
        sure = np.where(presence > 0, score * there, 1 - there)
        own = np.where(presence > 0, BASE.index("propagated"), BASE.index("absent"))
        own = np.where(sure < LOW_CONFIDENCE, BASE.index("doubtful"), own)
        kinds[frames] = np.where(prompted, BASE.index("prompted"), own)
        confidence[frames] = sure
    masks = StoredMasks(project.log)
    for frame in masks.answered(video.size, thing.id, 0, video.length):
        kinds[frame] = BASE.index("prompted")
    for frame, made, empty, sure in masks.edited_kinds(thing.id, video.size, video.length):
        name = {"brush": "brush", "imported": "imported", "prompt": "prompted"}
        tracked = "doubtful" if sure < LOW_CONFIDENCE else "absent" if empty else "propagated"
        kinds[frame] = BASE.index("absent" if empty and made in name else name.get(made, tracked))
        confidence[frame] = sure
    return kinds, confidence


def _tracked(project: Project, thing: ProjectObject) -> slice | list[int]:
    """The frames with a mask of the model."""
    sql = "SELECT count(*) AS count, min(frame) AS first, max(frame) AS last FROM propagated"
    row = project.store.one(f"{sql} WHERE object_id = ?", thing.id)
    assert row is not None
    if not row["count"]:
        return []
    if row["count"] == row["last"] - row["first"] + 1:
        return slice(row["first"], row["last"] + 1)
    sql = "SELECT frame FROM propagated WHERE object_id = ?"
    return [frame for (frame,) in project.store.tuples(sql, thing.id)]


def _parts(kinds: np.ndarray, confidence: np.ndarray) -> list[LanePart]:
    edges = np.flatnonzero(np.diff(kinds)) + 1
    starts, stops = np.r_[0, edges], np.r_[edges, len(kinds)]
    parts = []
    for start, stop in zip(starts.tolist(), stops.tolist(), strict=True):
        if kinds[start] == _NOTHING:
            continue
        kind = BASE[kinds[start]]
        why = ""
        if kind == "doubtful":
            why = f"confidence {confidence[start:stop].min():.2f}"
        parts.append(LanePart(start, stop, kind, why))
    return parts


def _reviewed(
    reviews: Sequence[Review], thing: ProjectObject, video: ProjectVideo
) -> list[LanePart]:
    """The parts that were accepted, rejected or locked."""
    frames: Mapping[str, set[int]] = {kind: set() for kind in (*_OVERLAYS, "locked")}
    for own in reviews:
        if own.object_id not in (None, thing.id):
            continue
        where = range(video.length) if own.frame is None else (own.frame,)
        if own.state in _OVERLAYS:
            frames[own.state].update(where)
        if own.locked:
            frames["locked"].update(where)
    return [
        LanePart(start, stop, kind)
        for kind, own in frames.items()
        for start, stop in runs(sorted(own))
    ]
