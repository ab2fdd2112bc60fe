"""Writes JSON files that are too long for memory."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

from typing_extensions import Self


class JsonLists:
    """A JSON object of lists, in the order of their names, after the small values of ``head``.

    The folder of its file is made. Items wait in nameless files until the end.
    """

    def __init__(
        self, path: Path, lists: Sequence[str], head: Mapping[str, Any] | None = None
    ) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path, self._head, self._stack = path, dict(head or {}), ExitStack()
        self._parts: dict[str, IO[bytes]] = {
            name: self._stack.enter_context(tempfile.TemporaryFile(dir=path.parent))  # noqa: SIM115
            for name in lists
        }

    def add(self, name: str, item: object) -> None:
        """Put an item at the end of a list."""
        part = self._parts[name]
        part.write(b",\n" if part.tell() else b"\n")
        part.write(to_json(item))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, failure: type[BaseException] | None, *_: object) -> None:
        with self._stack:
            if failure is None:
                self._finish()

    def _finish(self) -> None:
        with self._path.open("wb") as file:
            file.write(b"{")
            for name, value in self._head.items():
                file.write(to_json(name) + b": " + to_json(value) + b",\n")
            for place, (name, part) in enumerate(self._parts.items()):
                file.write((b",\n" if place else b"") + to_json(name) + b": [")
                part.seek(0)
                shutil.copyfileobj(part, file)
                file.write(b"]")
            file.write(b"}\n")


class JsonList:
    """A JSON file that is one list, written item by item."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")
        self._file.write(b"[")

    def add(self, item: object) -> None:
        """Put an item at the end."""
        self._file.write(b",\n" if self._file.tell() > 1 else b"\n")
        self._file.write(to_json(item))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._file:
            self._file.write(b"]\n")


def to_json(value: object) -> bytes:
    """A value as JSON on one line, in ASCII."""
    return json.dumps(value, allow_nan=False).encode("ascii")
