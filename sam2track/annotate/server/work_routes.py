"""Work of the model: tracking, automatic annotation; events; the session."""

from __future__ import annotations

from dataclasses import asdict
from importlib.metadata import version
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from ..database import ProjectVideo
from ..exchange import FORMATS
from ..project import Project
from ..review import review_queue
from ..tracking.planning import plan_walks
from ..tracks import Attribute, colour_of
from .asking import REFUSALS, Asked, By, VideoId
from .bodies import AnnotateIn, ClassIn, TrackIn
from .long_work import batch_job, tracking_job
from .reading import class_out
from .service import Caller, Service
from .shapes import (
    CancelOut,
    ClassOut,
    FormatOut,
    JobOut,
    ModelOut,
    ProjectOut,
    QueueItem,
    SessionOut,
)
from .worker import LongJob

router = APIRouter(prefix="/api", tags=["work"], responses=REFUSALS)


@router.get("/session")
def read_session(service: Asked, caller: By) -> SessionOut:
    """What the page begins with."""
    worker, folder = service.worker, service.base.folder.absolute()
    return SessionOut(
        version=version("sam2track"),
        project=ProjectOut(id=service.project_id, name=folder.name, folder=str(folder)),
        who=caller.who,
        model=ModelOut.model_validate(
            {"name": service.model, "state": worker.state, "message": worker.message}
        ),
        classes=[class_out(own) for own in service.base.classes()],
        export_formats=[
            FormatOut(
                name=name,
                about=own.title,
                reads=own.read is not None,
                images=own.picture is not None,
            )
            for name, own in FORMATS.items()
        ],
        folders=[str(own) for own in service.folders],
    )


@router.post("/classes")
def set_class(service: Asked, caller: By, given: ClassIn) -> ClassOut:
    """Add a class, or change the colour and the attributes of one that is there."""

    def work(project: Project) -> ClassOut:
        attributes = [
            Attribute(own.name, own.type, tuple(own.values), own.default)
            for own in given.attributes
        ]
        return class_out(project.add_class(given.name, colour_of(given.colour), attributes))

    return ClassOut.model_validate(service.change(caller, None, "class", work))


@router.get(
    "/events",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {}}}},
)
async def read_events(
    service: Asked,
    client: Annotated[str, Query(max_length=100)] = "",
    who: Annotated[str, Query(max_length=400)] = "",
) -> StreamingResponse:
    """Server-sent events: `model`, `changed`, `tracking`, `tracked`, `lease`, `job`.

    A client that reads too slowly is cut off, and should load what it shows again.
    """
    return StreamingResponse(
        service.events.stream(),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


@router.post("/videos/{video_id}/track")
def start_tracking(service: Asked, caller: By, video_id: VideoId, given: TrackIn) -> JobOut:
    """Track objects. Progress comes by events; each frame is stored before it is told.

    Only frames that do not follow from the prompts yet are tracked. Frames that are accepted or
    locked do not change, and tracking ends before them.
    """
    video = service.video(video_id)
    for own in given.objects:
        service.object(own)
    walks = plan_walks(service.base, video, given.objects, given.start, given.stop, given.direction)
    return _begin(service, caller, video, "tracking", tracking_job(service, caller, video, walks))


@router.post("/annotate")
def annotate(service: Asked, caller: By, given: AnnotateIn) -> JobOut:
    """Annotate videos automatically; progress comes by events of kind `job`.

    With `prompts: project` the objects that they have are tracked.
    """
    if given.prompts == "auto" and service.automatic is None:
        raise ValueError("automatic prompts are not to be had here; give prompts, or add objects")
    videos = [service.video(own) for own in dict.fromkeys(given.videos)]
    service.check_leases(caller, videos, "leave it out")
    make = service.automatic if given.prompts == "auto" else None
    return _begin(service, caller, None, "annotate", batch_job(service, caller, videos, make))


@router.delete("/annotate")
def cancel_annotation(service: Asked, caller: By) -> CancelOut:
    """Cancel automatic annotation; what is finished stays."""
    return CancelOut(cancelled=service.worker.cancel(kind="annotate"))


@router.get("/review")
def read_queue(service: Asked) -> list[QueueItem]:
    """What deserves a look, over all videos."""
    ids = {video.name: video.id for video in service.base.videos()}
    return [
        QueueItem.model_validate(asdict(own) | {"video": ids[own.video], "object": own.object_id})
        for own in review_queue(service.base)
    ]


@router.delete("/videos/{video_id}/track")
def cancel_tracking(service: Asked, caller: By, video_id: VideoId) -> CancelOut:
    """Cancel the tracking of a video; what is finished stays."""
    video = service.video(video_id)
    service.lease(caller, video)
    return CancelOut(cancelled=service.worker.cancel(kind="track", video_id=video.id))


def _begin(
    service: Service, caller: Caller, video: ProjectVideo | None, what: str, job: LongJob
) -> JobOut:
    def work(project: Project) -> JobOut:
        service.worker.add(job)
        return JobOut(id=job.id)

    return JobOut.model_validate(service.change(caller, video, what, work))
