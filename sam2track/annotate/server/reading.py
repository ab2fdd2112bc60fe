"""The project's values in the shapes of the API, and entries of its log in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from ..database import (
    LOW_CONFIDENCE,
    Entry,
    Objects,
    ProjectMask,
    ProjectObject,
    ProjectVideo,
    Review,
    Reviews,
    Videos,
    find_anchors,
)
from ..project import Project
from ..tracking.answering import Answer
from ..tracking.freshness import Freshness
from ..tracks import ObjectClass, hex_of
from .service import Caller, Service
from .shapes import (
    AttributeOut,
    CandidateOut,
    ClassOut,
    LeaseOut,
    MaskOut,
    ObjectOut,
    PromptOut,
    ReviewOut,
    VideoDetail,
    VideoOut,
)


def class_out(own: ObjectClass) -> ClassOut:
    """A class."""
    attributes = [
        AttributeOut.model_validate(asdict(one) | {"type": one.kind}) for one in own.attributes
    ]
    return ClassOut(id=own.id, name=own.name, colour=hex_of(own.colour), attributes=attributes)


def video_out(service: Service, caller: Caller, video: ProjectVideo) -> VideoOut:
    """A video, as a list shows it."""
    return VideoOut(**_video_values(service, caller, video))


def video_detail(service: Service, caller: Caller, video: ProjectVideo) -> VideoDetail:
    """A video with all but its masks."""
    project = service.base
    things, reviews = project.objects(video.id), project.reviews(video.id)
    return VideoDetail(
        **_video_values(service, caller, video),
        objects=objects_out(project, things, reviews),
        prompts=[own for thing in things for own in prompts_out(project, thing, video)],
        reviews=[
            ReviewOut.model_validate(asdict(own) | {"object": own.object_id}) for own in reviews
        ],
    )


def objects_out(
    project: Project, things: Sequence[ProjectObject], reviews: Sequence[Review] = ()
) -> list[ObjectOut]:
    """Objects with the state of their review."""
    classes = {own.id: own.name for own in project.classes()}
    states = {own.object_id: own for own in reviews if own.frame is None}
    return [
        ObjectOut.model_validate(
            asdict(thing)
            | _state(states.get(thing.id, Review(thing.video_id)))
            | {"video": thing.video_id, "class": classes[thing.class_id]}
            | {"colour": hex_of(thing.colour)}
        )
        for thing in things
    ]


def _state(review: Review) -> dict[str, Any]:
    return {"state": review.state, "comment": review.comment, "locked": review.locked}


def prompts_out(project: Project, thing: ProjectObject, video: ProjectVideo) -> Iterable[PromptOut]:
    """What a person said of an object; of masks only that they are there, of imports nothing."""
    for anchor in find_anchors(project.store, thing.id, video.size).values():
        if anchor.restart:  # there may be one on every frame
            continue
        points: list[list[float]] = []
        labels: list[int] = []
        box = None
        kind = "brush" if anchor.mask else "clicks"
        for data in anchor.given:
            if "mask" in data:
                kind = kind if anchor.mask else "mask"
                continue
            points += data["points"]
            labels += data["labels"]
            box = data.get("box", box)
        given = {"kind": kind, "points": points, "labels": labels, "box": box}
        yield PromptOut.model_validate({"object": thing.id, "frame": anchor.frame} | given)


def mask_out(mask: ProjectMask, fresh: Freshness | None) -> MaskOut:
    """A mask; while the model is loading all count as fresh."""
    return MaskOut(
        object=mask.object_id,
        size=list(mask.size),
        counts=mask.counts,
        score=mask.score,
        presence=mask.presence,
        confidence=mask.confidence,
        made=mask.made,
        fresh=fresh is None or fresh.fresh(mask),
    )


def candidate_out(answer: Answer, video: ProjectVideo) -> CandidateOut:
    """A mask that prompts may mean."""
    return CandidateOut(size=list(video.size), counts=answer.counts, score=answer.score)


def _video_values(service: Service, caller: Caller, video: ProjectVideo) -> dict[str, Any]:
    project = service.base
    counted = project.store.one(
        "SELECT (SELECT count(*) FROM objects WHERE video_id = ? AND NOT removed) AS objects, "
        "count(DISTINCT frame) AS frames, count(DISTINCT CASE WHEN presence > 0 AND score < ? "
        "THEN frame END) AS doubtful FROM propagated JOIN objects ON objects.id = object_id "
        "WHERE video_id = ? AND NOT removed",
        *(video.id, LOW_CONFIDENCE, video.id),
    )
    assert counted is not None
    lease = service.leases.of(video.id)
    shown = None
    if lease is not None:
        shown = LeaseOut(who=lease.who, frame=lease.frame, mine=lease.client == caller.client)
    return {
        **{key: getattr(video, key) for key in ("id", "name", "hash", "length")},
        **{key: getattr(video, key) for key in ("width", "height", "fps")},
        **_state(Reviews(project.log).state(video.id, None, None)),
        "object_count": counted["objects"],
        "tracked_frames": counted["frames"],
        "doubtful": counted["doubtful"],
        "missing": not Videos(project.store).place(video).exists(),
        "tracking": service.is_busy(video),
        "lease": shown,
    }


def in_words(project: Project, entry: Entry) -> str:
    """An entry in a few words, such as ``point on object 2 (cell), frame 812``."""
    words = _what(entry)
    thing = _thing(project, entry.object_id)
    if thing:
        words += f" {'of' if entry.what in ('review', 'change object') else 'on'} {thing}"
    if entry.what in ("add object", "remove object", "merge", "split", "swap", "clear"):
        words = f"{_what(entry)} {thing}".strip()
    return words if entry.frame is None else f"{words}, frame {entry.frame}"


def _what(entry: Entry) -> str:
    data = entry.data
    if entry.what == "prompt":
        given = data["prompt"]
        if "mask" in given:
            return "mask"
        if given.get("box") is not None:
            return "box" if not given["points"] else "box and points"
        count = len(given["points"])
        negative = not any(given["labels"])
        return ("negative " if negative else "") + ("point" if count == 1 else f"{count} points")
    if entry.what == "review":
        states = {row["state"] for row in data["after"]}
        count = len(data["after"])
        word = "review" if len(states) != 1 else states.pop()
        return f"{word} ({count} frames)" if count > 1 else f"state {word}"
    if entry.what == "clear":
        frames = f"frames {data['start']} to {data['stop'] - 1}"
        return f"{frames} without" if data.get("absent") else f"delete {frames} of"
    names = {
        "unprompt": "prompts taken back",
        "withdraw": "prompt taken back",
        "mask": "mask by hand",
        "import": "import",
        "change object": "change",
        "add object": "new",
        "remove object": "delete",
        "add video": "video added",
        "remove video": "video removed",
        "propagate": "tracking",
        "merge": "merge into",
        "split": "split",
        "swap": "swap",
    }
    return names.get(entry.what, entry.what)


def _thing(project: Project, object_id: int | None) -> str:
    """An object's number, and its name if it has one, also of one that was removed."""
    if object_id is None:
        return ""
    row = project.store.one("SELECT number, name, class_id FROM objects WHERE id = ?", object_id)
    if row is None:
        return ""
    name = row["name"] or Objects(project.log).find_class(row["class_id"]).name
    return f"object {row['number']}" + ("" if name == "object" else f" ({name})")
