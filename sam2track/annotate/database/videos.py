"""The videos of a project: added, found again, and checked against the content that they had."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from array import array
from dataclasses import dataclass
from pathlib import Path

from ...files import hash_file
from ...video import ImageFolder, SeekableSource, open_video
from .log import Log
from .records import ProjectVideo
from .store import ProjectError, Store


class ChangedVideo(ProjectError):
    """A video is not where it was, or has another content."""


@dataclass(frozen=True, slots=True)
class Added:
    """What came of adding a video.

    Attributes:
        status: ``added``; ``known`` (it was there); ``moved`` (it was there under a path that is
            gone, and has its new path now); ``copy`` (it has the content of another one).
    """

    video: ProjectVideo
    status: str


class Videos:
    """The table of videos."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def all(self) -> list[ProjectVideo]:
        """All videos, in the order in which they were added."""
        rows = self.store.rows("SELECT * FROM videos WHERE NOT removed ORDER BY id")
        return [_video(row) for row in rows]

    def find(self, name: str | int) -> ProjectVideo:
        """A video by its name or id; ProjectError if there is none."""
        column = "id" if isinstance(name, int) else "name"
        row = self.store.one(f"SELECT * FROM videos WHERE {column} = ? AND NOT removed", name)
        if row is None:
            rows = self.store.rows("SELECT name FROM videos WHERE NOT removed LIMIT 6")
            names = [own["name"] for own in rows]
            known = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
            raise ProjectError(
                f"no video {name!r} in {self.store.folder}; there are: {known or '-'}"
            )
        return _video(row)

    def place(self, video: ProjectVideo) -> Path:
        """Where the file or folder of a video should be."""
        return Path(os.path.normpath(self.store.folder / video.path))

    def add(self, path: str | Path) -> Added:
        """Add a video file or a folder of pictures; errors as for :meth:`Project.add_videos`."""
        place = Path(os.path.abspath(os.path.expanduser(path)))
        stored = self._stored(place)
        row = self.store.one("SELECT * FROM videos WHERE path = ?", stored)
        if row is not None:
            self.check(_video(row))
            return Added(_video(row), "known")
        with open_video(place) as source:
            if not isinstance(source, SeekableSource):
                raise ProjectError(f"{path} is a live source; give a file or a folder of pictures")
            digest = content_hash(source, place)
            row = self.store.one("SELECT * FROM videos WHERE hash = ?", digest)
            if row is None:
                return Added(self._insert(source, place, digest), "added")
        video, again = _video(row), bool(row["removed"])
        if not again and self.place(video).exists():
            return Added(video, "copy")
        with self.store.writing() as connection:
            values = (stored, *_stamp(place), video.id)
            connection.execute(
                "UPDATE videos SET path = ?, bytes = ?, modified = ?, removed = 0 WHERE id = ?",
                values,
            )
        return Added(self.find(video.id), "added" if again else "moved")

    def remove(self, video: ProjectVideo, log: Log) -> None:
        """Take a video out; another one may have its path then. Saved states of it are deleted."""
        with self.store.writing() as connection:
            values = (f"removed: {video.hash}", video.id)
            connection.execute("UPDATE videos SET removed = 1, path = ? WHERE id = ?", values)
            connection.execute("DELETE FROM states WHERE video_id = ?", (video.id,))
            log.add("remove video", {"path": video.path}, video_id=video.id)
        self.store.shrink()

    def open(self, video: ProjectVideo) -> SeekableSource:
        """Open a video; ChangedVideo if it is gone or has another content."""
        self.check(video)
        source = open_video(self.place(video))
        assert isinstance(source, SeekableSource)
        return source

    def check(self, video: ProjectVideo) -> None:
        """Raise ChangedVideo unless a video is there with its content.

        The content is read only if its file was touched.
        """
        place = self.place(video)
        if not place.exists():
            raise ChangedVideo(
                f"video {video.name!r} is not at {place} any more; if it was moved, add it from "
                "its new place: its content is recognised"
            )
        row = self.store.one("SELECT bytes, modified FROM videos WHERE id = ?", video.id)
        assert row is not None
        if tuple(row) == _stamp(place):
            return
        with open_video(place) as source:
            digest = content_hash(source, place)
        if digest != video.hash:
            raise ChangedVideo(
                f"video {video.name!r} has changed: {place} is not the content that was added "
                f"(SHA-256 {digest[:12]}..., was {video.hash[:12]}...); restore it, or give the "
                "new one another name"
            )
        if not self.store.read_only:
            with self.store.writing() as connection:
                values = (*_stamp(place), video.id)
                connection.execute("UPDATE videos SET bytes = ?, modified = ? WHERE id = ?", values)

    def _stored(self, place: Path) -> str:
        """The path that is stored: relative if the video lies beside the project or in it."""
        folder = self.store.folder.absolute()
        near = place.is_relative_to(folder.parent) and folder.parent != Path(folder.anchor)
        return os.path.relpath(place, folder) if near else str(place)

    def _insert(self, source: SeekableSource, place: Path, digest: str) -> ProjectVideo:
        times = getattr(source, "times", None)
        names = [file.name for file in source.files] if isinstance(source, ImageFolder) else None
        with self.store.writing() as connection:
            values = (
                *(self._free_name(source.name), self._stored(place), digest, *_stamp(place)),
                *(source.size[1], source.size[0], len(source), float(source.fps)),
                None if times is None else array("d", times).tobytes(),
                None if names is None else json.dumps(names),
            )
            added = connection.execute(
                "INSERT INTO videos (name, path, hash, bytes, modified, width, height, length, fps,"
                " times, frame_names) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                values,
            )
        assert added.lastrowid is not None
        return self.find(added.lastrowid)

    def _free_name(self, name: str) -> str:
        """A name that no video has, fit for a file and for all exchange formats."""
        stem = "".join(c if c.isprintable() and c not in "/\\" else "_" for c in name)
        while len(stem.encode()) > 190:
            stem = stem[:-1]
        stem = " ".join(stem.split())  # as names are read from files
        if not stem.strip("."):
            stem = "video"  # .. is no name for a folder
        found, number = stem, 1
        # Exports are refused if names differ only in case: some disks do not tell these apart.
        sql = "SELECT 1 FROM videos WHERE name = ? COLLATE NOCASE"
        while self.store.one(sql, found) is not None:
            number += 1
            found = f"{stem}-{number}"
        return found


def content_hash(source: object, place: Path) -> str:
    """SHA-256 of a video file; of a folder of pictures that of their names and contents."""
    digest = hashlib.sha256()
    for file in getattr(source, "files", [place]):
        if file != place:
            digest.update(f"{file.name}\0{file.stat().st_size}\0".encode())
        hash_file(file, digest)
    return digest.hexdigest()


def _stamp(place: Path) -> tuple[int, int]:
    """Bytes and time of the last change, in nanoseconds; a change of either is a reason to read."""
    files = [path for path in place.iterdir() if path.is_file()] if place.is_dir() else [place]
    stats = [file.stat() for file in files]
    return sum(s.st_size for s in stats), max((s.st_mtime_ns for s in stats), default=0)


def _video(row: sqlite3.Row) -> ProjectVideo:
    times, names = row["times"], row["frame_names"]
    plain = ("id", "name", "path", "hash", "width", "height", "length", "fps")
    return ProjectVideo(
        **{key: row[key] for key in plain},
        times=None if times is None else tuple(array("d", times)),
        frame_names=None if names is None else tuple(json.loads(names)),
    )
