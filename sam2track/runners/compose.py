"""Command line in, configuration out.

Hydra composes ``configs/<verb>.yaml`` with the groups that were chosen; what a user mistypes ends
in one line that names the nearest thing there is.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

PACKAGE = Path(__file__).parents[1]
# In an installed wheel they lie in the package, in a checkout beside it.
CONFIGS = next(p for p in (PACKAGE / "configs", PACKAGE.parent / "configs") if p.is_dir())

# Their values are taken as they are: a file may be named `it's 50% (1) = done.mp4`.
PATHS = ("video", "mask", "prompts", "out", "checkpoint", "trunk", "dataset.root", "data.root")

# null is one of their values, though not their default.
OPTIONAL = ("lag", "checkpoint", "decay")


def groups() -> dict[str, list[str]]:
    """The groups of choices and what each offers."""
    folders = sorted(path for path in CONFIGS.iterdir() if any(path.glob("*.yaml")))
    return {path.name: sorted(choice.stem for choice in path.glob("*.yaml")) for path in folders}


def compose_config(
    verb: str, arguments: Sequence[str], config_file: str | None = None
) -> DictConfig:
    """The whole configuration of a command.

    Later settings win: the verb's defaults, the groups chosen in ``arguments``, the file, then the
    single values in ``arguments``. (A sweep would expand the arguments before they come here.)

    Args:
        verb: names ``configs/<verb>.yaml``.
        arguments: ``key=value``, in Hydra's grammar but for paths, which are taken literally.
        config_file: a YAML file with settings, such as the ``run.yaml`` of an earlier run.

    Raises:
        ValueError: if an argument cannot be understood; the message says what would be.
    """
    settings = [_split(place, arguments, verb) for place in range(len(arguments))]
    known_groups = groups()
    chosen = {
        key: _choice(key, value, known_groups[key])
        for key, value in settings
        if key in known_groups
    }
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        config = compose(verb, overrides=[f"{key}={value}" for key, value in chosen.items()])
    OmegaConf.set_struct(config, True)
    if config_file is not None:
        _apply_file(config, config_file, keep=chosen)
    for key, value in settings:
        if key not in chosen:
            _apply(config, key, key + "=" + value, _parse(key, value))
    OmegaConf.set_readonly(config, True)
    return config


def check_sharpen(value: Any) -> None:
    """Refuse a ``sharpen=`` that is no switch; its default, null, does not tell that it is one.

    Raises:
        ValueError: the message has the value and what there is.
    """
    if value not in (None, True, False):
        raise ValueError(f"sharpen={value}: must be true, false or null (what suits the model)")


def plain(config: DictConfig) -> dict[str, Any]:
    """The same as dictionaries and lists, with what ``${...}`` names put in."""
    return cast(dict[str, Any], OmegaConf.to_container(config, resolve=True))


def flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings as one level: ``{"prompts.mask": 0.5, ...}``; lists stay."""
    result: dict[str, Any] = {}
    for key, value in settings.items():
        name = f"{prefix}{key}"
        result.update(flat(value, name + ".") if isinstance(value, Mapping) else {name: value})
    return result


def literal(text: str) -> str:
    """Text in which OmegaConf does not look up what ``${...}`` names."""
    return text.replace("${", r"\${")


def _split(place: int, arguments: Sequence[str], verb: str) -> tuple[str, str]:
    """An argument ``key=value`` in two."""
    argument = arguments[place]
    key, equals, value = argument.partition("=")
    if equals and not key.startswith("-"):
        return key, value
    keys = [str(name) for name in OmegaConf.load(CONFIGS / f"{verb}.yaml")]
    name = key.lstrip("-").replace("-", "_")
    if name in keys:
        if not equals and place + 1 < len(arguments) and "=" not in arguments[place + 1]:
            value = arguments[place + 1]
        hint = f"did you mean {name}={value or '...'}?"
    elif place and arguments[place - 1].count("[") > arguments[place - 1].count("]"):
        hint = f"write the list without spaces: {arguments[place - 1]}{argument}"
    elif argument.startswith("-"):
        hint = f"settings are key=value, without dashes; sam2track {verb} --help lists them"
    elif "video" in keys:
        hint = f"did you mean video={argument}?"
    else:
        hint = f"sam2track {verb} --help lists what can be set"
    raise ValueError(f"{argument!r} is not key=value; {hint}")


