"""The masks in a project's database: those of the model, and above them those of a person.

A person's mask counts unless it is undone, or a prompt was given on its frame later. What the model
makes never changes it.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping

from .engine import Engine
from .log import Log
from .passes import Pass
from .records import ProjectMask, Provenance, confidence
from .store import ProjectError

# Masks of persons that count: the last of each frame.
_EDITED = """
SELECT edited.object_id, edited.frame, counts, score, NULL AS presence, made,
       NULL AS provenance_id, occluded, max(entry_id)
FROM edited JOIN log ON log.id = entry_id
WHERE edited.object_id = ? AND edited.frame BETWEEN ? AND ? AND NOT undone AND NOT EXISTS (
    SELECT 1 FROM log AS later WHERE later.object_id = edited.object_id
    AND later.frame = edited.frame AND later.what IN ('prompt', 'unprompt')
    AND NOT later.undone AND later.id > entry_id)
GROUP BY edited.frame
"""
_PROPAGATED = """
SELECT *, 0 AS occluded FROM propagated WHERE object_id = ? AND frame BETWEEN ? AND ?
"""
_CHUNK = 256  # frames that are read together


class StoredMasks:
    """The tables of masks."""

    def __init__(self, log: Log) -> None:
        self.log, self.store = log, log.store

    def between(
        self, object_id: int, size: tuple[int, int], start: int, stop: int
    ) -> Iterator[ProjectMask]:
        """An object's masks from frame ``start`` up to ``stop``, which is left out, in order."""
        for first in range(start, stop, _CHUNK):
            place = object_id, first, min(first + _CHUNK, stop) - 1
            found = {row["frame"]: row for row in self.store.rows(_PROPAGATED, *place)}
            found |= {row["frame"]: row for row in self.store.rows(_EDITED, *place)}
            for frame in sorted(found):
                yield _mask(found[frame], size)

    def frames(self, object_id: int, length: int) -> list[int]:
        """The frames on which an object has a mask, in order."""
        sql = "SELECT frame FROM propagated WHERE object_id = ?"
        own = {row["frame"] for row in self.store.rows(sql, object_id)}
        return sorted(own | self.edited_frames(object_id, length))

    def edited_frames(self, object_id: int, length: int) -> set[int]:
        """The frames on which a person's mask counts."""
        return {row["frame"] for row in self.store.rows(_EDITED, object_id, 0, length)}

    def unsure(self, object_id: int, length: int, below: float) -> list[tuple[int, float]]:
        """The frames whose confidence is lower, in order, with it; a person's masks are sure."""
        sql = "SELECT frame, score, presence FROM propagated WHERE object_id = ? ORDER BY frame"
        sure = self.edited_frames(object_id, length)
        found = [
            (row["frame"], confidence(row["score"], row["presence"]))
            for row in self.store.rows(sql, object_id)
        ]
        return [(k, own) for k, own in found if own < below and k not in sure]

    def edit(
        self,
        object_id: int,
        entry_id: int,
        masks: Iterable[tuple[int, str, float | None, bool]],
        made: str,
    ) -> None:
        """Store a person's masks: frames, run lengths, scores, marks of occlusion."""
        with self.store.writing() as connection:
            connection.executemany(
                "INSERT INTO edited VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    (object_id, frame, entry_id, counts, score, made, occluded)
                    for frame, counts, score, occluded in masks
                ),
            )

    def missing(self, object_id: int, one: Pass, length: int) -> list[int]:
        """The frames of a pass whose mask does not follow from it yet, in the order of tracking."""
        rows = self.store.rows(
            "SELECT frame, key FROM propagated JOIN provenance ON provenance.id = provenance_id "
            "WHERE object_id = ? AND frame BETWEEN ? AND ?",
            *(object_id, *sorted((one.start, one.stop))),
        )
        keys = {row["frame"]: row["key"] for row in rows}
        edited = self.edited_frames(object_id, length)
        return [k for k in one.frames() if k not in edited and keys.get(k) != one.key(k)]

    def add(self, connection: sqlite3.Connection, masks: Iterable[ProjectMask]) -> None:
        """Store what the model made, in a transaction of the caller's."""
        connection.executemany(
            "INSERT OR REPLACE INTO propagated VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                (m.object_id, m.frame, m.counts, m.score, m.presence, m.made, m.provenance_id)
                for m in masks
            ),
        )

    def provenance(self, provenance_id: int) -> Provenance:
        """What a mask was made with; ProjectError if there is no such provenance."""
        row = self.store.one("SELECT * FROM provenance WHERE id = ?", provenance_id)
        if row is None:
            raise ProjectError(f"no provenance {provenance_id}; give a mask's provenance_id")
        values = {key: row[key] for key in ("key", "model", "weights", "version", "direction")}
        return Provenance(settings=json.loads(row["settings"]), **values)

    def provenance_ids(self, engine: Engine, keys: Mapping[str, int]) -> dict[str, int]:
        """The ids of keys, each with its direction; they are added where they are new."""
        ids = {}
        settings = json.dumps(engine.settings, sort_keys=True, default=str)
        with self.store.writing() as connection:
            for key, direction in keys.items():
                values = (key, engine.model, engine.weights, settings, engine.version, direction)
                connection.execute(
                    "INSERT OR IGNORE INTO provenance (key, model, weights, settings, version, "
                    "direction) VALUES (?, ?, ?, ?, ?, ?)",
                    values,
                )
                row = connection.execute(
                    "SELECT id FROM provenance WHERE key = ? AND version = ?", (key, engine.version)
                ).fetchone()
                ids[key] = row["id"]
        return ids


def _mask(row: sqlite3.Row, size: tuple[int, int]) -> ProjectMask:
    names = ("object_id", "frame", "counts", "score", "presence", "made", "provenance_id")
    values = {name: row[name] for name in names}
    return ProjectMask(size=size, occluded=bool(row["occluded"]), **values)
