"""The part of a project that a worker needs for one video, and what comes back of it.

A :class:`Task` goes to another process or machine as plain values. There it becomes a small project
of its own with the same ids, so tracking is the same to the bit, and goes on after a kill. What
changed in it comes back as a :class:`TaskResult`: bytes, or a file that is written whole.
"""

from __future__ import annotations

import hashlib
import json
import pickle
import shutil
import sqlite3
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .database import DATABASE, ProjectInUse, ProjectVideo, Videos, provenance_id
from .project import Project
from .tracking.propagation import Step

Rows = list[list[Any]]
Watch = Callable[[Iterator[Step]], Iterable[Step]]

_PATIENCE = 30.0  # seconds for a process that was told to end, and still holds the small project

# In an order in which foreign keys are there before they are used. ? = the id of the video.
_OWN = "(SELECT id FROM objects WHERE video_id = ?)"
_TABLES = {
    "videos": "id = ?",
    "classes": "id IN (SELECT class_id FROM objects WHERE video_id = ?)",
    "objects": "video_id = ?",
    "log": "video_id = ?",
    "edited": f"object_id IN {_OWN}",
    "reviews": "video_id = ?",
    "provenance": f"id IN (SELECT provenance_id FROM propagated WHERE object_id IN {_OWN})",
    "propagated": f"object_id IN {_OWN}",
}


@dataclass(frozen=True, slots=True)
class Task:
    """What a worker needs for one video.

    Attributes:
        key: a hash of all that its result follows from.
        name: of the video.
        place: the absolute path of its file or folder.
        settings: of :class:`.jobs.Jobs`, but the project and the engine.
        who: is named in the log.
        tables: by name, the rows of the project that are about the video.
    """

    key: str
    name: str
    place: str
    settings: Mapping[str, Any]
    who: str
    tables: Mapping[str, Rows]


@dataclass(frozen=True, slots=True)
class TaskResult:
    """What came of a task.

    Attributes:
        frames: how many different ones were tracked.
        seconds: that this took.
        error: in one line, if the video cannot be tracked to its end.
        changes: by table, rows of the small project that are new or changed; of reviews all.
    """

    frames: int
    seconds: float
    error: str
    changes: Mapping[str, Rows]


def make_task(
    project: Project, video: ProjectVideo, engine_key: str, settings: Mapping[str, Any]
) -> Task:
    """The task of a video; ``engine_key`` = of the model that the worker has."""
    tables = {table: _rows(project, video.id, table) for table in _TABLES}
    place = str(Videos(project.store).place(video).absolute())
    who = project.log.who
    told = repr((place, engine_key, who, tables)).encode() + pickle.dumps(dict(settings))
    key = hashlib.sha256(told).hexdigest()[:32]
    return Task(key, video.name, place, settings, who, tables)


def small_project(task: Task, folder: Path) -> Project:
    """The project of a task in a folder, as an earlier process left it, or new.

    Raises:
        ProjectInUse: if another process still works there.
    """
    ends = time.monotonic() + _PATIENCE
    while True:
        known = (folder / DATABASE).exists()
        try:
            project = Project.open_or_create(folder, who=task.who)
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
            with project.store.writing() as connection:
                # A part of an entry is before it in the log, and names it.
                connection.execute("PRAGMA defer_foreign_keys = ON")
                for table, rows in task.tables.items():
                    _insert(connection, table, rows)
                connection.execute("UPDATE videos SET path = ?", (task.place,))
    except BaseException:
        project.close()
        raise
    return project


def changes_of(project: Project, task: Task) -> dict[str, Rows]:
    """What has changed in the project of a task."""
    (video,) = project.videos()
    changes: dict[str, Rows] = {"reviews": _rows(project, video.id, "reviews")}
    for table in ("classes", "objects", "log", "provenance", "propagated"):
        before = set(map(tuple, task.tables[table]))
        rows = _rows(project, video.id, table)
        changes[table] = [row for row in rows if tuple(row) not in before]
    return changes


