"""The log: who did what and when. Entries are only added; undo and redo are entries too.

Some tables follow from the log: an entry's ``undone``, objects that are removed or changed,
reviews. Undoing an entry brings them back to what they were.
"""

from __future__ import annotations

import getpass
import json
import sqlite3
import time
from collections.abc import Iterable, Mapping
from typing import Any

from .records import Entry
from .store import ProjectError, Store

UNDOABLE = (
    *("prompt", "unprompt", "mask", "import", "review"),
    *("add object", "change object", "remove object"),
    *("withdraw", "merge", "split", "swap", "clear"),
)
_LISTED = ", ".join(f"'{what}'" for what in UNDOABLE)
# Not a part of another entry.
_WHOLE = "what <> 'unprompt' OR target IS NULL"


class Log:
    """The log of a project, to which ``who`` writes (default: the user of this computer)."""

    def __init__(self, store: Store, who: str | None = None) -> None:
        self.store, self.who = store, who or _user()

    def add(
        self,
        what: str,
        data: Mapping[str, Any],
        *,
        video_id: int | None = None,
        object_id: int | None = None,
        frame: int | None = None,
        target: int | None = None,
    ) -> int:
        """Add an entry; its id comes back."""
        with self.store.writing() as connection:
            added = connection.execute(
                "INSERT INTO log (time, who, what, video_id, object_id, frame, data, target) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (time.time(), self.who, what, video_id, object_id, frame, _json(data), target),
            )
        assert added.lastrowid is not None
        return added.lastrowid

    def find(self, entry_id: int) -> Entry:
        """An entry by its id; ProjectError if there is none."""
        row = self.store.one("SELECT * FROM log WHERE id = ?", entry_id)
        if row is None:
            raise ProjectError(f"no entry {entry_id} in the log")
        return _entry(row)

    def entries(self, video_id: int | None = None) -> list[Entry]:
        """All entries, or those about a video, the oldest first."""
        where = "" if video_id is None else " WHERE video_id = ?"
        values = () if video_id is None else (video_id,)
        rows = self.store.rows(f"SELECT * FROM log{where} ORDER BY id", *values)
        return [_entry(row) for row in rows]

    def undo(self, video_id: int | None = None) -> Entry:
        """Undo the last entry that is in force, of all or of one video; that entry comes back.

        ProjectError if there is none.
        """
        return self._again(self.last(video_id), undo=True)

    def last(self, video_id: int | None = None) -> Entry | None:
        """The last entry that is in force, of all or of one video: what undo would take back."""
        where, values = _about(video_id)
        row = self.store.one(
            f"SELECT * FROM log WHERE what IN ({_LISTED}) AND NOT undone AND ({_WHOLE}){where} "
            "ORDER BY id DESC LIMIT 1",
            *values,
        )
        return None if row is None else _entry(row)

    def redo(self, video_id: int | None = None) -> Entry:
        """Bring back what was undone last; ProjectError if something else was done since."""
        return self._again(self.last_undone(video_id), undo=False)

    def _again(self, entry: Entry | None, *, undo: bool) -> Entry:
        if entry is None:
            raise ProjectError(f"there is nothing to {'undo' if undo else 'redo'}")
        self.set_undone(entry, undone=undo)
        return entry

    def last_undone(self, video_id: int | None = None) -> Entry | None:
        """The entry that redo would bring back."""
        where, values = _about(video_id)
        rows = self.store.rows(
            f"SELECT * FROM log WHERE what IN ({_LISTED}, 'undo', 'redo') AND ({_WHOLE}){where} "
            "ORDER BY id DESC",
            *values,
        )
        again = 0  # undo entries that were redone already
        for row in rows:
            if row["what"] == "redo":
                again += 1
            elif row["what"] != "undo":
                break
            elif again:
                again -= 1
            else:
                return self.find(row["target"])
        return None

    def step(self, video_id: int, *, undo: bool) -> tuple[Entry, bool]:
        """Undo or redo as a person sees it: a new object and its first prompt are one step.

        The entry comes back (of the two, the prompt's), and whether the object went or came with
        it. ProjectError if there is nothing to undo or redo.
        """
        again = self.undo if undo else self.redo
        with self.store.writing():
            entry = again(video_id)
            following = self.last(video_id) if undo else self.last_undone(video_id)
            made, prompt = (following, entry) if undo else (entry, following)
            if made is None or made.what != "add object" or prompt is None:
                return entry, False
            if prompt.what not in ("prompt", "mask") or prompt.object_id != made.object_id:
                return entry, False
            again(video_id)
            return prompt, True

    def withdraw(self, entry: Entry) -> Entry:
        """Take one entry back as a change of its own, which can be undone."""
        with self.store.writing() as connection:
            place = {"video_id": entry.video_id, "object_id": entry.object_id}
            added = self.add("withdraw", {}, **place, frame=entry.frame, target=entry.id)
            connection.execute("UPDATE log SET undone = 1 WHERE id = ?", (entry.id,))
        return self.find(added)

    def set_undone(self, entry: Entry, *, undone: bool) -> None:
        """Undo an entry, or bring it back."""
        with self.store.writing() as connection:
            place = {"video_id": entry.video_id, "object_id": entry.object_id}
            what = "undo" if undone else "redo"
            self.add(what, {}, **place, frame=entry.frame, target=entry.id)
            connection.execute("UPDATE log SET undone = ? WHERE id = ?", (undone, entry.id))
            _follow(connection, entry, entry.data.get("before" if undone else "after"), undone)


