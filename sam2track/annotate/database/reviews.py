"""Review: the state of videos, objects and frames, and which frames propagation must not change."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from .edits import check_frame
from .log import Log, write_review
from .records import STATES, ProjectVideo, Review
from .store import ProjectError


class Reviews:
    """The table of reviews."""

    def __init__(self, log: Log) -> None:
        self.log, self.store = log, log.store

    def all(self, video_id: int) -> list[Review]:
        """All states of a video that are not ``new``, the video's own first."""
        rows = self.store.rows(
            "SELECT * FROM reviews WHERE video_id = ? ORDER BY ifnull(object_id, 0), "
            "ifnull(frame, -1)",
            video_id,
        )
        return [_review(row) for row in rows]

    def state(self, video_id: int, object_id: int | None, frame: int | None) -> Review:
        """The state of one place; ``new`` if nothing was said about it."""
        row = self.store.one(
            "SELECT * FROM reviews WHERE video_id = ? AND object_id IS ? AND frame IS ?",
            *(video_id, object_id, frame),
        )
        return Review(video_id, object_id, frame) if row is None else _review(row)

    def set(
        self,
        video: ProjectVideo,
        object_id: int | None,
        frames: Iterable[int] | None,
        *,
        state: str | None = None,
        comment: str | None = None,
        locked: bool | None = None,
    ) -> None:
        """Change the state of a place or of several frames; None = as it was."""
        if state is not None and state not in STATES:
            raise ProjectError(f"review state {state!r} is none of {', '.join(STATES)}")
        row = self.store.one("SELECT video_id FROM objects WHERE id = ?", object_id)
        if object_id is not None and (row is None or row["video_id"] != video.id):
            raise ProjectError(f"object {object_id} is not of video {video.name!r}")
        before, after = [], []
        for frame in [None] if frames is None else frames:
            if frame is not None:
                check_frame(frame, video)
            old = self.state(video.id, object_id, frame)
            place = {"video_id": video.id, "object_id": object_id, "frame": frame}
            was = {"state": old.state, "comment": old.comment, "locked": old.locked}
            given = {"state": state, "comment": comment, "locked": locked}
            before.append(place | was)
            after.append(place | was | {k: v for k, v in given.items() if v is not None})
        with self.store.writing() as connection:
            data = {"before": before, "after": after}
            self.log.add("review", data, video_id=video.id, object_id=object_id)
            for row in after:
                write_review(connection, row)

    def barriers(
        self, video: ProjectVideo, object_id: int, *, locked: bool = True
    ) -> frozenset[int]:
        """The frames of an object that are accepted, or locked if these are asked for too."""
        which = "(locked OR state = 'accepted')" if locked else "state = 'accepted'"
        rows = self.store.rows(
            "SELECT frame FROM reviews WHERE video_id = ? AND (object_id IS NULL OR object_id = ?) "
            f"AND {which}",
            *(video.id, object_id),
        )
        frames = {row["frame"] for row in rows}
        return frozenset(range(video.length) if None in frames else frames)


def _review(row: sqlite3.Row) -> Review:
    values = {key: row[key] for key in ("video_id", "object_id", "frame", "state", "comment")}
    return Review(locked=bool(row["locked"]), **values)
