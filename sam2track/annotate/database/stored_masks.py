"""The masks in a project's database: those of the model, and above them those of a person.

A person's mask counts unless it is undone, or a prompt was given on its frame later. What the model
makes never changes it.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from operator import attrgetter
from typing import Any

import numpy as np

from ...masks import encode_runs
from ..engine import Engine
from ..tracking.passes import Pass
from .anchors import find_anchors
from .log import Log
from .records import ProjectMask, Provenance, confidence
from .store import ProjectError

# Masks of persons that count: the last of each frame.
_EDITED = """
SELECT edited.object_id, edited.frame, counts, score, presence, made,
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
_ANSWERED = """
SELECT object_id, frame, digest, counts, score, presence, 'prompt' AS made, provenance_id,
       0 AS occluded
FROM answers WHERE object_id = ? AND frame BETWEEN ? AND ?
"""
_COLUMNS = ("object_id", "frame", "counts", "score", "presence", "made", "provenance_id")
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
            found |= self.answered(size, *place)
            found |= {row["frame"]: row for row in self.store.rows(_EDITED, *place)}
            for frame in sorted(found):
                yield _mask(found[frame], size)

    def tracked(self, object_id: int, size: tuple[int, int], frame: int) -> ProjectMask | None:
        """What the model made of a frame when it tracked it; None if it did not."""
        row = self.store.one(_PROPAGATED, object_id, frame, frame)
        return None if row is None else _mask(row, size)

    def answered(
        self, size: tuple[int, int], object_id: int, first: int, last: int
    ) -> dict[int, sqlite3.Row]:
        """By frame, the answers to prompts that are in force and were not tracked since."""
        rows = self.store.rows(_ANSWERED, object_id, first, last)
        if not rows:
            return {}
        digests = {k: own.digest for k, own in find_anchors(self.store, object_id, size).items()}
        return {row["frame"]: row for row in rows if digests.get(row["frame"]) == row["digest"]}

    def answer(self, mask: ProjectMask, digest: str) -> None:
        """Store the answer to the prompts of an anchor."""
        told = mask.counts, mask.score, mask.presence, mask.provenance_id
        with self.store.writing() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?, ?, ?)",
                (mask.object_id, mask.frame, digest, *told),
            )

    def edited_kinds(
        self, object_id: int, size: tuple[int, int], length: int
    ) -> Iterator[tuple[int, str, bool, float]]:
        """The frames on which a person's mask counts, how it was made, whether it is empty, and
        the confidence in it: below 1 only where it came from another object."""
        empty = encode_runs(np.zeros(size, bool))["counts"]
        for row in self.store.rows(_EDITED, object_id, 0, length):
            sure = confidence(row["score"], row["presence"])
            yield row["frame"], row["made"], row["counts"] == empty, sure

    def edited_frames(self, object_id: int, length: int) -> set[int]:
        """The frames on which a person's mask counts."""
        return {row["frame"] for row in self.store.rows(_EDITED, object_id, 0, length)}

    def unsure(self, object_id: int, length: int, below: float) -> list[tuple[int, float]]:
        """The frames whose confidence is lower, in order, with it.

        A person's masks are sure; those that came from another object are as sure as they were.
        """
        rows = self.store.tuples(  # without most of those that are sure: 1 / (1 + exp(-3)) > 0.95
            "SELECT frame, score, presence FROM propagated WHERE object_id = ? AND "
            "(presence < 3 OR score < ?) ORDER BY frame",
            *(object_id, below / 0.95),
        )
        found = {frame: confidence(score, presence) for frame, score, presence in rows}
        for row in self.store.rows(_EDITED, object_id, 0, length):
            found[row["frame"]] = confidence(row["score"], row["presence"])
        return [(frame, own) for frame, own in sorted(found.items()) if own < below]

    def edit(self, object_id: int, entry_id: int, masks: Iterable[ProjectMask]) -> None:
        """Store masks as a person's, of an object and an entry of the log."""
        names = ("frame", "counts", "score", "presence", "made", "occluded")
        with self.store.writing() as connection:
            connection.executemany(
                "INSERT INTO edited (object_id, entry_id, frame, counts, score, presence, made, "
                "occluded) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                ((object_id, entry_id, *attrgetter(*names)(mask)) for mask in masks),
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

    def add(
        self,
        connection: sqlite3.Connection,
        masks: Iterable[ProjectMask],
        tracked: Iterable[tuple[int, int, str]] = (),
    ) -> None:
        """Store what the model made, in a transaction of the caller's.

        ``tracked`` = object, frame and hash of anchors whose answers these masks replace.
        """
        connection.executemany(
            "DELETE FROM answers WHERE object_id = ? AND frame = ? AND digest = ?", tracked
        )
        connection.executemany(
            "INSERT OR REPLACE INTO propagated VALUES (?, ?, ?, ?, ?, ?, ?)",
            map(attrgetter(*_COLUMNS), masks),
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
                told = engine.model, engine.weights, settings, engine.version, direction
                ids[key] = provenance_id(connection, key, *told)
        return ids


def provenance_id(connection: sqlite3.Connection, key: str, *told: Any) -> int:
    """The id of a provenance, which is added if it is new.

    ``told`` = model, weights, settings, version and direction, as the table has them.
    """
    sql = "INSERT OR IGNORE INTO provenance VALUES (NULL, ?, ?, ?, ?, ?, ?)"
    connection.execute(sql, (key, *told))
    sql = "SELECT id FROM provenance WHERE key = ? AND version = ?"
    (found,) = connection.execute(sql, (key, told[3])).fetchone()
    return found


def _mask(row: sqlite3.Row, size: tuple[int, int]) -> ProjectMask:
    values = {name: row[name] for name in _COLUMNS}
    return ProjectMask(size=size, occluded=bool(row["occluded"]), **values)
