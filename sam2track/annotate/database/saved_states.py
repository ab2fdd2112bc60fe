"""States of sessions in the database, so that tracking goes on without beginning anew.

A state holds several objects, each with the key of the frame after which it was saved. It fits a
pass that has this key on that frame. States only save time: without them the results are the same.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

from ..tracking.passes import Pass
from .store import Store

MOST_BYTES = 64 << 20  # of the states of one video, in one direction


class SavedStates:
    """The tables of states."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def nearest(self, object_id: int, one: Pass, before: int) -> tuple[int, int] | None:
        """The id and the frame of the last state of an object before a frame of a pass."""
        rows = self.store.rows(
            "SELECT id, frame, key FROM states JOIN state_objects ON state_id = id "
            "WHERE object_id = ? AND direction = ?",
            *(object_id, one.direction),
        )
        begin = one.anchors[0].frame
        fitting = [
            (row["frame"] * one.direction, row["id"])
            for row in rows
            if (before - row["frame"]) * one.direction > 0
            and (row["frame"] - begin) * one.direction >= 0
            and row["key"] == one.key(row["frame"])
        ]
        if not fitting:
            return None
        place, state_id = max(fitting)
        return state_id, place * one.direction

    def load(self, state_id: int) -> bytes:
        """The bytes of a state."""
        row = self.store.one("SELECT state FROM states WHERE id = ?", state_id)
        assert row is not None
        return row["state"]

    def save(
        self,
        connection: sqlite3.Connection,
        video_id: int,
        direction: int,
        frame: int,
        state: bytes,
        keys: Mapping[int, str],
    ) -> None:
        """Save a state after a frame, with the key of each of its objects; older ones may go."""
        added = connection.execute(
            "INSERT INTO states (video_id, direction, frame, state) VALUES (?, ?, ?, ?)",
            (video_id, direction, frame, state),
        )
        connection.executemany(
            "INSERT INTO state_objects VALUES (?, ?, ?)",
            ((added.lastrowid, object_id, key) for object_id, key in keys.items()),
        )
        rows = connection.execute(
            "SELECT id, frame, length(state) AS size FROM states WHERE video_id = ? AND "
            "direction = ? ORDER BY frame, id",
            (video_id, direction),
        ).fetchall()
        places = [(row["frame"], row["id"], row["size"]) for row in rows]
        while len(places) > 1 and sum(size for _, _, size in places) > MOST_BYTES:
            # The one whose loss leaves the smallest gap, but not the one that was just saved.
            gaps = [
                (places[k + 1][0] - places[k - 1][0] if 0 < k < len(places) - 1 else 1 << 40, k)
                for k in range(len(places))
                if places[k][1] != added.lastrowid
            ]
            _, worst = min(gaps)
            connection.execute("DELETE FROM states WHERE id = ?", (places.pop(worst)[1],))

    def forget(self, video_id: int) -> None:
        """Delete the states of a video."""
        with self.store.writing() as connection:
            connection.execute("DELETE FROM states WHERE video_id = ?", (video_id,))
        self.store.shrink()
