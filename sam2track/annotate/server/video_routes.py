"""Videos: the list, frames, masks, lanes, undo, review, leases."""

from __future__ import annotations

from dataclasses import asdict
from hashlib import sha256
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response

from ..database import ProjectObject, ProjectVideo
from ..project import Project
from ..tracking.freshness import Span
from ..tracking.lanes import lanes_of
from ..tracks import colour_of
from .asking import REFUSALS, Asked, By, FramePath, Objects, Start, Stop, VideoId
from .bodies import EmbedIn, HeartbeatIn, LeaseIn, ObjectIn, ReviewIn
from .leases import LeaseTaken
from .reading import in_words, mask_out, objects_out, video_detail, video_out
from .service import Service
from .shapes import (
    Done,
    EntryOut,
    LaneOut,
    LanesOut,
    LeaseOut,
    MasksOut,
    ObjectOut,
    SpanOut,
    UndoOut,
    VideoDetail,
    VideoOut,
)

router = APIRouter(prefix="/api/videos", tags=["videos"], responses=REFUSALS)
MOST_MASKS = 20_000  # in one answer


@router.get("")
def list_videos(service: Asked, caller: By) -> list[VideoOut]:
    """All videos, in the order in which they were added."""
    return [video_out(service, caller, video) for video in service.base.videos()]


@router.get("/{video_id}")
def read_video(service: Asked, caller: By, video_id: VideoId) -> VideoDetail:
    """A video with its objects, prompts and reviews."""
    return video_detail(service, caller, service.video(video_id))


@router.get(
    "/{video_id}/frames/{frame}",
    response_class=Response,
    responses={200: {"content": {"image/jpeg": {}, "image/webp": {}}}, 304: {}},
)
def read_frame(
    request: Request,
    service: Asked,
    video_id: VideoId,
    frame: FramePath,
    width: Annotated[int | None, Query(ge=16, le=16384, description="Only makes smaller.")] = None,
    format: Literal["jpeg", "webp"] = "jpeg",
    h: Annotated[
        str, Query(max_length=64, description="The video's hash: then the answer never changes.")
    ] = "",
) -> Response:
    """A frame as a picture."""
    video = service.video(video_id)
    service.frame(video, frame)
    tag = f'"{sha256(f"{video.hash} {frame} {width} {format}".encode()).hexdigest()[:24]}"'
    cached = "private, max-age=31536000, immutable" if h == video.hash else "private, no-cache"
    headers = {"ETag": tag, "Cache-Control": cached}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    data = service.frames.picture(service.base, video, frame, width, format)
    return Response(data, media_type=f"image/{format}", headers=headers)


@router.get("/{video_id}/masks")
def read_masks(
    service: Asked, video_id: VideoId, start: Start = 0, stop: Stop = None, objects: Objects = None
) -> MasksOut:
    """Masks on frames from start up to stop."""
    video = service.video(video_id)
    things = _things(service, video, objects)
    last = min(video.length, start + 1 if stop is None else stop)
    if (last - start) * len(things) > MOST_MASKS:
        raise ValueError(
            f"{last - start} frames of {len(things)} objects are more than {MOST_MASKS} masks; ask "
            "for fewer frames"
        )
    frames: dict[int, list[Any]] = {}
    for thing in things:
        fresh = service.freshness(thing, video)
        for mask in service.base.masks(thing.id, start, last):
            frames.setdefault(mask.frame, []).append(mask_out(mask, fresh))
    return MasksOut(frames=dict(sorted(frames.items())))


@router.get("/{video_id}/lanes")
def read_lanes(service: Asked, video_id: VideoId, objects: Objects = None) -> LanesOut:
    """What kind of mask each object has on which frames, for a timeline."""
    video = service.video(video_id)
    things = _things(service, video, objects)
    lanes = lanes_of(service.base, video, things, _stale(service, video, things))
    return LanesOut(
        objects={
            own: [LaneOut.model_validate(part, from_attributes=True) for part in parts]
            for own, parts in lanes.items()
        }
    )


@router.get("/{video_id}/stale")
def read_stale(service: Asked, video_id: VideoId, objects: Objects = None) -> list[SpanOut]:
    """The spans that tracking again would change; none while the model is loading."""
    video = service.video(video_id)
    return [
        SpanOut(
            object=span.object_id,
            start=span.start,
            stop=span.stop,
            direction="forward" if span.direction == 1 else "backward",
        )
        for span in _stale(service, video, _things(service, video, objects))
    ]


@router.post("/{video_id}/objects")
def add_object(service: Asked, caller: By, video_id: VideoId, given: ObjectIn) -> ObjectOut:
    """Add an object; its class is added too if it is new."""
    video = service.video(video_id)

    def work(project: Project) -> ObjectOut:
        options = {"colour": colour_of(given.colour), "attributes": given.attributes}
        thing = project.add_object(video.id, given.class_, name=given.name, **options)
        return objects_out(project, [thing])[0]

    return ObjectOut.model_validate(service.change(caller, video, "add object", work))


