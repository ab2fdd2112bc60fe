"""Several runs of one command: ``memory=fifo,motion model=nano,tiny -m``.

A value with commas (or Hydra's ``range(...)``, ``choice(...)``) stands for several. There is one
run for each combination, in ``out/<what it varies>/``, and the verb's runner may compare them at
the end (its function ``compare_runs``).
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from itertools import product
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from . import RunFailed
from .compose import PATHS, compose_config

FLAGS = ("-m", "--multirun")


def sweep(verb: str, arguments: Sequence[str], config_file: str | None = None) -> None:
    """Run a verb for every combination; a run that fails does not keep the others from running.

    Raises:
        ValueError: if the arguments vary nothing, or cannot be understood; nothing has run then.
        RunFailed: if runs failed; the message has what each said.
    """
    variants = expand([argument for argument in arguments if argument not in FLAGS])
    given = [argument for argument in arguments if argument.startswith("out=")]
    out = Path(given[-1].removeprefix("out=") if given else f"outputs/{verb}")
    folders = {name: out / name for name in variants}
    configs = {
        name: compose_config(verb, [*variant, f"out={folders[name]}"], config_file)
        for name, variant in variants.items()
    }
    runner = import_module(f"sam2track.runners.{verb}")
    failures = []
    for name, config in configs.items():
        print(f"--- {name}")
        try:
            runner.run(config)
        except RunFailed as failure:
            failures.append(f"{name}: {failure}")
    if hasattr(runner, "compare_runs"):
        runner.compare_runs(folders, out)
    if failures:
        raise RunFailed("; ".join(failures))


def expand(arguments: Sequence[str]) -> dict[str, list[str]]:
    """The arguments of every combination, by what it varies: ``memory=fifo,prompt=click``.

    Raises:
        ValueError: if a value cannot be read, or none stands for several.
    """
    choices = [_values(argument) for argument in arguments if not argument.startswith("out=")]
    if all(len(values) == 1 for values in choices):
        raise ValueError("-m: no value stands for several; write memory=fifo,motion")
    variants = {}
    for combination in product(*choices):
        varied = [one for one, all_ in zip(combination, choices, strict=True) if len(all_) > 1]
        variants[",".join(varied).replace("/", "_")] = list(combination)
    return variants


def _values(argument: str) -> list[str]:
    """``key=value`` for each value that an argument stands for."""
    key = argument.partition("=")[0]
    if key in PATHS or "=" not in argument:
        return [argument]
    try:
        override = OverridesParser.create().parse_override(argument)
    except HydraException:
        raise ValueError(f"{argument} cannot be read") from None
    if not override.is_sweep_override():
        return [argument]
    if not override.is_discrete_sweep():
        raise ValueError(f"{argument}: give the values themselves, such as {key}=1,2,3")
    return [f"{key}={value}" for value in override.sweep_string_iterator()]
