"""Command line in, configuration out.

Hydra composes ``configs/<verb>.yaml`` with the groups that were chosen. What is added here: values
of paths are taken literally, values are checked (``values.py``), an earlier run's settings can be
laid over the defaults, and what cannot be understood is one line that names the nearest option.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from hydra import version
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.utils import create_config_search_path
from hydra.core.config_search_path import SearchPathQuery
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, Quote, QuotedString
from hydra.errors import ConfigCompositionException, HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, flag_override
from omegaconf.errors import OmegaConfBaseException

from . import CONFIGS
from .values import checked, nearest

# Their values are taken as they are: a file may be named `it's 50% (1) = done.mp4`.
PATHS = ("video", "mask", "prompts", "out", "checkpoint", "trunk", "dataset.root", "data.root")
EXTRAS = {"joblib": "joblib", "ray": "ray", "submitit_slurm": "slurm", "submitit_local": "slurm"}


class SettingError(ConfigCompositionException, ValueError):
    """A setting that cannot be used; Hydra's tab completion knows it as an unfinished command."""


def compose_config(
    verb: str, arguments: Sequence[str], config_file: str | None = None
) -> DictConfig:
    """The whole configuration of a command, without Hydra's own part.

    Later settings win: the verb's defaults, the groups chosen in ``arguments``, the file, then the
    single values in ``arguments``.

    Args:
        verb: names ``configs/<verb>.yaml``.
        arguments: ``key=value``, in Hydra's grammar but for paths, which are taken literally.
        config_file: a YAML file with settings, such as the ``run.yaml`` of an earlier run.

    Raises:
        ValueError: if an argument cannot be understood; the message says what would be.
    """
    loader = Loader(verb, config_file=config_file)
    overrides = [hydra_setting(verb, arguments, place) for place in range(len(arguments))]
    config = loader.load_configuration(verb, overrides, RunMode.RUN)
    with flag_override(config, ["struct", "readonly"], [False, False]):
        del config["hydra"]
    return config


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
    return re.sub(r"(\\*)\$\{", lambda found: found[1] * 2 + r"\${", text)


def hydra_setting(verb: str, arguments: Sequence[str], place: int) -> str:
    """The argument at ``place`` in Hydra's grammar: paths are quoted.

    Raises:
        SettingError: if it is not ``key=value``; the message says what was probably meant.
    """
    argument = arguments[place]
    key, equals, value = argument.partition("=")
    if key.startswith("-") or not (equals or key.startswith("~")):
        raise SettingError(f"{argument!r} is not key=value; {_hint(verb, arguments, place)}")
    return f"{key}={quoted(key, value)}" if key in PATHS else argument


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


class Loader(ConfigLoaderImpl):
    """Hydra's, which checks values and knows a file with settings.

    Args:
        verb: whose settings these are.
        config_dir: a folder with groups of the user's own.
        config_file: a YAML file whose settings come between chosen groups and single values.
    """

    def __init__(
        self, verb: str, *, config_dir: str | None = None, config_file: str | None = None
    ) -> None:
        version.setbase("1.3")
        search_path = create_config_search_path(str(CONFIGS))
        if config_dir is not None:
            folder = Path(config_dir).absolute()
            if not folder.is_dir():
                raise SettingError(f"--config-dir {config_dir}: no such folder")
            before = SearchPathQuery(provider="schema")
            search_path.prepend("command-line", f"file://{folder}", anchor=before)
        super().__init__(search_path)
        self.verb = verb
        self.config_file = config_file
        self.earlier = {} if config_file is None else _read(config_file)

    def load_configuration(
        self,
        config_name: str | None,
        overrides: list[str],
        run_mode: RunMode,
        from_shell: bool = True,
        validate_sweep_overrides: bool = True,
    ) -> DictConfig:
        """The composed configuration; see :class:`ConfigLoaderImpl`.

        Raises:
            SettingError: if a setting cannot be understood or has a value that it may not have.
        """
        single, rest, chosen = [], [], set()
        for one in map(parse, overrides):
            if run_mode == RunMode.RUN and one.is_sweep_override():
                raise SettingError(f"{one.input_line} gives several values; -m runs each of them")
            if self.repository.group_exists(one.key_or_group):
                self._check_choice(one)
                chosen.add(one.key_or_group)
                rest.append(one)
            elif _is_single(one):
                single.append(one)
            else:
                self._check_addition(one)
                rest.append(one)
        lines = [str(one.input_line) for one in rest]
        try:
            config = super().load_configuration(config_name, lines, run_mode, from_shell)
        except HydraException as error:
            raise SettingError(" ".join(str(error).split())) from error
        if config_name is None:  # Hydra's own part alone
            return config
        self._lay_file(config, chosen)
        for one in single:
            if not one.is_sweep_override():  # its values are checked job by job
                self._set(config, one.key_or_group, str(one.input_line), one.value())
        config.hydra.overrides.task += [str(one.input_line) for one in single]
        OmegaConf.set_readonly(config, True)
        return config

    def _check_choice(self, choice: Override) -> None:
        """Refuse a name that a group does not have."""
        group, value = choice.key_or_group, choice.value()
        if choice.is_sweep_override() or choice.is_delete() or value is None:
            return
        names = value if isinstance(value, list) else [value]
        options = self.repository.get_group_options(group)
        if isinstance(value, list) and group != "sinks":
            raise SettingError(f"{choice.input_line}: choose one of {', '.join(options)}")
        for name in map(str, names):
            if name not in options:
                extra = EXTRAS.get(name) if group == "hydra/launcher" else None
                how = f"; pip install 'sam2track[{extra}]'" if extra else nearest(name, options)
                raise SettingError(f"{choice.input_line}: no {name!r}{how}")

    def _check_addition(self, addition: Override) -> None:
        """Refuse to add or delete an option of the verb itself; within groups it is allowed."""
        name, _, within = addition.key_or_group.partition(".")
        keys = _keys(self.verb)
        if not addition.is_hydra_override() and not (within and name in keys):
            written = str(addition.input_line).partition("=")[0]
            raise SettingError(f"no option {written!r}{nearest(name, keys)}")

    def _lay_file(self, config: DictConfig, chosen: set[str]) -> None:
        """Lay the file's settings over ``config``; a group in it replaces a group by default."""
        for key, value in self.earlier.items():
            _require(key, config, f"option of {self.config_file}:")
            if not isinstance(value, dict):
                self._set(config, key, f"{key} in {self.config_file}", value)
            elif key not in chosen:
                config[key] = value

    def _set(self, config: DictConfig, key: str, text: str, value: Any) -> None:
        """Set one value; what is there says which type it has."""
        *path, last = key.split(".")
        parent: Any = config
        for depth, part in enumerate([*path, last]):
            where = ".".join(path[:depth])
            if not isinstance(parent, DictConfig):
                raise SettingError(f"{text}: {where} has no settings of its own")
            _require(part, parent, f"setting of {where}:" if where else "option")
            if depth < len(path):
                parent = parent[part]
        unknown = OmegaConf.is_missing(parent, last) or OmegaConf.is_interpolation(parent, last)
        old = None if unknown else parent[last]
        if isinstance(old, DictConfig) and not isinstance(value, dict):
            example = next(iter(old), "name")
            raise SettingError(f"{text}: give one of its settings, such as {key}.{example}=...")
        try:
            OmegaConf.update(config, key, checked(self.verb, key, value, old), merge=True)
        except ValueError as error:
            raise SettingError(str(error)) from None
        except OmegaConfBaseException as error:
            raise SettingError(f"{text}: {str(error).splitlines()[0]}") from None


