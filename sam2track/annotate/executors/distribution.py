"""Gives the videos of a project to workers and puts their results into the project.

Paths go in, a :class:`JobResult` for each comes out as it is there. This process alone writes the
project. Videos are opened and hashed while others are tracked, so a run of any size begins at once.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..jobs import Job, JobResult, Jobs
from ..tasks import unpack
from .pool import Executor

TRIES = 3


def run_all(
    jobs: Jobs, paths: Sequence[str | Path], executor: Executor, *, tries: int = TRIES
) -> Iterator[JobResult]:
    """Annotate videos, the largest files first.

    Args:
        jobs: their engine is that of the executor.
        tries: a video whose worker dies, or has an error that is not the video's, is tried so many
            times in all, and then set aside with its error.

    Raises:
        ProjectError: if the project cannot be written.
        ValueError: if workers cannot be started.
    """
    waiting = deque(sorted(paths, key=_bytes, reverse=True))
    at_work: dict[str, tuple[Job, int]] = {}  # by the task's key: the job, and which try it is
    while waiting or at_work:
        # One more for each worker, so that none waits for this process.
        while waiting and len(at_work) < 2 * executor.workers:
            job = jobs.begin(waiting.popleft())
            if isinstance(job, JobResult):
                yield job
                continue
            task = jobs.task(job)
            if task.key in at_work:  # the same content twice
                yield JobResult(job.path, "before", len(jobs.project.objects(job.video.id)))
                continue
            at_work[task.key] = job, 1
            executor.submit(task)
        if at_work:
            result = _receive(jobs, executor, at_work, tries)
            if result is not None:
                yield result


def _receive(
    jobs: Jobs, executor: Executor, at_work: dict[str, tuple[Job, int]], tries: int
) -> JobResult | None:
    """Put the next result into the project; None if its video is tried again."""
    delivery = executor.next()
    task = delivery.task
    job, number = at_work[task.key]
    result, error = None, delivery.error
    if delivery.result is not None:
        try:
            result = unpack(delivery.result)
        except ValueError as reason:
            error = str(reason)
    if result is None and number < tries:
        at_work[task.key] = job, number + 1
        if delivery.result is not None:
            executor.committed(task)  # a damaged file
        jobs.try_again(job)
        executor.submit(task)
        return None
    del at_work[task.key]
    if result is None:
        return jobs.fail(job, f"{error} (tried {number} times)" if number > 1 else error)
    done = jobs.deliver(job, result)
    executor.committed(task)
    return done


def _bytes(path: str | Path) -> int:
    """The size of a video's file, or of a folder's; 0 if it is not there."""
    place = Path(path).expanduser()
    try:
        if not place.is_dir():
            return place.stat().st_size
        with os.scandir(place) as files:
            return sum(file.stat().st_size for file in files if file.is_file())
    except OSError:
        return 0
