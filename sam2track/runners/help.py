"""Makes help texts from configuration files: the comment beside an option is its help."""

from __future__ import annotations

import re
import shutil
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path

from . import CONFIGS

OPTION = re.compile(r"^(\w+): (.+?)  # (.+)$")
PARENT = re.compile(r"^\w+:(  #.*)?$")  # its settings are indented below
FIRST_COLUMN = 26
REQUIRED = " (required)"
WHOLE = "# @package _global_\n"
GENERAL = {
    "-m": "run once for each combination of values with commas, such as a=1,2",
    "hydra/launcher=NAME": "with -m, where the runs go: joblib, ray, submitit_slurm, ...",
    "--config FILE": "take settings from a YAML file, such as a run.yaml",
    "--config-dir FOLDER": "groups of your own: FOLDER/memory/mine.yaml is memory=mine",
    "--cfg job": "print the settings and stop; --info: where they come from",
    "--help": "this text; beside group=NAME also the settings of that choice",
}


def describe(verb: str, words: Sequence[str] = ()) -> str:
    """The help text of a verb: its configuration file, for reading.

    Args:
        verb: such as ``track``.
        words: what stands beside ``--help``: the choices that ``memory=tree`` or
            ``sinks=[png,mot]`` names are described with their settings, the others in a line.

    Returns:
        Lines as wide as the terminal, at most 100 characters.
    """
    width = min(shutil.get_terminal_size().columns, 100)
    text = (CONFIGS / f"{verb}.yaml").read_text(encoding="utf-8")
    header, _, body = text.partition("\n\n")
    lines = [line.removeprefix("#").removeprefix(" ") for line in header.splitlines()]
    lines += ["", f"Usage: sam2track {verb} key=value ..."]
    for key, value, meaning in read_options(body):
        if not key:
            lines += ["", f"{meaning}:"]
            continue
        lines += _row(*_setting(key, "" if value == "null" else value, meaning), width)
    for group, default in re.findall(r"^  - (\w+): (.+)$", body, re.MULTILINE):
        choices = sorted((CONFIGS / group).glob("*.yaml"))
        named = {name for word in words for name in _named_choices(group, word)}
        named &= {path.stem for path in choices}
        lines += ["", f"{group}={default.replace(' ', '')}, of:"]
        for path in choices:
            title, settings = _read_choice(group, path)
            lines += _row(path.stem, title, width)
            for name, meaning in settings:
                if path.stem in named or meaning.endswith(REQUIRED):
                    lines += _row(name, meaning, width)
        if not named:
            lines.append(f"  (sam2track {verb} {group}=NAME --help lists its settings, if any)")
    lines += ["", "General:"]
    for name, meaning in GENERAL.items():
        lines += _row(name, meaning, width)
    return "\n".join(lines)


def read_options(text: str) -> Iterator[tuple[str, str, str]]:
    """Each option's key, default and help; for a heading, no key and its text as help."""
    parent = ""
    for line in text.splitlines():
        if not line.startswith(" "):
            parent = f"{line.partition(':')[0]}." if PARENT.match(line) else ""
        if line.startswith("# "):
            yield "", "", line.removeprefix("# ")
        elif option := OPTION.match(line.strip()):
            key, value, meaning = option.groups()
            yield parent + key, value, meaning


def _named_choices(group: str, word: str) -> list[str]:
    """The choices of a group that a word of the command line names."""
    key, _, value = word.lstrip("+").partition("=")
    return re.findall(r"\w+", value) if key == group else []


def _setting(key: str, value: str, meaning: str) -> tuple[str, str]:
    """What stands on the left and on the right in the row of a setting."""
    return (f"{key}=", meaning + REQUIRED) if value == "???" else (f"{key}={value}", meaning)


def _read_choice(group: str, path: Path) -> tuple[str, list[tuple[str, str]]]:
    """What a choice of a group is, and its settings: ``  key=default`` and the help of each."""
    text = path.read_text(encoding="utf-8")
    prefix = "" if text.startswith(WHOLE) else f"{group}."  # WHOLE: settings without the group
    title, _, rest = text.removeprefix(WHOLE).partition("\n")
    options = (option for option in read_options(rest) if option[0])
    found = [_setting(f"  {prefix}{key}", value, meaning) for key, value, meaning in options]
    return title.removeprefix("# "), found


def _row(name: str, meaning: str, width: int) -> list[str]:
    """A name and what it means, the meaning in a column of its own."""
    margin = " " * (FIRST_COLUMN + 2)
    filled = textwrap.wrap(meaning, max(width - FIRST_COLUMN - 2, 20))
    first = f"  {name}"
    if len(first) > FIRST_COLUMN:
        return [first, *(margin + line for line in filled)]
    return [first.ljust(len(margin)) + filled[0], *(margin + line for line in filled[1:])]
