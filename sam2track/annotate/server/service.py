"""What the requests share: the project, the model's thread, frames, events and leases."""

from __future__ import annotations

import json
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from ..database import ProjectError, ProjectObject, ProjectVideo, Reviews
from ..engine import Engine
from ..jobs import FindPrompts
from ..project import Project
from ..tracking.freshness import Freshness
from .clicks import Clicks
from .events import Events
from .frames import Frames
from .leases import Lease, Leases, LeaseTaken
from .worker import Worker

KEEP_REQUESTS = 7 * 86400.0  # seconds for which a change may be sent again


class NotFound(ProjectError):
    """There is no such thing."""


class OtherProject(Exception):
    """A change of another project than the one that is served."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of what is sent to the server, in bytes.

    The body of a request in JSON, an uploaded video, and an uploaded file with annotations.
    """

    body: int = 8 << 20
    video: int = 8 << 30
    annotations: int = 512 << 20


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks.

    An id of the page, to which leases belong, the person's name for the log, and an id of the
    change, or "".
    """

    client: str
    who: str
    request: str


class Service:
    """A project that is served.

    Args:
        project: open for writing; it is closed with the service.
        load: makes the model.
        model: its name.
        folders: from which videos may be added by path, beside the project's own.
        automatic: makes the prompts of videos that have none; None = it is not to be had.
    """

    def __init__(
        self,
        project: Project,
        load: Callable[[], Engine],
        *,
        model: str,
        folders: Sequence[Path] = (),
        limits: Limits | None = None,
        automatic: FindPrompts | None = None,
    ) -> None:
        self.base, self.model, self.automatic = project, model, automatic
        self.project_id = project.store.project_id()
        self.folders = tuple(folder.resolve() for folder in (*folders, project.folder))
        self.limits = limits or Limits()
        self.events, self.leases, self.frames = Events(), Leases(), Frames()
        tell = partial(self.events.publish, "model")
        self.worker = Worker(load, lambda state, message: tell(state=state, message=message))
        self.clicks = Clicks(project, self.frames, self.worker, self.events)
        self.scratch = Path(tempfile.mkdtemp(prefix="sam2track-serve-"))
        self.exports: dict[str, dict[str, Path]] = {}  # by id and name
        self._fresh: dict[int, tuple[tuple[int, int], Freshness]] = {}
        self._guard = threading.Lock()
        with project.store.writing() as connection:
            oldest = time.time() - KEEP_REQUESTS
            connection.execute("DELETE FROM requests WHERE time < ?", (oldest,))

    def close(self) -> None:
        """End all work; what is finished is stored."""
        self.events.close()
        self.worker.close()
        self.frames.close()
        self.base.close()
        shutil.rmtree(self.scratch, ignore_errors=True)

    def project(self, who: str) -> Project:
        """The project as this person changes it."""
        return Project(self.base.store, who)

    def video(self, video_id: int) -> ProjectVideo:
        """A video; NotFound if there is none."""
        try:
            return self.base.video(video_id)
        except ProjectError:
            raise NotFound(f"there is no video {video_id} in this project") from None

    def object(self, object_id: int) -> tuple[ProjectObject, ProjectVideo]:
        """An object and its video; NotFound if there is none."""
        try:
            thing = self.base.object(object_id)
            return thing, self.base.video(thing.video_id)
        except ProjectError as error:
            raise NotFound(str(error)) from None

    def frame(self, video: ProjectVideo, index: int) -> int:
        """A frame's index; NotFound if the video has no such frame."""
        if not 0 <= index < video.length:
            raise NotFound(f"video {video.name!r} has frames 0 to {video.length - 1}, not {index}")
        return index

    def check_open(
        self, thing: ProjectObject, video: ProjectVideo, start: int, stop: int | None = None
    ) -> None:
        """Raise ProjectError if a frame from start up to stop is accepted or locked."""
        stop = start + 1 if stop is None else stop
        barriers = Reviews(self.base.log).barriers(video, thing.id)
        closed = [frame for frame in barriers if start <= frame < stop]
        if closed:
            raise ProjectError(
                f"object {thing.number} is accepted or locked on frame {min(closed)}; open it "
                "again to change it"
            )

    def known(self, caller: Caller) -> dict[str, Any] | None:
        """The answer to a change that was sent before; None = it was not."""
        if not caller.request:
            return None
        sql = "SELECT answer FROM requests WHERE id = ?"
        row = self.base.store.one(sql, f"{caller.client}/{caller.request}")
        return None if row is None else json.loads(row["answer"])

    def change(
        self,
        caller: Caller,
        video: ProjectVideo | None,
        what: str,
        work: Callable[[Project], BaseModel | dict[str, Any] | None],
    ) -> dict[str, Any]:
        """Change the project in one transaction, once, however often it is sent.

        Args:
            video: that is changed; the caller must have its lease, or nobody.
            what: for those who watch.
            work: makes the change; its answer, if it has one.

        Raises:
            LeaseTaken: if somebody else has the video.
        """
        known = self.known(caller)
        if known is not None:
            return known
        if video is not None:
            self.lease(caller, video)
        project = self.project(caller.who)
        with project.store.writing() as connection:
            known = self.known(caller)
            if known is not None:
                return known
            answer = work(project) or {}
            if isinstance(answer, BaseModel):
                answer = answer.model_dump(by_alias=True)
            if caller.request:
                values = (f"{caller.client}/{caller.request}", time.time(), json.dumps(answer))
                connection.execute("INSERT INTO requests VALUES (?, ?, ?)", values)
        place = None if video is None else video.id
        self.events.publish("changed", video=place, what=what, who=project.log.who)
        return answer

    def lease(self, caller: Caller, video: ProjectVideo, *, take_over: bool = False) -> Lease:
        """Take the lease of a video, or keep it.

        Raises:
            LeaseTaken: if somebody else has it, unless ``take_over``.
        """
        before = self.leases.of(video.id)
        lease, new = self.leases.take(video.id, caller.client, caller.who, take_over=take_over)
        if new:
            about = {"who": lease.who, "frame": lease.frame, "taken_from": before and before.who}
            self.events.publish("lease", video=video.id, **about)
        return lease

    def check_leases(self, caller: Caller, videos: Iterable[ProjectVideo], hint: str) -> None:
        """Raise LeaseTaken, with a hint what to do, if somebody else has one of the videos."""
        for video in videos:
            lease = self.leases.of(video.id)
            if lease is not None and lease.client != caller.client:
                raise LeaseTaken(f"{lease.who} annotates video {video.name!r}; {hint}")

    def is_busy(self, video: ProjectVideo) -> bool:
        """Whether long work changes a video, or waits for its turn to do so."""
        return any(video.id in job.video_ids for job in self.worker.jobs())

    def check_idle(self, video: ProjectVideo) -> None:
        """Raise ProjectError if long work changes a video."""
        if self.is_busy(video):
            raise ProjectError("this video is being tracked; stop that first, or wait for its end")

    def freshness(self, thing: ProjectObject, video: ProjectVideo) -> Freshness | None:
        """What follows from an object's prompts now; None while the model is loading."""
        engine = self.worker.engine
        if engine is None:
            return None
        row = self.base.store.one(
            "SELECT (SELECT ifnull(max(id), 0) FROM log) AS last, "
            "(SELECT ifnull(max(id), 0) FROM provenance) AS made"
        )
        assert row is not None
        version = row["last"], row["made"]
        with self._guard:
            found = self._fresh.get(thing.id)
        if found is not None and found[0] == version:
            return found[1]
        fresh = Freshness(self.base, thing, video, engine)
        with self._guard:
            self._fresh[thing.id] = version, fresh
        return fresh
