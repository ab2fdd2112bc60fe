"""Objects: their properties, prompts and masks; clicks are answered by the model at once."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from fastapi import APIRouter, Query

from ...masks import decode_runs
from ...prompts import Prompt
from ..database import ProjectMask, ProjectObject, ProjectVideo
from ..engine import Engine
from ..project import Project
from ..reshaping import absent, clear, merge, split, swap
from ..tracking.answering import Answer
from ..tracking.clicking import answer_again, click, question
from ..tracks import colour_of
from .asking import REFUSALS, Asked, By, FramePath, ObjectId, VideoId
from .bodies import (
    MOST,
    ClearIn,
    FrameIn,
    MaskIn,
    MergeIn,
    ObjectChange,
    PreviewIn,
    PromptIn,
    SwapIn,
)
from .reading import candidate_out, mask_out, objects_out
from .service import Service
from .shapes import CandidatesOut, ClickOut, Done, MaskOut, ObjectOut, PreviewOut, WithdrawnOut
from .worker import Superseded

router = APIRouter(prefix="/api", tags=["objects"], responses=REFUSALS)


@router.patch("/objects/{object_id}")
def change_object(
    service: Asked, caller: By, object_id: ObjectId, given: ObjectChange
) -> ObjectOut:
    """Change an object's class, name, colour or attributes."""
    _, video = service.object(object_id)

    def work(project: Project) -> ObjectOut:
        options = {"colour": colour_of(given.colour), "attributes": given.attributes}
        options |= {"class_name": given.class_, "name": given.name}
        thing = project.change_object(object_id, **options)
        return objects_out(project, [thing], project.reviews(video.id))[0]

    return ObjectOut.model_validate(service.change(caller, video, "change object", work))


@router.delete("/objects/{object_id}")
def remove_object(service: Asked, caller: By, object_id: ObjectId) -> Done:
    """Remove an object; undo brings it back with its masks."""
    if service.known(caller) is not None:
        return Done()
    _, video = service.object(object_id)
    service.change(caller, video, "remove object", lambda project: project.remove_object(object_id))
    return Done()


@router.post("/objects/{object_id}/prompts")
def add_prompt(service: Asked, caller: By, object_id: ObjectId, given: PromptIn) -> ClickOut:
    """Click on an object, or draw a box around it. The prompt is stored with its mask.

    Clicks on one frame add up. A correction of a tracked frame is answered as tracking again would
    draw it if the frame was embedded with the object; else at once without the memory of other
    frames, and then again, which is told by an event.
    """
    known = service.known(caller)
    if known is not None:
        return ClickOut.model_validate(known)
    thing, video = service.object(object_id)
    index = service.frame(video, given.frame)
    prompt = Prompt.clicks(given.points, given.labels, given.box)
    service.check_open(thing, video, index)
    service.lease(caller, video)

    def work(engine: Engine) -> dict[str, Any]:
        answers = service.clicks.answers(engine, video, index, thing)
        asked = question(service.base, object_id, index, [prompt])
        answers.answer(asked)  # outside the transaction
        others = answers.candidates(asked) if given.candidates else []

        def store(project: Project) -> ClickOut:
            mask = click(project, object_id, index, prompt, answers=answers, engine=engine)
            shown = [candidate_out(own, video) for own in others]
            return ClickOut(mask=_shown(service, thing, video, mask), candidates=shown)

        answer = service.change(caller, video, "prompt", store)
        if answers.reached is None:
            service.clicks.answer_better(engine, video, thing, index, caller.who)
        return answer

    return ClickOut.model_validate(service.worker.ask(work).result())


@router.get("/objects/{object_id}/candidates/{frame}")
def read_candidates(
    service: Asked, caller: By, object_id: ObjectId, frame: FramePath
) -> CandidatesOut:
    """What else the clicks on a frame may mean: up to three masks, the largest first."""
    thing, video = service.object(object_id)
    service.frame(video, frame)

    def work(engine: Engine) -> list[Answer]:
        asked = question(service.base, object_id, frame)
        if not asked.prompts:
            return []
        answers = service.clicks.answers(engine, video, frame, thing)
        return answers.candidates(asked)

    found = service.worker.ask(work).result()
    return CandidatesOut(candidates=[candidate_out(own, video) for own in found])


@router.delete("/objects/{object_id}/prompts/{frame}")
def take_prompts_back(
    service: Asked,
    caller: By,
    object_id: ObjectId,
    frame: FramePath,
    last: bool = Query(False, description="Only the last one; those before it count again."),
) -> WithdrawnOut:
    """Take the prompts and the mask by hand on a frame back; undo brings them back."""
    thing, video = service.object(object_id)
    service.frame(video, frame)
    again = service.known(caller) is not None
    if not again:
        service.check_open(thing, video, frame)

    def work(project: Project) -> None:
        (project.withdraw if last else project.unprompt)(object_id, frame)

    service.change(caller, video, "prompt taken back", work)
    if not again:
        _answer_again(service, caller, thing, video, frame)
    mask = service.base.mask(object_id, frame)
    return WithdrawnOut(mask=None if mask is None else _shown(service, thing, video, mask))