def _is_single(override: Override) -> bool:
    """Whether an override sets one of our values, and adds or deletes nothing."""
    changes = override.is_add() or override.is_force_add() or override.is_delete()
    return not (changes or override.is_hydra_override() or override.package)


def parse(text: str, loader: ConfigLoaderImpl | None = None) -> Override:
    """An override in Hydra's grammar; its ``glob(*)`` asks the loader what there is."""
    try:
        return OverridesParser.create(loader).parse_overrides([text])[0]
    except HydraException:
        key = text.partition("=")[0]
        hint = "put quotes around a value with special characters"
        if key in ("click", "box", "labels"):
            hint = f"write a list without spaces, such as {key}=[10,20]"
        raise SettingError(f"{text} cannot be read; {hint}") from None


def _keys(verb: str) -> list[str]:
    """The names of a verb's options and groups."""
    config = OmegaConf.load(CONFIGS / f"{verb}.yaml")
    groups = [str(key) for entry in config.pop("defaults") for key in entry if entry != "_self_"]
    return [*map(str, config), *groups]


def _hint(verb: str, arguments: Sequence[str], place: int) -> str:
    """What was probably meant by an argument that is not ``key=value``."""
    argument = arguments[place]
    key, equals, value = argument.partition("=")
    keys = _keys(verb)
    name = key.lstrip("-").replace("-", "_")
    before = arguments[place - 1] if place else ""
    if name in keys:
        if not equals and place + 1 < len(arguments) and "=" not in arguments[place + 1]:
            value = arguments[place + 1]
        return f"did you mean {name}={value or '...'}?"
    if before.count("[") > before.count("]"):
        return f"write the list without spaces: {before}{argument}"
    if argument.startswith("-"):
        return f"settings are key=value, without dashes; sam2track {verb} --help lists them"
    if "video" in keys:
        return f"did you mean video={argument}?"
    return f"sam2track {verb} --help lists what can be set"


def _require(key: str, config: DictConfig, what: str) -> None:
    """Refuse a key that is not there, with the nearest that is."""
    keys = [str(name) for name in config if name != "hydra"]  # `in` leaves out what is missing
    if key not in keys:
        raise SettingError(f"no {what} {key!r}{nearest(key, keys)}")


def _read(path: str) -> dict[str, Any]:
    """The settings in a YAML file, as they are written there."""
    try:
        loaded = OmegaConf.load(path)
    except FileNotFoundError:
        raise SettingError(f"no such configuration file: {path}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(f"{path} cannot be read: {error}") from None
    except Exception as error:  # a YAML parser's own kinds
        raise SettingError(f"{path} is not YAML: {str(error).splitlines()[0]}") from None
    if not isinstance(loaded, DictConfig):
        raise SettingError(f"{path} holds no settings (key: value)")
    return cast(dict[str, Any], OmegaConf.to_container(loaded, resolve=False))
