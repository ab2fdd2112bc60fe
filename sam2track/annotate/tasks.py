"""The part of a project that a worker needs to track one video, and what it gives back.

A :class:`Task` goes to another process or machine as plain values. There it becomes a small project
of its own with the same ids, so tracking is the same to the bit, and goes on after a kill. The
:class:`TaskResult` comes back as bytes, or in a file that is written whole.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import socket
import time
import zlib
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

from ..files import write_whole
from .engine import Engine
from .project import Project
from .records import ProjectMask, ProjectVideo, Provenance
from .store import DATABASE, ProjectInUse, Store
from .videos import Videos

RESULT = "result"
_MASK = ("object_id", "frame", "counts", "score", "presence", "made", "provenance_id")
_PATIENCE = 30.0  # seconds for a process that was told to end, and still holds the small project

# In an order in which foreign keys are there before they are used. ? = the id of the video.
_OWN = "SELECT id FROM objects WHERE video_id = ?"
_TABLES = {
    "videos": "id = ?",
    "classes": "id IN (SELECT class_id FROM objects WHERE video_id = ?)",
    "objects": "video_id = ?",
    "log": "video_id = ? AND what IN ('prompt', 'unprompt', 'mask', 'import')",
    "edited": f"object_id IN ({_OWN})",
    "reviews": "video_id = ?",
    "provenance": f"id IN (SELECT provenance_id FROM propagated WHERE object_id IN ({_OWN}))",
    "propagated": f"object_id IN ({_OWN})",
}


@dataclass(frozen=True, slots=True)
class Task:
    """What a worker needs to track one video.

    Attributes:
        key: a hash of all below, by which a result is known.
        name: of the video.
        place: the absolute path of its file or folder.
        objects: ids of those that are to be tracked.
        direction: see :meth:`Project.propagate`.
        tables: by name, the rows of the project that are about the video.
    """

    key: str
    name: str
    place: str
    objects: tuple[int, ...]
    direction: str
    tables: Mapping[str, list[tuple[Any, ...]]]


@dataclass(frozen=True, slots=True)
class TaskResult:
    """What came of a task.

    Attributes:
        frames: that were tracked.
        seconds: that this took.
        error: in one line, if the video cannot be tracked to its end.
        provenance: of the masks, whose ``provenance_id`` is a place in it.
        masks: those that are new.
    """

    frames: int
    seconds: float
    error: str
    provenance: tuple[Provenance, ...]
    masks: tuple[ProjectMask, ...]


def make_task(
    project: Project, video: ProjectVideo, objects: tuple[int, ...], engine: Engine, direction: str
) -> Task:
    """The task of tracking objects of a video."""
    tables = {
        table: [
            tuple(row)
            for row in project.store.rows(f"SELECT * FROM {table} WHERE {where}", video.id)
        ]
        for table, where in _TABLES.items()
    }
    place = str(Videos(project.store).place(video).absolute())
    told = (place, objects, engine.key, engine.version, direction, tables)
    key = hashlib.sha256(repr(told).encode()).hexdigest()[:32]
    return Task(key, video.name, place, objects, direction, tables)


def carry_out(task: Task, engine: Engine, folder: Path) -> bytes:
    """Track a video in a small project in a folder; the packed result, which is also a file there.

    A folder that an earlier process left is gone on with.

    Raises:
        OSError: if the video is not on this machine, or the folder cannot be written.
        ProjectInUse: if another process still works in the folder.
    """
    path = folder / RESULT
    if path.is_file():
        return path.read_bytes()
    if not Path(task.place).exists():
        raise FileNotFoundError(
            f"{task.place} is not there on {socket.gethostname()}; videos must have the same path "
            "on every machine"
        )
    began, frames, error = time.monotonic(), 0, ""
    with _small_project(task, folder) as project:
        try:
            options = {"direction": task.direction, "engine": engine}
            for _ in project.propagate(task.objects, **options):
                frames += 1
        except ValueError as reason:
            error = one_line(reason)
        provenance, masks = _made(task, project)
    seconds = time.monotonic() - began
    data = pack(TaskResult(frames, seconds, error, provenance, masks))
    write_whole(path, lambda file: file.write(data))
    return data


def pack(result: TaskResult) -> bytes:
    """A result as bytes: JSON, compressed."""
    provenance = [astuple(own) for own in result.provenance]
    masks = [[getattr(mask, name) for name in _MASK] for mask in result.masks]
    size = result.masks[0].size if result.masks else (0, 0)  # of the video
    told = [result.frames, result.seconds, result.error, provenance, size, masks]
    return zlib.compress(json.dumps(told, separators=(",", ":")).encode(), 1)


def unpack(data: bytes) -> TaskResult:
    """The result that :func:`pack` was given; ValueError if these are not its bytes."""
    try:
        frames, seconds, error, provenance, (high, wide), masks = json.loads(zlib.decompress(data))
        return TaskResult(
            frames,
            seconds,
            error,
            tuple(Provenance(*own) for own in provenance),
            tuple(
                ProjectMask(size=(high, wide), **dict(zip(_MASK, own, strict=True)))
                for own in masks
            ),
        )
    except (zlib.error, ValueError, TypeError) as error:
        raise ValueError(f"the result of a worker is damaged: {error}") from None


def one_line(error: BaseException) -> str:
    """An error in one line; its type too where that is not expected."""
    message = " ".join(str(error).split())
    if not isinstance(error, (ValueError, OSError)) or not message:
        message = f"{type(error).__name__}: {message}"
    return message


def _small_project(task: Task, folder: Path) -> Project:
    """The project of a task, as it was left, or new."""
    ends = time.monotonic() + _PATIENCE
    while True:
        known = (folder / DATABASE).exists()
        try:
            project = Project.open(folder) if known else Project.create(folder)
            break
        except ProjectInUse:
            if time.monotonic() > ends:
                raise
            time.sleep(0.1)
        except ValueError:  # damaged, perhaps by a disk that was full
            if not known:
                raise
            shutil.rmtree(folder)
    try:
        if not project.videos():
            _fill(project.store, task)
    except BaseException:
        project.close()
        raise
    return project


def _fill(store: Store, task: Task) -> None:
    with store.writing() as connection:
        for table, rows in task.tables.items():
            if rows:
                signs = ", ".join("?" * len(rows[0]))
                connection.executemany(f"INSERT INTO {table} VALUES ({signs})", rows)
        connection.execute("UPDATE videos SET path = ?", (task.place,))


def _made(task: Task, project: Project) -> tuple[tuple[Provenance, ...], tuple[ProjectMask, ...]]:
    """The masks that the task did not come with."""
    known = {row[:2]: row for row in task.tables["propagated"]}
    (video,) = project.videos()
    ids: dict[int, int] = {}
    masks = []
    for row in project.store.rows("SELECT * FROM propagated ORDER BY object_id, frame"):
        if known.get((row["object_id"], row["frame"])) == tuple(row):
            continue
        place = ids.setdefault(row["provenance_id"], len(ids))
        values = {name: row[name] for name in ("object_id", "frame", "counts", "score", "made")}
        own = {"size": video.size, "presence": row["presence"], "provenance_id": place}
        masks.append(ProjectMask(**values, **own))
    return tuple(project.provenance(own) for own in ids), tuple(masks)
