"""Configuration files in, help text out: the comment beside an option is its help."""

from __future__ import annotations

import re
import shutil
import textwrap
from pathlib import Path

from .compose import CONFIGS, groups

OPTION = re.compile(r"^(\w+): (.+?)  # (.+)$")
PARENT = re.compile(r"^\w+:(  #.*)?$")  # its settings are indented below
FIRST_COLUMN = 26
WHOLE = "# @package _global_\n"


def describe(verb: str) -> str:
    """The help text of a verb: its configuration file, for reading."""
    width = min(shutil.get_terminal_size().columns, 100)
    text = (CONFIGS / f"{verb}.yaml").read_text(encoding="utf-8")
    header, _, body = text.partition("\n\n")
    lines = [line.removeprefix("#").removeprefix(" ") for line in header.splitlines()]
    lines += ["", f"Usage: sam2track {verb} key=value ..."]
    parent = ""
    for line in body.splitlines():
        if not line.startswith(" "):
            parent = f"{line.partition(':')[0]}." if PARENT.match(line) else ""
        if line.startswith("# "):
            lines += ["", line.removeprefix("# ") + ":"]
        elif option := OPTION.match(line.strip()):
            key, value, meaning = option.groups()
            key = parent + key
            required = " (required)" if value == "???" else ""
            default = "" if value in ("null", "???") else value
            lines += _row(f"{key}={default}", meaning + required, width)
    for group, choices in groups().items():
        default = re.search(rf"^  - {group}: (.+)$", body, re.MULTILINE)
        if default is not None:
            lines += _describe_group(group, default[1].replace(" ", ""), choices, width)
    lines += [
        "",
        "General:",
        *_row("-m", "run once for each combination of values with commas, such as a=1,2", width),
        *_row("--config FILE", "take settings from a YAML file, such as a run.yaml", width),
        *_row("--help", "this text", width),
    ]
    return "\n".join(lines)


def _describe_group(group: str, default: str, choices: list[str], width: int) -> list[str]:
    """A group's choices, each with what can be set in it."""
    lines = ["", f"{group}={default}, of:"]
    for choice in choices:
        text = Path(CONFIGS / group / f"{choice}.yaml").read_text(encoding="utf-8")
        whole = text.startswith(WHOLE)  # its settings are those of the whole configuration
        title, *rest = text.removeprefix(WHOLE).splitlines()
        lines += _row(choice, title.removeprefix("# "), width)
        prefix = "" if whole else f"{group}.{choice}." if group == "sinks" else f"{group}."
        parent = ""
        for line in rest:
            if not line.startswith(" "):
                parent = f"{line.partition(':')[0]}." if PARENT.match(line) else ""
            if option := OPTION.match(line.strip()):
                key, value, meaning = option.groups()
                lines += _row(f"  {prefix}{parent}{key}={value}", meaning, width)
    return lines


def _row(name: str, meaning: str, width: int) -> list[str]:
    """A name and what it means, the meaning in a column of its own."""
    filled = textwrap.wrap(meaning, max(width - FIRST_COLUMN - 2, 20))
    first = f"  {name}"
    if len(first) >= FIRST_COLUMN + 1:
        return [first, *(" " * (FIRST_COLUMN + 2) + line for line in filled)]
    return [first.ljust(FIRST_COLUMN + 2) + filled[0]] + [
        " " * (FIRST_COLUMN + 2) + line for line in filled[1:]
    ]