def merge(project: Project, video: ProjectVideo, changes: Mapping[str, Rows]) -> None:
    """Put the changes of a small project into the project that it was made of.

    What is new there gets ids of this project.
    """
    old = [
        row["id"] for row in project.store.rows("SELECT id FROM log WHERE video_id = ?", video.id)
    ]
    with project.store.writing() as connection:
        classes, objects, entries, made = {}, {}, {own: own for own in old}, {}
        for class_id, *values in changes["classes"]:
            sql = "INSERT OR IGNORE INTO classes (name, colour, attributes) VALUES (?, ?, ?)"
            connection.execute(sql, values)
            found = connection.execute("SELECT id FROM classes WHERE name = ?", values[:1])
            (classes[class_id],) = found.fetchone()
        for object_id, _, number, class_id, *values in changes["objects"]:
            row = None, video.id, number, classes.get(class_id, class_id), *values
            objects[object_id] = _insert(connection, "objects", [row])
        for entry_id, *values, target, undone in changes["log"]:
            if entry_id in entries:
                sql = "UPDATE log SET undone = ? WHERE id = ?"
                connection.execute(sql, (undone, entry_id))
                continue
            when, who, what, _, own, frame, data = values
            own, data = objects.get(own, own), _told(what, data, objects)
            row = None, when, who, what, video.id, own, frame, data, entries.get(target), undone
            entries[entry_id] = _insert(connection, "log", [row])
        connection.execute("DELETE FROM reviews WHERE video_id = ?", (video.id,))
        rows = [[own[0], objects.get(own[1], own[1]), *own[2:]] for own in changes["reviews"]]
        _insert(connection, "reviews", rows)
        for made_id, *values in changes["provenance"]:
            made[made_id] = provenance_id(connection, *values)
        connection.executemany(  # prompts that are tracked now
            "DELETE FROM answers WHERE object_id = ? AND frame = ?",
            [row[:2] for row in changes["propagated"] if row[5] == "prompt"],
        )
        connection.executemany(
            "INSERT OR REPLACE INTO propagated VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                [objects.get(own, own), *values, made.get(made_id, made_id)]
                for own, *values, made_id in changes["propagated"]
            ),
        )


def pack(result: TaskResult) -> bytes:
    """A result as bytes: JSON, compressed."""
    told = [result.frames, result.seconds, result.error, result.changes]
    return zlib.compress(json.dumps(told, separators=(",", ":")).encode(), 1)


def unpack(data: bytes) -> TaskResult:
    """The result that :func:`pack` was given; ValueError if these are not its bytes."""
    try:
        frames, seconds, error, changes = json.loads(zlib.decompress(data))
        return TaskResult(frames, seconds, error, dict(changes))
    except (zlib.error, ValueError, TypeError) as error:
        raise ValueError(f"the result of a worker is damaged: {error}") from None


class Count:
    """Counts the different frames of the steps that go through it."""

    def __init__(self, watch: Watch = iter) -> None:
        self.watch = watch
        self._seen: set[int] = set()

    @property
    def frames(self) -> int:
        return len(self._seen)

    def __call__(self, steps: Iterator[Step]) -> Iterator[Step]:
        for step in self.watch(steps):
            self._seen.add(step.frame)  # again in the other direction, and for later objects
            yield step


def _rows(project: Project, video_id: int, table: str) -> Rows:
    rows = project.store.rows(f"SELECT * FROM {table} WHERE {_TABLES[table]}", video_id)
    return [list(row) for row in rows]


def _insert(connection: sqlite3.Connection, table: str, rows: list[Any]) -> int | None:
    """Add whole rows; the id of the last."""
    added = None
    for row in rows:
        signs = ", ".join("?" * len(row))
        added = connection.execute(f"INSERT INTO {table} VALUES ({signs})", row).lastrowid
    return added


def _told(what: str, data: str, objects: Mapping[int, int]) -> str:
    """The data of a log entry, in which objects have their ids of this project."""
    if what != "review" or not objects:
        return data
    told = json.loads(data)
    for row in (*told["before"], *told["after"]):
        row["object_id"] = objects.get(row["object_id"], row["object_id"])
    return json.dumps(told, separators=(",", ":"))
