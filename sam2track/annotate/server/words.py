"""Entries of the log in words, for people."""

from __future__ import annotations

from ..database import Entry, Objects
from ..project import Project


def in_words(project: Project, entry: Entry) -> str:
    """An entry in a few words, such as ``point on object 2 (cell), frame 812``."""
    words = _what(entry)
    thing = _thing(project, entry.object_id)
    if thing:
        words += f" {'of' if entry.what in ('review', 'change object') else 'on'} {thing}"
    if entry.what in ("add object", "remove object", "merge", "split", "swap", "clear"):
        words = f"{_what(entry)} {thing}".strip()
    return words if entry.frame is None else f"{words}, frame {entry.frame}"


def _what(entry: Entry) -> str:
    data = entry.data
    if entry.what == "prompt":
        given = data["prompt"]
        if "mask" in given:
            return "mask"
        if given.get("box") is not None:
            return "box" if not given["points"] else "box and points"
        count = len(given["points"])
        negative = not any(given["labels"])
        return ("negative " if negative else "") + ("point" if count == 1 else f"{count} points")
    if entry.what == "review":
        states = {row["state"] for row in data["after"]}
        count = len(data["after"])
        word = "review" if len(states) != 1 else states.pop()
        return f"{word} ({count} frames)" if count > 1 else f"state {word}"
    if entry.what == "clear":
        frames = f"frames {data['start']} to {data['stop'] - 1}"
        return f"{frames} without" if data.get("absent") else f"delete {frames} of"
    names = {
        "unprompt": "prompts taken back",
        "withdraw": "prompt taken back",
        "mask": "mask by hand",
        "import": "import",
        "change object": "change",
        "add object": "new",
        "remove object": "delete",
        "add video": "video added",
        "remove video": "video removed",
        "propagate": "tracking",
        "merge": "merge into",
        "split": "split",
        "swap": "swap",
    }
    return names.get(entry.what, entry.what)


def _thing(project: Project, object_id: int | None) -> str:
    """An object's number, and its name if it has one, also of one that was removed."""
    if object_id is None:
        return ""
    row = project.store.one("SELECT number, name, class_id FROM objects WHERE id = ?", object_id)
    if row is None:
        return ""
    name = row["name"] or Objects(project.log).find_class(row["class_id"]).name
    return f"object {row['number']}" + ("" if name == "object" else f" ({name})")