@router.post("/{video_id}/embed")
def embed(service: Asked, video_id: VideoId, given: EmbedIn) -> Done:
    """Encode a frame ahead of clicks on it, and follow an object onto it that was tracked there, so
    that a correction is answered as tracking would. The answer does not wait for it."""
    video = service.video(video_id)
    index = service.frame(video, given.frame)
    thing = None if given.object is None else service.object(given.object)[0]
    service.clicks.embed(video, index, thing)
    return Done()


@router.post("/{video_id}/undo")
def undo(service: Asked, caller: By, video_id: VideoId) -> UndoOut:
    """Undo the last change of a video; 400 if there is none."""
    return _again(service, caller, video_id, undo=True)


@router.post("/{video_id}/redo")
def redo(service: Asked, caller: By, video_id: VideoId) -> UndoOut:
    """Bring back what was undone last, unless something was done since."""
    return _again(service, caller, video_id, undo=False)


@router.get("/{video_id}/history")
def read_history(
    service: Asked,
    video_id: VideoId,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 200,
) -> list[EntryOut]:
    """The last lines of the log, the newest first."""
    project, video = service.base, service.video(video_id)
    entries = [
        own
        for own in project.history(video.id)
        if own.what not in ("undo", "redo") and (own.target is None or own.what == "withdraw")
    ]
    return [
        EntryOut.model_validate(
            asdict(own) | {"what": in_words(project, own), "object": own.object_id}
        )
        for own in reversed(entries[-limit:])
    ]


@router.post("/{video_id}/review")
def review(service: Asked, caller: By, video_id: VideoId, given: ReviewIn) -> Done:
    """Accept, reject, comment or lock."""
    video = service.video(video_id)
    frames = None
    if given.frames is not None:
        start, stop = given.frames
        if not start < stop <= video.length:
            raise ValueError(
                f"frames {given.frames}: give [start, stop] of 0 to {video.length}, the frame "
                "after the last"
            )
        frames = range(start, stop)

    options = {"object_id": given.object, "comment": given.comment, "locked": given.locked}

    def work(project: Project) -> None:
        project.review(video.id, given.state, frames=frames, **options)

    service.change(caller, video, "review", work)
    return Done()


@router.post("/{video_id}/lease")
def take_lease(service: Asked, caller: By, video_id: VideoId, given: LeaseIn) -> LeaseOut:
    """Annotate a video; 409 if somebody else does, unless it is taken over."""
    lease = service.lease(caller, service.video(video_id), take_over=given.take_over)
    return LeaseOut(who=lease.who, frame=lease.frame, mine=True)


@router.put("/{video_id}/lease")
def keep_lease(service: Asked, caller: By, video_id: VideoId, given: HeartbeatIn) -> LeaseOut:
    """A sign of life, with the frame that is looked at; 409 if somebody else has the video."""
    video = service.video(video_id)
    before = service.leases.of(video.id)
    if before is None or before.client != caller.client:
        raise LeaseTaken("this video is not yours to annotate now; take it first")
    lease, _ = service.leases.take(video.id, caller.client, caller.who, frame=given.frame)
    if lease.frame != before.frame:
        service.events.publish("lease", video=video.id, who=lease.who, frame=lease.frame)
    return LeaseOut(who=lease.who, frame=lease.frame, mine=True)


@router.delete("/{video_id}/lease")
def give_lease_back(service: Asked, caller: By, video_id: VideoId) -> Done:
    """Let others annotate a video."""
    video = service.video(video_id)
    if service.leases.give_back(video.id, caller.client):
        service.events.publish("lease", video=video.id, who=None, frame=None)
    return Done()


def _again(service: Service, caller: By, video_id: int, *, undo: bool) -> UndoOut:
    video = service.video(video_id)

    def work(project: Project) -> dict[str, Any]:
        entry, made = project.log.step(video.id, undo=undo)
        return {
            "what": in_words(project, entry) + (", and this object" if made else ""),
            "object": entry.object_id,
            "frame": entry.frame,
            "gone": undo and made,
        }

    answer = service.change(caller, video, "undo" if undo else "redo", work)
    said = UndoOut.model_validate(answer)
    if said.object is not None and said.frame is not None and not answer["gone"]:
        service.clicks.answer_missing(video, said.object, said.frame, caller.who)
    return said


def _things(service: Service, video: ProjectVideo, objects: str | None) -> list[ProjectObject]:
    """The objects of a video that are asked for; those that are not there are left out."""
    things = service.base.objects(video.id)
    if objects is None:
        return things
    wanted = {int(own) for own in objects.split(",")}
    return [own for own in things if own.id in wanted]


def _stale(service: Service, video: ProjectVideo, things: list[ProjectObject]) -> list[Span]:
    found = [service.freshness(thing, video) for thing in things]
    return [span for own in found if own is not None for span in own.stale()]
