"""A prompt of a person and the model's answer to it, stored together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...files import digest_of
from ...prompts import Prompt
from ..database import ProjectError, ProjectMask, Reviews, StoredMasks, find_anchors
from ..engine import Engine
from ..project import Project
from .answering import Answer, FrameAnswers, Question
from .freshness import ANSWER, Freshness


def question(
    project: Project, object_id: int | None, frame: int, more: Sequence[Prompt] = ()
) -> Question:
    """What the prompts of a frame, and some more, ask; ``object_id`` None = of a new object."""
    if object_id is None:
        return Question(0, tuple(more))
    thing = project.object(object_id)
    size = project.video(thing.video_id).size
    anchor = find_anchors(project.store, thing.id, size).get(frame)
    before = () if anchor is None or anchor.mask else tuple(anchor.prompts())
    prompts = (*before, *more)
    seen = StoredMasks(project.log).tracked(thing.id, size, frame)
    # Clicks that were tracked are in its mask already: then they are answered without it.
    known = (
        seen is None
        or not seen.area
        or (seen.made != "propagated" and not all(own.only_negative for own in prompts))
    )
    return Question(thing.number, prompts, None if known else seen)


def click(
    project: Project,
    object_id: int,
    frame: int,
    prompt: Prompt,
    *,
    answers: FrameAnswers,
    engine: Engine,
) -> ProjectMask:
    """Add a prompt with its answer, in one transaction; the object's mask comes back.

    Raises:
        ValueError: if the prompt does not fit; nothing has changed then.
    """
    answer = answers.answer(question(project, object_id, frame, [prompt]))
    with project.store.writing():
        project.prompt(object_id, frame, prompt)
        return _store(project, object_id, frame, answer, engine)


def answer_again(
    project: Project,
    object_id: int,
    frame: int,
    *,
    answers: FrameAnswers,
    engine: Engine,
    better: bool = False,
) -> ProjectMask | None:
    """Answer the prompts of a frame if there are some whose answer is not there, as after undo;
    with ``better`` replace an answer that is there, unless the frame was tracked since.

    None = not stored, also if the frame is accepted or locked by then, or its prompts are gone.
    """

    def wanted() -> bool:
        thing = project.object(object_id)
        video = project.video(thing.video_id)
        if frame in Reviews(project.log).barriers(video, object_id):
            return False
        if better:
            return bool(StoredMasks(project.log).answered(video.size, object_id, frame, frame))
        return needs_answer(project, object_id, frame, engine)

    if not wanted():
        return None
    answers.answer(question(project, object_id, frame))  # outside the transaction
    with project.store.writing():
        # The prompts may have changed meanwhile; if not, the answer is known.
        if all(own.id != object_id for own in project.objects()) or not wanted():
            return None
        answer = answers.answer(question(project, object_id, frame))
        return _store(project, object_id, frame, answer, engine)


def needs_answer(project: Project, object_id: int, frame: int, engine: Engine) -> bool:
    """Whether a frame has prompts, and no mask that follows from them."""
    thing = project.object(object_id)
    video = project.video(thing.video_id)
    anchor = find_anchors(project.store, thing.id, video.size).get(frame)
    if anchor is None or anchor.mask:
        return False
    shown = project.mask(object_id, frame)
    return shown is None or not Freshness(project, thing, video, engine).fresh(shown)


def _store(
    project: Project, object_id: int, frame: int, answer: Answer, engine: Engine
) -> ProjectMask:
    thing = project.object(object_id)
    video = project.video(thing.video_id)
    anchor = find_anchors(project.store, object_id, video.size).get(frame)
    if anchor is None:
        raise ProjectError(f"object {thing.number} has no prompt on frame {frame}; give one")
    told: list[Any] = [video.hash, engine.key, "answer", anchor.frame, anchor.digest]
    key, masks = digest_of(told), StoredMasks(project.log)
    made_with = masks.provenance_ids(engine, {key: ANSWER})[key]
    values = answer.counts, video.size, answer.score, answer.presence
    mask = ProjectMask(object_id, frame, *values, "prompt", made_with)
    masks.answer(mask, anchor.digest)
    return mask
