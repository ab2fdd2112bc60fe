"""Automatic annotation of many videos, as long work of the model's thread.

Each video is a step. Between its frames urgent questions are answered, and it can be cancelled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

from ...spawning import one_line
from ..database import ProjectVideo, Videos
from ..engine import Engine
from ..jobs import Jobs
from ..project import Project
from ..prompting.automatic import FoundPrompts
from ..prompting.sources import FindPrompts, PromptSource
from ..tracking.propagation import Step
from .service import Caller, Service
from .tracking import new_id
from .worker import LongJob, Steps

_TELL_EVERY = 5  # frames


class Cancelled(BaseException):
    """The work was cancelled; not an error of a video."""


def batch_job(
    service: Service, caller: Caller, videos: Sequence[ProjectVideo], make: FindPrompts | None
) -> LongJob:
    """A job that annotates videos, one after the other; one that fails stops no other."""

    def tell(
        video: ProjectVideo, state: str, done: int, share: float = 0.0, message: str = ""
    ) -> None:
        """Tell how far the work is, and the state of a video."""
        share = round((done + share) / len(videos), 4)
        about = {"video": video.id, "video_state": state, "message": message, "share": share}
        service.events.publish("job", id=job.id, kind="annotate", state="running", **about)

    def begin(engine: Engine) -> Steps:
        project, failed, error = service.project(caller.who), 0, None
        try:
            yield
            breathe = partial(_breathe, service, job)
            found = None if make is None else _with_breath(make, breathe)
            jobs = Jobs(project, engine, found=found, check=found is not None, pause=breathe)
            for done, video in enumerate(videos):
                yield
                tell(video, "running", done)

                def watch(
                    steps: Iterator[Step], video: ProjectVideo = video, done: int = done
                ) -> Iterator[Step]:
                    for count, step in enumerate(steps, 1):
                        _breathe(service, job)
                        if count % _TELL_EVERY == 0:
                            tell(video, "running", done, count / (count + step.left))
                        yield step

                result = jobs.run(Videos(project.store).place(video), watch)
                failed += result.status == "failed"
                tell(video, result.status, done + 1, message=result.error)
                service.events.publish(
                    "changed", video=video.id, what="annotate", who=project.log.who
                )
        except (GeneratorExit, Cancelled):
            error = "cancelled"
        except Exception as reason:
            error = one_line(reason)
        state = "failed" if error or failed else "done"
        message = error or (f"{failed} of {len(videos)} videos failed" if failed else "")
        service.events.publish(
            "job", id=job.id, kind="annotate", state=state, message=message, share=1.0, video=None
        )

    job = LongJob(new_id(), "annotate", tuple(video.id for video in videos), begin)
    return job


def _with_breath(make: FindPrompts, breathe: Callable[[], None]) -> FindPrompts:
    """The same prompts; after each frame on which they are looked for, others are served."""

    def source_of(project: Project, engine: Engine) -> PromptSource:
        source = make(project, engine)
        return replace(source, pause=breathe) if isinstance(source, FoundPrompts) else source

    return source_of


def _breathe(service: Service, job: LongJob) -> None:
    """Answer what is urgent; raise Cancelled if the job shall end."""
    service.worker.serve_urgent()
    if job.cancelled.is_set():
        raise Cancelled