def _follow(connection: sqlite3.Connection, entry: Entry, values: Any, undone: bool) -> None:
    """Change the tables that follow from an entry."""
    if entry.what in ("add object", "remove object"):
        removed = undone if entry.what == "add object" else not undone
        _mark(connection, [(removed, entry.object_id)])
    elif entry.what == "change object":
        write_object(connection, entry.object_id, values)
    elif entry.what == "import":
        _mark(connection, [(undone, object_id) for object_id in entry.data["objects"]])
    elif entry.what == "withdraw":
        connection.execute("UPDATE log SET undone = ? WHERE id = ?", (not undone, entry.target))
    elif entry.what in ("merge", "split", "swap", "clear"):
        follow_move(connection, entry.id, entry.data, undone)
    elif entry.what == "review":
        for row in values:
            write_review(connection, row)


def follow_move(
    connection: sqlite3.Connection, entry_id: int, data: Mapping[str, Any], undone: bool
) -> None:
    """Move the model's masks away, or bring them back; add and remove objects.

    ``data`` is of an entry ``merge``, ``split``, ``swap`` or ``clear``: ``cleared`` has rows of an
    object's id, the first frame, and the frame after the last.
    """
    columns = "object_id, frame, counts, score, presence, made, provenance_id"
    if undone:  # what was tracked since is newer
        connection.execute(
            f"INSERT OR IGNORE INTO propagated ({columns}) SELECT {columns} FROM shelved "
            "WHERE entry_id = ?",
            (entry_id,),
        )
        connection.execute("DELETE FROM shelved WHERE entry_id = ?", (entry_id,))
    else:
        for place in data["cleared"]:
            where = "WHERE object_id = ? AND frame >= ? AND frame < ?"
            connection.execute(
                f"INSERT INTO shelved (entry_id, {columns}) SELECT ?, {columns} FROM propagated "
                f"{where}",
                (entry_id, *place),
            )
            connection.execute(f"DELETE FROM propagated {where}", place)
    connection.execute(
        "UPDATE log SET undone = ? WHERE target = ? AND what = 'unprompt'", (undone, entry_id)
    )
    marks = [(undone, object_id) for object_id in data["added"]]
    _mark(connection, marks + [(not undone, object_id) for object_id in data["removed"]])


def _mark(connection: sqlite3.Connection, marks: Iterable[tuple[bool, int | None]]) -> None:
    """Set whether objects are removed."""
    connection.executemany("UPDATE objects SET removed = ? WHERE id = ?", marks)


def write_object(
    connection: sqlite3.Connection, object_id: int | None, values: Mapping[str, Any]
) -> None:
    """Set what can be changed of an object."""
    told = [values[key] for key in ("class_id", "name", "colour")]
    connection.execute(
        "UPDATE objects SET class_id = ?, name = ?, colour = ?, attributes = ? WHERE id = ?",
        (*told, _json(values["attributes"]), object_id),
    )


def write_review(connection: sqlite3.Connection, row: Mapping[str, Any]) -> None:
    """Set the state of one place."""
    place = tuple(row[key] for key in ("video_id", "object_id", "frame"))
    connection.execute(
        "DELETE FROM reviews WHERE video_id = ? AND object_id IS ? AND frame IS ?", place
    )
    if row["state"] != "new" or row["locked"] or row["comment"]:
        connection.execute(
            "INSERT INTO reviews VALUES (?, ?, ?, ?, ?, ?)",
            (*place, row["state"], row["comment"], row["locked"]),
        )


def _about(video_id: int | None) -> tuple[str, tuple[int, ...]]:
    """What is about a video, or about all that were not taken out of the project."""
    if video_id is not None:
        return " AND video_id = ?", (video_id,)
    return " AND (video_id IS NULL OR video_id NOT IN (SELECT id FROM videos WHERE removed))", ()


def _json(data: Mapping[str, Any]) -> str:
    return json.dumps(data, separators=(",", ":"))


def _entry(row: sqlite3.Row) -> Entry:
    values = dict(row)
    return Entry(**values | {"data": json.loads(row["data"]), "undone": bool(row["undone"])})


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # no name for this user
        return "unknown"
