"""Annotates many videos: each is done once, and one that fails stops no other.

A job is known by a hash of its video, its prompts, the model and its settings. A finished one is
not repeated. One that was broken off goes on; one that failed is tried again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..files import digest_of
from ..prompts import PlacedPrompt
from ..prompts.prompt_files import check
from ..spawning import one_line
from .database import ProjectVideo, Videos, find_anchors, pack_prompt
from .engine import Engine
from .project import Project
from .prompting.sources import FindPrompts, PromptSource
from .review import rate
from .tasks import Count, Task, TaskResult, Watch, make_task, merge
from .tracking.planning import is_complete

NO_OBJECT = "it has no object; give prompts"  # the error of a video that waits for its first one
_INSERT = (
    "INSERT INTO jobs (key, path, video_id, state, error, time, tries, frames, seconds) VALUES"
)


@dataclass(frozen=True, slots=True)
class JobResult:
    """What came of a video.

    Attributes:
        name: of the video; its path if it could not be opened.
        status: ``done``, ``before`` (it was finished already) or ``failed``.
        objects: how many it has.
        frames: how many different ones were tracked now.
        seconds: that this took.
        error: in one line, if it failed.
    """

    name: str
    status: str
    objects: int = 0
    frames: int = 0
    seconds: float = 0.0
    error: str = ""


@dataclass(frozen=True, slots=True)
class Job:
    """A video whose work has begun, at a time of ``time.monotonic``; its path as it was given.

    ``key``: a hash of all that its masks follow from, as far as it is known yet.
    """

    path: str
    key: str
    video: ProjectVideo
    began: float


@dataclass(frozen=True, slots=True)
class Jobs:
    """The work on many videos of a project.

    Attributes:
        engine: tracks.
        prompts: where they come from; None = the project has them.
        class_name: of objects that are new.
        direction: see :meth:`Project.propagate`.
        found: makes the prompts with the model, where the video is tracked; None = nothing does.
        finder: names it: what one has looked for, another one has not.
        check: whether tracks are rated at the end (:mod:`.quality`).
        min_quality: then, of objects that were found; see :func:`.quality.rate`.
        pause: is called after each frame of the check.
    """

    project: Project
    engine: Engine
    prompts: PromptSource | None = None
    class_name: str = "object"
    direction: str = "both"
    found: FindPrompts | None = None
    finder: str = ""
    check: bool = False
    min_quality: float = 0.0
    pause: Callable[[], None] | None = None

    def run(self, path: str | Path, watch: Watch = iter) -> JobResult:
        """Annotate one video. What is wrong with it is in the result, and in the project.

        ``watch`` goes through the steps, for a progress bar. ProjectError if the project cannot be
        written.
        """
        job = self.begin(path)
        if isinstance(job, JobResult):
            return job
        counted = Count(watch)
        try:
            self.work(job.video, counted)
            return self._finish(job, counted.frames, time.monotonic() - job.began)
        except Exception as error:
            return self.fail(job, one_line(error), counted.frames, time.monotonic() - job.began)

    def work(self, video: ProjectVideo, watch: Watch) -> None:
        """What needs the model.

        Raises:
            ValueError: if a frame cannot be read, or there is no object and nothing looks for some.
        """
        if self.found is not None:
            placed = self._placed(self.found(self.project, self.engine), video)
            with self.project.store.writing():
                give_prompts(self.project, video, placed, self.class_name)
        objects = [thing.id for thing in self.project.objects(video.id)]
        if not objects and self.found is None:
            raise ValueError(NO_OBJECT)
        options = {"direction": self.direction, "engine": self.engine}
        for _ in watch(self.project.propagate(objects, **options)):
            pass
        if self.check:
            options = {"min_quality": self.min_quality, "pause": self.pause}
            rate(self.project, video, self.engine, **options)

    def begin(self, path: str | Path) -> Job | JobResult:
        """Add a video with its prompts, and note that the work begins.

        There is a result already if it was finished before, or if something is wrong with it.
        ProjectError if the project cannot be written.
        """
        began, name, key, video = time.monotonic(), str(path), None, None
        try:
            (added,) = self.project.add_videos([path])
            video = added.video
            name = video.name
            placed = self._placed(self.prompts, video)
            key, finished = self._begin(path, video, placed)
            objects = len(self.project.objects(video.id))
            if finished:
                return JobResult(name, "before", objects)
            if not objects and self.found is None:
                raise ValueError(NO_OBJECT)
            return Job(str(path), key, video, began)
        except Exception as error:
            message, seconds = one_line(error), time.monotonic() - began
            self._note_failure(key, path, video, message, 0, seconds)
            return JobResult(name, "failed", 0, 0, seconds, message)

    def task(self, job: Job) -> Task:
        """The same for a worker, which has the model."""
        settings = {"class_name": self.class_name, "direction": self.direction}
        settings |= {"found": self.found, "check": self.check, "min_quality": self.min_quality}
        return make_task(self.project, job.video, self.engine.key, settings)

    def deliver(self, job: Job, result: TaskResult) -> JobResult:
        """Put what a worker made into the project, in one transaction; a second time does nothing.

        Raises:
            ProjectError: if the project cannot be written.
        """
        with self.project.store.writing():
            if self._is_done(self._key(job.video), job.video):
                return JobResult(job.video.name, "before", len(self.project.objects(job.video.id)))
            merge(self.project, job.video, result.changes)
            if result.error:
                return self.fail(job, result.error, result.frames, result.seconds)
            return self._finish(job, result.frames, result.seconds)

    def fail(self, job: Job, error: str, frames: int = 0, seconds: float = 0.0) -> JobResult:
        """Set a video aside, with its error in one line."""
        self._note_failure(job.key, job.path, job.video, error, frames, seconds)
        return JobResult(job.video.name, "failed", 0, frames, seconds, error)

    def try_again(self, job: Job) -> None:
        """Count one more try of a video."""
        with self.project.store.writing() as connection:
            sql = "UPDATE jobs SET tries = tries + 1, time = ? WHERE key = ?"
            connection.execute(sql, (time.time(), job.key))

    def _key(self, video: ProjectVideo) -> str:
        """A hash of all that the masks of a video follow from."""
        told = []
        for thing in self.project.objects(video.id):
            anchors = find_anchors(self.project.store, thing.id, video.size)
            told.append([thing.number, [(own.frame, own.digest) for own in anchors.values()]])
        more = [self.min_quality] if self.check else []
        more += ["found", self.finder] if self.found is not None else []
        return digest_of([video.hash, told, self.engine.key, self.direction, *more])

    def _is_done(self, key: str, video: ProjectVideo) -> bool:
        sql = "SELECT key FROM jobs WHERE video_id = ? AND state = 'done' ORDER BY time DESC"
        row = self.project.store.one(f"{sql} LIMIT 1", video.id)
        # A later run may have rated the objects in another way. Without a rating every run made
        # the same masks.
        rated = self.found is not None or self.check
        if row is None or (rated and row["key"] != key):
            return False
        # The masks may have changed since: other prompts, a correction that was undone.
        return is_complete(
            self.project, self.project.objects(video.id), self.engine, self.direction
        )

    def _placed(self, source: PromptSource | None, video: ProjectVideo) -> list[PlacedPrompt]:
        """The prompts of a source, checked."""
        if source is None:
            return []
        placed = list(source(video, Videos(self.project.store).place(video)))
        check(placed, video.size, video.length)
        return placed

    def _begin(
        self, path: str | Path, video: ProjectVideo, placed: Sequence[PlacedPrompt]
    ) -> tuple[str, bool]:
        """Put the prompts into the project and note that the work begins, in one transaction.

        The job's key comes back, and whether it was finished before.
        """
        with self.project.store.writing() as connection:
            give_prompts(self.project, video, placed, self.class_name)
            key = self._key(video)
            if self._is_done(key, video):
                return key, True
            connection.execute("DELETE FROM jobs WHERE key IS NULL AND path = ?", (str(path),))
            connection.execute(
                f"{_INSERT} (?, ?, ?, 'running', '', ?, 1, 0, 0) ON CONFLICT (key) DO UPDATE SET "
                "path = excluded.path, state = 'running', error = '', tries = tries + 1, "
                "time = excluded.time",
                (key, str(path), video.id, time.time()),
            )
        return key, False

    def _finish(self, job: Job, frames: int, seconds: float) -> JobResult:
        """Note that a video is done, and that a person is to look at it."""
        project, video = self.project, job.video
        with project.store.writing() as connection:
            key = self._key(video)  # prompts that were found are a part of it
            connection.execute("DELETE FROM jobs WHERE key = ? AND key != ?", (key, job.key))
            connection.execute(
                "UPDATE jobs SET key = ?, state = 'done', frames = frames + ?, "
                "seconds = seconds + ?, time = ? WHERE key = ?",
                (key, frames, seconds, time.time(), job.key),
            )
            if all(own.object_id or own.frame is not None for own in project.reviews(video.id)):
                project.review(video.id, "review")
        project.forget_states(video.id)
        return JobResult(video.name, "done", len(project.objects(video.id)), frames, seconds)

    def _note_failure(
        self,
        key: str | None,
        path: str | Path,
        video: ProjectVideo | None,
        error: str,
        frames: int,
        seconds: float,
    ) -> None:
        """Note why a video failed; without a key it could not be opened or has no prompts."""
        with self.project.store.writing() as connection:
            if key is None:
                connection.execute("DELETE FROM jobs WHERE key IS NULL AND path = ?", (str(path),))
                connection.execute(
                    f"{_INSERT} (NULL, ?, ?, 'failed', ?, ?, 1, 0, 0)",
                    (str(path), video and video.id, error, time.time()),
                )
            connection.execute(
                "UPDATE jobs SET state = 'failed', error = ?, time = ?, frames = frames + ?, "
                "seconds = seconds + ? WHERE key = ?",
                (error, time.time(), frames, seconds, key),
            )


def give_prompts(
    project: Project, video: ProjectVideo, placed: Sequence[PlacedPrompt], class_name: str
) -> None:
    """Give a video's objects the prompts of a file; objects that are new are added.

    Prompts of an earlier job that are not the same any more are undone. A person's prompts stay,
    and an object that a person removed is left out.
    """
    rows = project.store.rows("SELECT number, removed FROM objects WHERE video_id = ?", video.id)
    removed = {row["number"] for row in rows if row["removed"]}
    objects = {thing.number: thing.id for thing in project.objects(video.id)}
    wanted: dict[int, list[PlacedPrompt]] = {}
    for item in sorted(placed, key=lambda item: item.frame):
        if item.object_id not in removed:
            wanted.setdefault(item.object_id, []).append(item)
    entries = [
        entry
        for entry in project.history(video.id)
        if entry.what == "prompt" and entry.data.get("job") and not entry.undone
    ]
    for number, items in wanted.items():
        if number not in objects:
            label = items[0].label or class_name
            objects[number] = project.add_object(video.id, label, number=number).id
        old = [entry for entry in entries if entry.object_id == objects[number]]
        new = [(item.frame, pack_prompt(item.prompt)) for item in items]
        if [(entry.frame, entry.data["prompt"]) for entry in old] == new:
            continue
        for entry in old:
            project.log.set_undone(entry, undone=True)
        for item in items:
            project.prompt(objects[number], item.frame, item.prompt, source=item.source, job=True)