@router.put("/objects/{object_id}/masks/{frame}")
def set_mask(
    service: Asked, caller: By, object_id: ObjectId, frame: FramePath, given: MaskIn
) -> MaskOut:
    """Set a mask by hand: brush, polygon, a candidate that was chosen, holes filled."""
    thing, video = service.object(object_id)
    service.frame(video, frame)
    if tuple(given.size) != video.size:
        high, wide = given.size
        raise ValueError(
            f"the mask is {wide} x {high} pixels, but the video {video.width} x {video.height}"
        )
    if service.known(caller) is None:
        service.check_open(thing, video, frame)
    mask = decode_runs({"size": given.size, "counts": given.counts}, "the mask")

    def work(project: Project) -> MaskOut:
        project.edit_mask(object_id, frame, mask)
        made = project.mask(object_id, frame)
        assert made is not None
        return _shown(service, thing, video, made)

    return MaskOut.model_validate(service.change(caller, video, "mask", work))


@router.post("/videos/{video_id}/preview")
def preview(service: Asked, caller: By, video_id: VideoId, given: PreviewIn) -> PreviewOut:
    """What would this click give? Nothing is stored.

    With an object, the click adds to its prompts on the frame. Of several previews of one client
    that wait, only the last is answered with masks.
    """
    video = service.video(video_id)
    index = service.frame(video, given.frame)
    prompt = Prompt.clicks(given.points, given.labels, given.box)
    thing = None if given.object is None else service.object(given.object)[0]

    def work(engine: Engine) -> list[Answer]:
        answers = service.clicks.answers(engine, video, index, thing)
        asked = question(service.base, given.object, index, [prompt])
        first = answers.answer(asked)
        if not given.candidates:
            return [first]
        others = answers.candidates(asked)
        return [first, *(own for own in others if own.counts != first.counts)]

    try:
        found = service.worker.ask(work, slot=f"preview {caller.client}").result()
    except Superseded:
        return PreviewOut(candidates=[], superseded=True)
    return PreviewOut(candidates=[candidate_out(own, video) for own in found], superseded=False)


@router.post("/objects/{object_id}/merge")
def merge_objects(service: Asked, caller: By, object_id: ObjectId, given: MergeIn) -> Done:
    """Another object becomes part of this one."""
    change = partial(merge, object_id=object_id, other_id=given.other)
    _reshape(service, caller, (object_id, given.other), "merge", change)
    return Done()


@router.post("/objects/{object_id}/split")
def split_object(service: Asked, caller: By, object_id: ObjectId, given: FrameIn) -> ObjectOut:
    """From a frame on, the masks of this object are those of a new one, which is answered."""

    def work(project: Project) -> ObjectOut:
        _, made = split(project, object_id, given.frame)
        return objects_out(project, [made])[0]

    return ObjectOut.model_validate(
        _reshape(service, caller, (object_id,), "split", work, given.frame)
    )


@router.post("/objects/{object_id}/swap")
def swap_objects(service: Asked, caller: By, object_id: ObjectId, given: SwapIn) -> Done:
    """From a frame on, two objects have each other's masks."""
    change = partial(swap, object_id=object_id, other_id=given.other, frame=given.frame)
    _reshape(service, caller, (object_id, given.other), "swap", change, given.frame)
    return Done()


@router.post("/objects/{object_id}/clear")
def clear_frames(service: Asked, caller: By, object_id: ObjectId, given: ClearIn) -> Done:
    """Delete masks and prompts from start up to stop.

    Tracking may fill these frames again, unless the object is `absent` from them: then its
    masks there are empty.
    """
    where, how = (given.start, given.stop), absent if given.absent else clear
    change = partial(how, object_id=object_id, start=given.start, stop=given.stop)
    _reshape(service, caller, (object_id,), "clear", change, *where, always=given.absent)
    return Done()


def _reshape(
    service: Service,
    caller: By,
    object_ids: tuple[int, ...],
    what: str,
    change: Callable[[Project], Any],
    start: int = 0,
    stop: int = MOST,
    always: bool = False,
) -> dict[str, Any]:
    """Change frames of objects from start up to stop, none of which is accepted or locked.

    With ``always`` also while the video is tracked.
    """
    known = service.known(caller)
    if known is not None:
        return known
    found = [service.object(own) for own in object_ids]
    video = found[0][1]
    for thing, own in found:
        service.check_open(thing, own, start, stop)
    if not always:
        service.check_idle(video)

    def work(project: Project) -> ObjectOut | None:
        answer = change(project)
        return answer if isinstance(answer, ObjectOut) else None

    return service.change(caller, video, what, work)


def _shown(
    service: Service, thing: ProjectObject, video: ProjectVideo, mask: ProjectMask
) -> MaskOut:
    return mask_out(mask, service.freshness(thing, video))


def _answer_again(
    service: Service, caller: By, thing: ProjectObject, video: ProjectVideo, frame: int
) -> None:
    """Answer the prompts that are left after some were taken back."""

    def work(engine: Engine) -> None:
        project = service.project(caller.who)
        answers = service.clicks.answers(engine, video, frame, thing)
        answer_again(project, thing.id, frame, answers=answers, engine=engine)
        if answers.reached is None:
            service.clicks.answer_better(engine, video, thing, frame, caller.who)

    service.worker.ask(work).result()