def _parse(key: str, value: str) -> Any:
    """A value in Hydra's grammar: numbers, true, false, null, [lists] and strings."""
    if key in PATHS:
        return None if value in ("null", "") else literal(value)
    try:
        override = OverridesParser.create().parse_override(f"{key}={value}")
    except HydraException:
        raise ValueError(f"{key}={value} cannot be read; {_form(key)}") from None
    if override.is_sweep_override():
        raise ValueError(f"{key}={value} gives several values; {_form(key)}")
    return override.value()


def _form(key: str) -> str:
    """How the value of an option is written."""
    if key in ("click", "box", "labels"):
        return f"write a list without spaces, such as {key}=[10,20]"
    return "put quotes around a value with special characters"


def _choice(group: str, value: str, choices: Sequence[str]) -> str:
    """A group's choice, checked: ``name`` or ``[name,name]``."""
    several = value.startswith("[") and value.endswith("]")
    names = [name.strip() for name in value.strip("[]").split(",") if name.strip()]
    if group != "sinks" and (several or len(names) != 1):
        raise ValueError(f"{group}={value}: choose one of {', '.join(choices)}")
    for name in names:
        if name not in choices:
            raise ValueError(f"{group}={value}: no {name!r}{_near(name, choices)}")
    return f"[{','.join(names)}]" if group == "sinks" else names[0]


def _require(key: str, config: DictConfig, what: str) -> None:
    """Refuse a key that is not there, with the nearest that is."""
    keys = [str(name) for name in config]  # `in` would leave out what is still missing
    if key not in keys:
        raise ValueError(f"no {what} {key!r}{_near(key, keys)}")


def _near(name: str, names: Iterable[str]) -> str:
    names = list(names)
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.6)
    if close:
        return f"; did you mean {' or '.join(close)}?"
    return f"; there are: {', '.join(names)}"


def _apply(config: DictConfig, key: str, text: str, value: Any) -> None:
    """Set one value, of the type that it had."""
    *path, last = key.split(".")
    parent: Any = config
    for depth, part in enumerate([*path, last]):
        where = ".".join(path[:depth])
        if not isinstance(parent, DictConfig):
            raise ValueError(f"{text}: {where} has no settings of its own")
        _require(part, parent, f"setting of {where}:" if where else "option")
        if depth < len(path):
            parent = parent[part]
    old = None if OmegaConf.is_missing(parent, last) else parent[last]
    if isinstance(old, DictConfig):
        raise ValueError(f"{text}: give one of its settings, such as {key}.{next(iter(old))}=...")
    try:
        nothing = value is None and last in OPTIONAL
        parent[last] = None if nothing else _like(old, value, text)
    except OmegaConfBaseException as error:
        raise ValueError(f"{text}: {str(error).splitlines()[0]}") from None


def _like(old: Any, new: Any, text: str) -> Any:
    """The new value, if it is of the old one's kind; what was null takes anything."""
    kinds = {bool: "true or false", int: "a whole number", float: "a number", str: "a name"}
    if type(old) not in kinds or (isinstance(old, float) and type(new) is int):
        return new
    if isinstance(old, str) and not isinstance(new, (list, dict, type(None))):
        return str(new)
    if type(new) is not type(old):
        raise ValueError(f"{text}: must be {kinds[type(old)]}")
    return new


def _apply_file(config: DictConfig, path: str, keep: Iterable[str]) -> None:
    """Lay a file's settings over ``config``; a group that is written out replaces the choice."""
    try:
        loaded = OmegaConf.load(path)
    except FileNotFoundError:
        raise ValueError(f"no such configuration file: {path}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from None
    except Exception as error:  # a YAML parser's own kinds
        raise ValueError(f"{path} is not YAML: {str(error).splitlines()[0]}") from None
    if not isinstance(loaded, DictConfig):
        raise ValueError(f"{path} holds no settings (key: value)")
    for key in (str(key) for key in loaded):
        _require(key, config, f"option of {path}:")
        if isinstance(loaded[key], DictConfig):
            if key not in keep:
                config[key] = loaded[key]
        else:
            _apply(config, key, f"{key} in {path}", loaded[key])
