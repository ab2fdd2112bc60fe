"""Tracking as long work of the model's thread: a step a frame, told to all who watch."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence

from ...spawning import one_line
from ..database import ProjectVideo
from ..engine import Engine
from ..tracking.planning import propagate
from ..tracking.ranges import Walk
from .reading import mask_out
from .service import Caller, Service
from .worker import LongJob, Steps


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
            yield from track(service, caller, video, walks, engine)
        except GeneratorExit:
            cancelled = True
        except Exception as reason:
            error = one_line(reason)
        service.events.publish("tracked", video=video.id, cancelled=cancelled, error=error)

    return LongJob(new_id(), "track", (video.id,), begin)


def track(
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
