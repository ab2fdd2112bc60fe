"""Hydra's loader of configurations, which also checks values and knows an earlier run's settings.

Whatever Hydra composes comes through here: a run, the jobs of a sweep, ``--cfg``, completion.
"""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path
from typing import Any, cast

from hydra import version
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.utils import create_config_search_path
from hydra.core.config_search_path import SearchPathQuery
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import ConfigCompositionException, HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from . import CONFIGS
from .values import checked, nearest

LISTS = ("click", "box", "labels")  # settings whose values are lists of numbers
EXTRAS = {"joblib": "joblib", "ray": "ray", "submitit_slurm": "slurm", "submitit_local": "slurm"}


class SettingError(ConfigCompositionException, ValueError):
    """A setting that cannot be used; Hydra's tab completion knows it as an unfinished command."""


class Loader(ConfigLoaderImpl):
    """Composes the configuration of a verb.

    Args:
        verb: names ``configs/<verb>.yaml``.
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
            if str(folder) not in sys.path:  # there `_target_: my_policy.Mine` is looked for too
                sys.path.append(str(folder))
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
                key, value = one.key_or_group, str(one.input_line).partition("=")[2]
                how = "-m runs each of them"
                if key in LISTS:
                    how = f"put them in brackets: {key}=[{value}]"
                raise SettingError(f"{one.input_line} gives several values; {how}")
            is_group = self.repository.group_exists(one.key_or_group)
            changes = one.is_add() or one.is_force_add() or one.is_delete()
            if is_group or changes or one.is_hydra_override():
                self._check(one, is_group)
                chosen |= {one.key_or_group} if is_group else set()
                rest.append(str(one.input_line))
            else:
                single.append(one)
        try:
            config = super().load_configuration(config_name, rest, run_mode, from_shell)
        except (HydraException, YAMLError) as error:
            raise SettingError(" ".join(str(error).split())) from error
        for key, value in self.earlier.items():
            _require(key, config, f"option of {self.config_file}:")
            if not isinstance(value, dict):
                self._set(config, key, f"{key} in {self.config_file}", value)
            elif key not in chosen:  # a group in the file replaces the one by default
                config[key] = value
        for one in single:
            if not one.is_sweep_override():  # its values are checked job by job
                self._set(config, one.key_or_group, str(one.input_line), one.value())
        config.hydra.overrides.task += [str(one.input_line) for one in single]
        OmegaConf.set_readonly(config, True)
        return config

    def _check(self, one: Override, is_group: bool) -> None:
        """Refuse a group's choice that there is not, and to add or delete an option of a verb."""
        name, _, within = one.key_or_group.partition(".")
        if not one.is_hydra_override() and (
            name not in keys_of(self.verb) or not (is_group or within)
        ):
            written = str(one.input_line).partition("=")[0]
            raise SettingError(f"no option {written!r}{nearest(name, keys_of(self.verb))}")
        value = one.value()
        if not is_group or one.is_sweep_override() or one.is_delete() or value is None:
            return
        options = self.repository.get_group_options(name)
        if isinstance(value, list) and name != "sinks":
            raise SettingError(f"{one.input_line}: choose one of {', '.join(options)}")
        for choice in map(str, value if isinstance(value, list) else [value]):
            if choice not in options:
                extra = EXTRAS.get(choice) if name == "hydra/launcher" else None
                if name == "sinks" and (hint := _format_hint(choice, value)):
                    raise SettingError(f"{one.input_line}: no sink {choice!r}; {hint}")
                how = f"; pip install 'sam2track[{extra}]'" if extra else nearest(choice, options)
                raise SettingError(f"{one.input_line}: no {choice!r}{how}")

    def _set(self, config: DictConfig, key: str, text: str, value: Any) -> None:
        """Set one value; what is there says which type it has."""
        *path, last = key.split(".")
        parent: Any = config
        for depth, part in enumerate([*path, last]):
            where = ".".join(path[:depth])
            if not isinstance(parent, DictConfig):
                raise SettingError(f"{text}: {where} has no settings of its own")
            known = self.repository.get_group_options("sinks") if where == "sinks" else []
            if part in known and part not in parent:
                sinks = ",".join(map(str, [*parent, part]))
                hint = f"add it: sinks=[{sinks}]"
                raise SettingError(f"{text}: {part!r} is not among the sinks; {hint}")
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


def parse(text: str, loader: ConfigLoaderImpl | None = None) -> Override:
    """An override in Hydra's grammar; its ``glob(*)`` asks the loader what there is."""
    try:
        return OverridesParser.create(loader).parse_overrides([text])[0]
    except HydraException:
        key = text.partition("=")[0]
        hint = "put quotes around a value with special characters"
        if key in LISTS:
            hint = f"write a list without spaces, such as {key}=[10,20]"
        raise SettingError(f"{text} cannot be read; {hint}") from None


def _format_hint(choice: str, value: Any) -> str:
    """How to write an exchange format that was given as a sink; empty if there is no such format.

    ``value`` is what ``sinks=`` was given.
    """
    from ..annotate.exchange import FORMATS

    if choice not in FORMATS or FORMATS[choice].needs_video:
        return ""
    sinks = [one for one in (value if isinstance(value, list) else [value]) if one != choice]
    sinks = ",".join(map(str, [*sinks, "exchange"]))
    return f"it is an exchange format: sinks=[{sinks}] sinks.exchange.format={choice}"


@cache
def keys_of(verb: str) -> list[str]:
    """The names of a verb's options and groups."""
    config = cast(DictConfig, OmegaConf.load(CONFIGS / f"{verb}.yaml"))
    groups = [entry for entry in config.pop("defaults") if entry != "_self_"]
    return [str(key) for names in (config, *groups) for key in names]


def _require(key: str, config: DictConfig, what: str) -> None:
    """Refuse a key that is not there, with the nearest that is."""
    keys = [str(name) for name in config if name != "hydra"]  # `in` leaves out what is missing
    if key not in keys:
        raise SettingError(f"no {what} {key!r}{nearest(key, keys)}")


def _read(path: str) -> dict[str, Any]:
    """The settings in a YAML file, as they are written there."""
    try:
        loaded = OmegaConf.load(path)
    except OSError as error:
        raise SettingError(f"--config {path} cannot be read: {error.strerror}") from None
    except Exception as error:  # a YAML parser's own kinds
        raise SettingError(f"{path} is not YAML: {str(error).splitlines()[0]}") from None
    if not isinstance(loaded, DictConfig):
        raise SettingError(f"{path} holds no settings (key: value)")
    return cast(dict[str, Any], OmegaConf.to_container(loaded, resolve=False))
