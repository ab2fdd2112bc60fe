"""Rates the tracks of a video, and queues those for review that may be wrong.

What the project has of each object goes in: predicted IoU and presence of its masks, sudden changes
of its area, and whether tracking back from its last frame finds its first mask again. A rating in
the log and review states with their reasons come out. What a person decided stays.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ...files import digest_of
from ..database import LOW_CONFIDENCE, ProjectMask, ProjectObject, ProjectVideo, Reviews
from ..engine import Engine
from ..project import Project
from ..prompting.automatic import found_objects
from .track_checks import duplicates, track_back

LOW_RETURN = 0.5
JUMP = 4.0  # times the area before
LEAST_AREA = 0.002  # share of the frame: of smaller masks the area says little
RARELY = 0.1  # of its frames


@dataclass(frozen=True, slots=True)
class Quality:
    """How far an object's track can be trusted.

    Attributes:
        confidence: mean of :attr:`ProjectMask.confidence` where it is seen, 0..1; 0 = never seen.
        seen: share of its frames on which it is seen, 0..1.
        returns: IoU of its first mask and what tracking back from its last frame finds there;
            None = not checked.
        jump: the largest change of its area from one frame on which it is seen to the next, as a
            factor; below 1 it shrinks.
        jump_frame: where that is.
    """

    confidence: float
    seen: float
    returns: float | None
    jump: float
    jump_frame: int | None

    @property
    def score(self) -> float:
        """Confidence times ``returns``, 0..1."""
        return self.confidence * (1.0 if self.returns is None else self.returns)

    def doubts(self) -> dict[int | None, str]:
        """Why a person should look, by frame; None = the whole track."""
        whole = []
        if self.returns is not None and self.returns < LOW_RETURN:
            whole.append(f"returns with IoU {self.returns:.2f}")
        if self.confidence < LOW_CONFIDENCE:
            whole.append(f"confidence {self.confidence:.2f}")
        if self.seen < RARELY:
            whole.append(f"seen on {self.seen:.0%} of its frames")
        found: dict[int | None, str] = {None: ", ".join(whole)} if whole else {}
        if self.jump_frame is not None and not 1 / JUMP < self.jump < JUMP:
            how = f"x {self.jump:.1f}" if self.jump > 1 else f"/ {1 / self.jump:.1f}"
            found[self.jump_frame] = f"area {how} at frame {self.jump_frame}"
        return found


def rate(
    project: Project,
    video: ProjectVideo,
    engine: Engine,
    *,
    min_quality: float = 0.0,
    pause: Callable[[], None] | None = None,
) -> None:
    """Rate the objects of a video that nobody accepted or rejected, after they were tracked.

    Of two that are the same, and were found, the younger is rejected, and so are objects that were
    found, that no person touched, and whose score is below ``min_quality``. What was rated before,
    with the same masks, is not tracked back again. ``pause`` is called after each frame that is.
    ValueError if a frame cannot be read.
    """
    before = ratings(project, video)
    found = found_objects(project, video) - _touched(project, video)
    things = [
        own for own in project.objects(video.id) if _is_open(project, own, before.get(own.id, {}))
    ]
    same = duplicates(project, video, things, found)
    rest = [own for own in things if own.id not in same]
    digests = {
        own.id: digest_of([(m.frame, m.counts, m.score, m.presence) for m in project.masks(own.id)])
        for own in rest
    }
    known = {
        own.id: before[own.id]["returns"]
        for own in rest
        if before.get(own.id, {}).get("of") == digests[own.id]
    }
    returns = known | track_back(
        project, video, [own for own in rest if own.id not in known], engine, pause
    )
    with project.store.writing():
        for own in things:
            if own.id in same:
                told = {"of": None, "state": "rejected", "why": [[None, same[own.id]]]}
            else:
                quality = measure(project.masks(own.id), video.size, returns[own.id])
                told = {"of": digests[own.id], "score": quality.score, **asdict(quality)}
                least = min_quality if own.id in found else 0.0
                told |= _verdict(quality, least)
            if told != before.get(own.id):
                _tell(project, own, before.get(own.id, {}), told)


def ratings(project: Project, video: ProjectVideo) -> dict[int, Mapping[str, Any]]:
    """The last rating of each object, by its id: the values of :class:`Quality`, ``score``, ``why``
    (pairs of a frame or None, and a text), and the ``state`` that follows."""
    return {
        entry.object_id: entry.data
        for entry in project.history(video.id)
        if entry.what == "quality" and entry.object_id is not None
    }


def measure(
    masks: Iterable[ProjectMask], size: tuple[int, int], returns: float | None = None
) -> Quality:
    """The quality of a track; its masks in order."""
    least = LEAST_AREA * size[0] * size[1]
    total = seen = 0
    confidence, jump, jump_frame, before = 0.0, 1.0, None, 0.0
    for mask in masks:
        total += 1
        area = float(mask.area)
        if not area:
            continue
        seen += 1
        confidence += mask.confidence
        if before and max(area, before) >= least:
            factor = max(area, least / JUMP) / max(before, least / JUMP)
            if abs(math.log(factor)) > abs(math.log(jump)):
                jump, jump_frame = factor, mask.frame
        before = area
    mean = confidence / seen if seen else 0.0
    return Quality(mean, seen / max(total, 1), returns, jump, jump_frame)


def _verdict(quality: Quality, least: float) -> dict[str, Any]:
    """The review state that follows from a rating, and why."""
    if quality.score < least:
        why = f"quality {quality.score:.2f} is below {least:g}"
        return {"state": "rejected", "why": [[None, why]]}
    return {"state": "review", "why": [[k, why] for k, why in quality.doubts().items()]}


def _tell(
    project: Project, thing: ProjectObject, old: Mapping[str, Any], new: Mapping[str, Any]
) -> None:
    """Write a rating down; its reasons become review states where a person has said nothing."""
    reviews = Reviews(project.log)
    for frame, why in old.get("why", []):
        state = reviews.state(thing.video_id, thing.id, frame)
        if (state.state, state.comment) == (old["state"], why):
            frames = None if frame is None else [frame]
            project.review(thing.video_id, "new", object_id=thing.id, frames=frames, comment="")
    for frame, why in new["why"]:
        state = reviews.state(thing.video_id, thing.id, frame)
        if (state.state, state.comment, state.locked) == ("new", "", False):
            frames, told = None if frame is None else [frame], {"state": new["state"]}
            project.review(thing.video_id, object_id=thing.id, frames=frames, comment=why, **told)
    project.log.add("quality", new, video_id=thing.video_id, object_id=thing.id)


def _is_open(project: Project, thing: ProjectObject, old: Mapping[str, Any]) -> bool:
    """Whether no person accepted, locked or rejected an object or its video."""
    reviews = Reviews(project.log)
    for object_id in (None, thing.id):
        state = reviews.state(thing.video_id, object_id, None)
        ours = object_id is not None and [None, state.comment] in old.get("why", [])
        if state.locked or state.state == "accepted" or (state.state == "rejected" and not ours):
            return False
    return True


def _touched(project: Project, video: ProjectVideo) -> frozenset[int]:
    """The objects of which a person said something."""
    edits = ("unprompt", "mask", "change object")
    return frozenset(
        entry.object_id
        for entry in project.history(video.id)
        if entry.object_id is not None
        and not entry.undone
        and (entry.what in edits or (entry.what == "prompt" and not entry.data.get("job")))
    )
