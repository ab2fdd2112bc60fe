"""Follows a page of the documentation as a reader does: its blocks are run in their order.

| block | what happens |
|---|---|
| ``sh`` | each line runs: ``sam2track``, ``python FILE``; ``pip install`` must name an extra |
| ``python`` | runs; the names of earlier blocks of the page are there |
| any kind with ``title="FILE"``, but ``text`` | is written to that file |
| ``text`` | each line must be among what the block before printed |
| ``text`` with ``title="FOLDER"`` | the first word of each line must be a file or folder in it |
"""

from __future__ import annotations

import contextlib
import io
import re
import runpy
import shlex
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sam2track.cli import main

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r'^```(\w*)(?: title="([^"]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)
# What stands for a command that cannot run in a test: a function of its arguments.
Instead = Mapping[str, Callable[[Sequence[str]], None]]


@dataclass(frozen=True, slots=True)
class Block:
    """A block of code, or of what it prints; ``title`` names a file or a folder."""

    language: str
    title: str
    text: str

    def commands(self) -> list[str]:
        """The lines of a shell, those that end in a backslash joined, without comments."""
        joined = self.text.replace("\\\n", " ")
        lines = [line.split("  #")[0].strip() for line in joined.splitlines()]
        return [line for line in lines if line and not line.startswith("#")]


def blocks(page: Path) -> list[Block]:
    """All blocks of a page."""
    return [Block(*found) for found in BLOCK.findall(page.read_text(encoding="utf-8"))]


def follow(page: Path, instead: Instead | None = None) -> tuple[dict[str, Any], str]:
    """Run a page in the current folder.

    Returns:
        What its Python blocks named, and all that was printed.

    Raises:
        AssertionError: if the page is wrong; the message quotes it. Warnings of the package are
            errors too.
    """
    warnings.filterwarnings("error", module="sam2track")  # pytest takes this back after the test
    names: dict[str, Any] = {"__name__": "page"}
    said, printed = "", ""
    for block in blocks(page):
        if block.language == "text" and block.title:
            for line in block.text.splitlines():
                assert Path(block.title, line.split()[0]).exists(), f"{block.title}: {line}"
        elif block.language == "text":
            for line in block.text.splitlines():
                assert line in said.splitlines(), f"{line!r} was not printed: {said}"
        elif block.title:
            Path(block.title).parent.mkdir(parents=True, exist_ok=True)
            Path(block.title).write_text(block.text, encoding="utf-8")
        elif block.language in ("python", "sh"):
            with contextlib.redirect_stdout(io.StringIO()) as out:
                if block.language == "python":
                    exec(compile(block.text, page.name, "exec"), names)
                for command in block.commands() if block.language == "sh" else ():
                    run(command, instead or {})
            said = out.getvalue()
            printed += said
        else:
            assert block.language in ("", "pycon"), f"a block that nobody tests: {block.text}"
    return names, printed


def run(command: str, instead: Instead) -> None:
    """Run one line of a shell in this process."""
    words = [word for word in shlex.split(command) if word != "PYTHONPATH=."]
    for beginning, stands_in in instead.items():
        if command.startswith(beginning):
            return stands_in(words)
    if words[0] == "sam2track":
        assert main(words[1:]) == 0, command
    elif words[0] == "python":
        earlier, sys.argv = sys.argv, words[1:]
        try:
            runpy.run_path(words[1], run_name="__main__")
        finally:
            sys.argv = earlier
    else:
        raise AssertionError(f"a command that nobody tests: {command}")
