"""Long work of the model's thread, told to all who watch: tracking, and annotation of many videos.

Between its steps urgent questions are answered, and it can be cancelled. Tracking has a step a
frame; of many videos each is a step, and between its frames it lets others in by itself.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from ...spawning import one_line
from ..database import ProjectVideo, Videos
from ..engine import Engine
from ..jobs import Jobs
from ..project import Project
from ..prompting.automatic import FoundPrompts
from ..prompting.sources import FindPrompts, PromptSource
from ..tracking.planning import Walk, propagate
from ..tracking.propagation import Step
from .reading import mask_out
from .service import Caller, Service
from .worker import LongJob, Steps

_TELL_EVERY = 5  # frames


class Cancelled(BaseException):
    """The work was cancelled; not an error of a video."""


def new_id() -> str:
    """A name for a job or an export."""
    return uuid.uuid4().hex[:16]


def tracking_job(
    service: Service, caller: Caller, video: ProjectVideo, walks: Sequence[Walk]
) -> LongJob:
    """A job that tracks objects of a video."""

    def begin(engine: Engine) -> Steps:
        cancelled, error = False, None
        try:
            yield
            yield from _track(service, caller, video, walks, engine)
        except GeneratorExit:
            cancelled = True
        except Exception as reason:
            error = one_line(reason)
        service.events.publish("tracked", video=video.id, cancelled=cancelled, error=error)

    return LongJob(new_id(), "track", (video.id,), begin)


def _track(
    service: Service, caller: Caller, video: ProjectVideo, walks: Sequence[Walk], engine: Engine
) -> Steps:
    """Track; each frame is stored before it is told."""
    project = service.project(caller.who)
    for walk in walks:
        began, place = time.monotonic(), (walk.start, walk.stop, walk.direction)
        steps = propagate(project, walk.object_ids, *place, engine, commit_every=0.0)
        for count, step in enumerate(steps, 1):
            seconds = (time.monotonic() - began) / count * step.left
            service.events.publish(
                "tracking",
                video=video.id,
                frame=step.frame,
                direction="forward" if step.direction == 1 else "backward",
                masks=[mask_out(mask, None).model_dump() for mask in step.masks],
                left=step.left,
                seconds_left=round(seconds, 2),
            )
            yield


def batch_job(
    service: Service, caller: Caller, videos: Sequence[ProjectVideo], make: FindPrompts | None
) -> LongJob:
    """A job that annotates videos, one after the other; one that fails stops no other."""

    def tell(state: str, message: str, share: float, **about: object) -> None:
        what = {"id": job.id, "kind": "annotate", "state": state, "message": message}
        service.events.publish("job", **what, share=round(share, 4), **about)

    def breathe() -> None:
        """Answer what is urgent; raise Cancelled if the job shall end."""
        service.worker.serve_urgent()
        if job.cancelled.is_set():
            raise Cancelled

    def annotate(jobs: Jobs, video: ProjectVideo, done: int) -> bool:
        """Annotate a video; whether it failed."""

        def at(state: str, share: float, message: str = "") -> None:
            tell("running", message, share / len(videos), video=video.id, video_state=state)

        def watch(steps: Iterator[Step]) -> Iterator[Step]:
            for count, step in enumerate(steps, 1):
                breathe()
                if count % _TELL_EVERY == 0:
                    at("running", done + count / (count + step.left))
                yield step

        at("running", done)
        result = jobs.run(Videos(jobs.project.store).place(video), watch)
        at(result.status, done + 1, result.error)
        who = jobs.project.log.who
        service.events.publish("changed", video=video.id, what="annotate", who=who)
        return result.status == "failed"

    def begin(engine: Engine) -> Steps:
        failed, error = 0, None
        try:
            yield
            found = None if make is None else _with_breath(make, breathe)
            options = {"found": found, "check": found is not None, "pause": breathe}
            jobs = Jobs(service.project(caller.who), engine, **options)
            for done, video in enumerate(videos):
                yield
                failed += annotate(jobs, video, done)
        except (GeneratorExit, Cancelled):
            error = "cancelled"
        except Exception as reason:
            error = one_line(reason)
        message = error or (f"{failed} of {len(videos)} videos failed" if failed else "")
        tell("failed" if message else "done", message, 1.0, video=None)

    job = LongJob(new_id(), "annotate", tuple(video.id for video in videos), begin)
    return job


def _with_breath(make: FindPrompts, breathe: Callable[[], None]) -> FindPrompts:
    """The same prompts; after each frame on which they are looked for, others are served."""

    def source_of(project: Project, engine: Engine) -> PromptSource:
        source = make(project, engine)
        return replace(source, pause=breathe) if isinstance(source, FoundPrompts) else source

    return source_of
