"""The classes and the objects of a project."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from ...types import whole_number
from ..tracks import Attribute, ObjectClass, colour_of, hex_of
from .log import Log, write_object
from .records import ProjectObject
from .store import ProjectError

Colour = tuple[int, int, int]


class Objects:
    """The tables of classes and objects."""

    def __init__(self, log: Log) -> None:
        self.log, self.store = log, log.store

    def classes(self) -> list[ObjectClass]:
        """All classes, in the order in which they were added."""
        return [_class(row) for row in self.store.rows("SELECT * FROM classes ORDER BY id")]

    def add_class(
        self, name: str, colour: Colour | None = None, attributes: Sequence[Attribute] = ()
    ) -> ObjectClass:
        """Add a class, or change one."""
        if not name.strip():
            raise ProjectError("a class has no name; give one")
        listed = json.dumps([asdict(attribute) for attribute in attributes])
        with self.store.writing() as connection:
            connection.execute(
                "INSERT INTO classes (name, colour, attributes) VALUES (?, ?, ?) "
                "ON CONFLICT (name) DO UPDATE SET colour = excluded.colour, "
                "attributes = excluded.attributes",
                (name, hex_of(colour), listed),
            )
            self.log.add("class", {"name": name, "colour": hex_of(colour)})
        return self.find_class(name)

    def find_class(self, name: str | int) -> ObjectClass:
        """A class by its name or id; ProjectError if there is none."""
        column = "id" if isinstance(name, int) else "name"
        row = self.store.one(f"SELECT * FROM classes WHERE {column} = ?", name)
        if row is None:
            known = ", ".join(own.name for own in self.classes())
            raise ProjectError(f"no class {name!r}; there are: {known or '-'}")
        return _class(row)

    def all(self, video_id: int | None) -> list[ProjectObject]:
        """The objects of a video, or all, without those that were removed."""
        where = "IN (SELECT id FROM videos WHERE NOT removed)" if video_id is None else "= ?"
        values = () if video_id is None else (video_id,)
        sql = f"SELECT * FROM objects WHERE NOT removed AND video_id {where} "
        sql += "ORDER BY video_id, number"
        return [_object(row) for row in self.store.rows(sql, *values)]

    def find(self, object_id: int) -> ProjectObject:
        """An object by its id; ProjectError if there is none, or it was removed."""
        row = self.store.one("SELECT * FROM objects WHERE id = ?", object_id)
        if row is None or row["removed"]:
            what = "was removed; undo brings it back" if row else "is not in this project"
            raise ProjectError(f"object {object_id} {what}")
        return _object(row)

    def add(
        self,
        video_id: int,
        class_name: str,
        number: int | None,
        *,
        name: str,
        attributes: Mapping[str, str],
        colour: Colour | None = None,
        logged: bool = True,
    ) -> ProjectObject:
        """Add an object; without ``logged`` it is part of an entry of the caller's."""
        with self.store.writing() as connection:
            sql = "SELECT ifnull(max(number), 0) + 1 FROM objects WHERE video_id = ?"
            (free,) = connection.execute(sql, (video_id,)).fetchone()
            chosen = free if number is None else number
            number = whole_number(chosen, "an object's number", least=1)
            class_id = self._class_id(class_name, attributes)
            told = name, hex_of(colour), json.dumps(dict(attributes))
            values = (video_id, number, class_id, *told)
            try:
                added = connection.execute(
                    "INSERT INTO objects (video_id, number, class_id, name, colour, attributes) "
                    "VALUES (?, ?, ?, ?, ?, ?)",
                    values,
                )
            except sqlite3.IntegrityError:
                raise ProjectError(
                    f"the video has an object {number} already, or had one; give another number"
                ) from None
            assert added.lastrowid is not None
            if logged:
                data = {"number": number, "class": class_name, "name": name}
                self.log.add("add object", data, video_id=video_id, object_id=added.lastrowid)
        return self.find(added.lastrowid)

    def change(
        self,
        object_id: int,
        class_name: str | None,
        name: str | None,
        colour: Colour | None,
        attributes: Mapping[str, str] | None,
    ) -> ProjectObject:
        """Change what is given."""
        old = self.find(object_id)
        given = dict(old.attributes if attributes is None else attributes)
        with self.store.writing() as connection:
            known = class_name or self.find_class(old.class_id).name
            after = {
                "class_id": self._class_id(known, given),
                "name": old.name if name is None else name,
                "colour": hex_of(colour or old.colour),
                "attributes": given,
            }
            before = {"class_id": old.class_id, "name": old.name, "colour": hex_of(old.colour)}
            before["attributes"] = dict(old.attributes)
            data = {"before": before, "after": after}
            self.log.add("change object", data, video_id=old.video_id, object_id=object_id)
            write_object(connection, object_id, after)
        return self.find(object_id)

    def remove(self, object_id: int) -> None:
        """Remove an object; its masks stay, for undo."""
        thing = self.find(object_id)
        with self.store.writing() as connection:
            self.log.add("remove object", {}, video_id=thing.video_id, object_id=object_id)
            connection.execute("UPDATE objects SET removed = 1 WHERE id = ?", (object_id,))

    def _class_id(self, name: str, attributes: Mapping[str, str]) -> int:
        """The id of a class, which is added if it is new and the object has no attributes."""
        row = self.store.one("SELECT * FROM classes WHERE name = ?", name)
        found = _class(row) if row else self.add_class(name)
        known = {attribute.name: attribute for attribute in found.attributes}
        for key, value in attributes.items():
            if key not in known:
                names = ", ".join(known) or "-"
                raise ProjectError(f"class {name!r} has no attribute {key!r}; there are: {names}")
            _check_value(name, known[key], value)
        return found.id


def _check_value(name: str, attribute: Attribute, value: str) -> None:
    """Refuse a value that is not of its attribute's type."""
    allowed = attribute.values if attribute.kind == "select" else ()
    if attribute.kind == "checkbox":
        allowed = ("true", "false")
    wrong = bool(allowed) and value not in allowed
    if attribute.kind == "number":
        try:
            float(value)
        except ValueError:
            wrong, allowed = True, ("a number",)
    if wrong:
        raise ProjectError(
            f"attribute {attribute.name!r} of class {name!r} is {value!r}; give "
            f"{' or '.join(allowed)}"
        )


def _class(row: sqlite3.Row) -> ObjectClass:
    listed: list[dict[str, Any]] = json.loads(row["attributes"])
    attributes = [
        Attribute(own["name"], own["kind"], tuple(own["values"]), own["default"]) for own in listed
    ]
    return ObjectClass(row["id"], row["name"], colour_of(row["colour"]), tuple(attributes))


def _object(row: sqlite3.Row) -> ProjectObject:
    return ProjectObject(
        **{key: row[key] for key in ("id", "video_id", "number", "class_id", "name")},
        colour=colour_of(row["colour"]),
        attributes=json.loads(row["attributes"]),
    )
