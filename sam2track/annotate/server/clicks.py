"""Frames that are ready for clicks, and answers that are made again in the background."""

from __future__ import annotations

from ..database import ProjectError, ProjectObject, ProjectVideo
from ..engine import Engine
from ..project import Project
from ..recent import Recent
from ..tracking.answering import FrameAnswers
from ..tracking.clicking import answer_again, needs_answer
from ..tracking.propagation import Part
from ..tracking.reaching import key_before, part_up_to, reach
from .events import Events
from .frames import Frames
from .worker import Steps, Worker

READY = 8  # frames that are kept encoded


class Clicks:
    """What the model's thread needs for answers to clicks in the project ``base``."""

    def __init__(self, base: Project, frames: Frames, worker: Worker, events: Events) -> None:
        self.base, self.frames, self.worker, self.events = base, frames, worker, events
        self._answers = Recent[FrameAnswers](READY)

    def answers(
        self, engine: Engine, video: ProjectVideo, index: int, thing: ProjectObject | None = None
    ) -> FrameAnswers:
        """A frame that is ready to be clicked on; only in the model's thread.

        If the object that is clicked on was followed onto the frame by :meth:`reach`, it is
        answered as tracking would.
        """
        part = None if thing is None else part_up_to(self.base, thing, video, index, engine)
        known = None if part is None else self._answers.get(_key(video, part))
        known = known or self._answers.get((video.id, index))
        if known is not None:
            return known
        frame = self.frames.read(self.base, video, index)
        made = FrameAnswers.of(engine, frame, video.length)
        return self._answers.put((video.id, index), made)

    def reach(self, engine: Engine, video: ProjectVideo, index: int, thing: ProjectObject) -> Steps:
        """Follow an object onto a frame that was tracked, ahead of corrections."""
        part = part_up_to(self.base, thing, video, index, engine)
        if part is None or self._answers.get(_key(video, part)) is not None:
            return
        answers = yield from reach(self.base, video, part, engine)
        if answers is not None:
            self._answers.put(_key(video, part), answers)

    def embed(self, video: ProjectVideo, index: int, thing: ProjectObject | None) -> None:
        """Prepare a frame for clicks, in the background."""

        def work(engine: Engine) -> Steps:
            self.answers(engine, video, index).encode()
            if thing is not None:
                yield
                yield from self.reach(engine, video, index, thing)

        self.worker.ahead(work, slot="frame")

    def answer_missing(self, video: ProjectVideo, object_id: int, index: int, who: str) -> None:
        """Answer the prompts of a frame whose answer is not there any more, as after undo; in the
        background."""

        def work(engine: Engine) -> None:
            project = Project(self.base.store, who)
            try:
                if not needs_answer(project, object_id, index, engine):
                    return
                thing = project.object(object_id)
            except ProjectError:  # the object is gone again
                return
            answers = self.answers(engine, video, index, thing)
            answer_again(project, object_id, index, answers=answers, engine=engine)
            self.events.publish("changed", video=video.id, what="answer", who=project.log.who)
            self.answer_better(engine, video, thing, index, who)

        self.worker.ask(work)

    def answer_better(
        self, engine: Engine, video: ProjectVideo, thing: ProjectObject, index: int, who: str
    ) -> None:
        """Where a correction was answered without the memory of other frames: answer it as tracking
        does, in the background, and tell it. Only in the model's thread."""
        part = part_up_to(self.base, thing, video, index, engine)
        if part is None or self._answers.get(_key(video, part)) is not None:
            return

        def work(engine: Engine) -> Steps:
            yield from self.reach(engine, video, index, thing)
            project = Project(self.base.store, who)
            answers = self.answers(engine, video, index, thing)
            again = {"answers": answers, "engine": engine, "better": True}
            if answers.reached is not None and answer_again(project, thing.id, index, **again):
                self.events.publish("changed", video=video.id, what="answer", who=project.log.who)

        self.worker.ahead(work, slot=f"better {thing.id} {index}")


def _key(video: ProjectVideo, part: Part) -> tuple[int | str, ...]:
    return video.id, part.last, part.object_id, key_before(part)
