"""Settings of a command line in Hydra's grammar, and composed settings as plain values.

Paths are taken literally. An unknown argument is an error of one line with the nearest option.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Any, cast

from hydra.core.override_parser.types import Quote, QuotedString
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from .loader import LISTS, SettingError, keys_of

RUNS = "compare"  # a list of folders, with or without brackets: a sweep names some `memory=fifo`
# Their values are used literally: a file may be named `it's 50% (1) = done.mp4`.
PATHS = (
    *("video", "videos", "image", "mask", "prompts", "project", "path", "out"),
    *("trunk", "checkpoint", "image_checkpoint", "dataset.root", "data.root"),
)


def plain(config: DictConfig) -> dict[str, Any]:
    """The same as dictionaries and lists, with ``${...}`` replaced by values."""
    return cast(dict[str, Any], OmegaConf.to_container(config, resolve=True))


def require(config: DictConfig, key: str, advice: str) -> None:
    """Raise ValueError unless a setting has a value; ``advice`` says what to give."""
    if OmegaConf.is_missing(config, key) or config[key] is None:
        raise ValueError(f"{key}= is missing: {advice}")


def flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings as one level: ``{"prompts.mask": 0.5, ...}``; lists stay."""
    result: dict[str, Any] = {}
    for key, value in settings.items():
        name = f"{prefix}{key}"
        result.update(flat(value, name + ".") if isinstance(value, Mapping) else {name: value})
    return result


def instantiated(name: str, entry: Mapping[str, Any], **arguments: Any) -> Any:
    """The object that a ``_target_`` makes; its errors keep their message."""
    try:
        return instantiate(entry, **arguments, _convert_="all")
    except InstantiationException as error:
        cause = error.__cause__
        while isinstance(cause, InstantiationException):
            cause = cause.__cause__
        if isinstance(cause, (ValueError, OSError)):
            raise cause from None
        raise ValueError(f"{name}: {' '.join(str(cause or error).split())}") from None


def literal(text: str) -> str:
    """Text in which OmegaConf does not replace ``${...}``."""
    return re.sub(r"(\\*)\$\{", lambda found: found[1] * 2 + r"\${", text)


def hydra_setting(verb: str, arguments: Sequence[str], place: int) -> str:
    """The argument at ``place`` in Hydra's grammar: paths are quoted.

    Raises:
        SettingError: if it is not ``key=value``; the message suggests a correction.
    """
    argument = arguments[place]
    key, equals, value = argument.partition("=")
    if key.startswith("-") or not (equals or key.startswith("~")):
        raise SettingError(f"{argument!r} is not key=value; {_hint(verb, arguments, place)}")
    if key == RUNS and value != "null" and not set("'\"") & set(value):
        folders = value.removeprefix("[").removesuffix("]").split(",")
        return f"{key}=[{','.join(quoted(key, own.strip()) for own in folders if own.strip())}]"
    return f"{key}={quoted(key, value)}" if key in PATHS else argument


def refuse_repeated(verb: str, arguments: Sequence[str]) -> None:
    """Raise SettingError if a prompt is given twice, as if both counted; the last one would.

    Other keys may be: the last one counts, so that a script may override its own settings.
    """
    for key in ("click", "box", "mask"):
        values = [own.partition("=")[2] for own in arguments if own.startswith(f"{key}=")]
        if len(values) < 2:
            continue
        hints = []
        if key == "click" and all(value.startswith("[") for value in values):
            clicks = [value[1:-1] if value.startswith("[[") else value for value in values]
            hints.append(f"several clicks of one object: click=[{','.join(clicks)}]")
        if "prompts" in keys_of(verb):
            hints.append("several objects: prompts=FILE")
        often = "twice" if len(values) == 2 else f"{len(values)} times"
        raise SettingError(f"{key}= is given {often}; {'; '.join(hints) or 'give it once'}")


def quoted(key: str, path: str) -> str:
    """A path as a value in Hydra's grammar."""
    if path in ("null", ""):
        return "null"
    if path.startswith("~") and os.path.expanduser(path) == path:
        if not os.path.exists(path):
            user = path.split("/")[0]
            raise SettingError(f"{key}={path}: no user {user[1:]!r}; write ./{path} for a file")
        path = f"./{path}"
    return QuotedString(text=literal(path), quote=Quote.single).with_quotes()


def _hint(verb: str, arguments: Sequence[str], place: int) -> str:
    """A suggestion for an argument that is not ``key=value``."""
    argument = arguments[place]
    key, equals, value = argument.partition("=")
    name = key.lstrip("-").replace("-", "_")
    before = arguments[place - 1] if place else ""
    if name in keys_of(verb):
        values = [value] if equals else []
        values += takewhile(lambda word: "=" not in word, arguments[place + 1 :])
        value = values[0] if values else ""
        if name in LISTS:
            value = _number_list(values) or value
        return f"did you mean {name}={value or '...'}?"
    start, _, first = before.partition("=")
    if start in LISTS and (numbers := _number_list([first, *arguments[place:]])):
        return f"did you mean {start}={numbers}?"
    if before.count("[") > before.count("]"):
        return f"write the list without spaces: {before}{argument}"
    if argument.startswith("-"):
        return f"settings are key=value, without dashes; sam2track {verb} --help lists them"
    for source in ("video", "image"):
        if source in keys_of(verb):
            return f"did you mean {source}={argument}?"
    return f"sam2track {verb} --help lists what can be set"


def _number_list(words: Sequence[str]) -> str:
    """The numbers with which some words begin, as a list; empty if there are none."""
    parts = [part for word in words for part in word.split(",")]
    numbers = list(takewhile(lambda part: re.fullmatch(r"-?[0-9.]+", part), parts))
    return f"[{','.join(numbers)}]" if numbers else ""
