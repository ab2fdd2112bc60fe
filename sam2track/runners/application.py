"""A verb as a Hydra application: one run, a sweep with any launcher, ``--cfg``, ``--info``.

A command line goes in, an exit status comes out; the verb's runner does the work. Hydra stays in
the current folder and configures no logging. ``run.yaml`` holds the settings of a run; for a sweep
there is also Hydra's ``multirun.yaml``.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import NoReturn, cast

from hydra._internal.hydra import Hydra
from hydra._internal.utils import get_args_parser
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, read_write

from . import Outcome, debugging, outcome_of
from .compose import hydra_setting, literal, quoted, refuse_repeated
from .loader import Loader, SettingError
from .output import default_folder
from .sweep import job_labels, job_name, paths_of

# Unless the user sets them.
SETTINGS = {
    "hydra.run.dir": ".",
    "hydra.output_subdir": "null",
    "hydra.job.chdir": "false",
    "hydra.sweep.subdir": ".",
    "hydra/job_logging": "none",
    "hydra/hydra_logging": "none",
}
REFUSED = ("config_path", "config_name", "experimental_rerun", "hydra_help")


def launch(verb: str, arguments: Sequence[str]) -> int:
    """Execute a command.

    Args:
        verb: names the configuration and the runner.
        arguments: settings ``key=value`` and Hydra's options.

    Returns:
        The exit status; for a sweep the highest of its runs.

    Raises:
        ValueError: if the arguments are wrong; nothing was run.
    """
    options = _parse_options(verb, arguments)
    refuse_repeated(verb, options.overrides)
    overrides, listed = [], []
    for place, argument in enumerate(options.overrides):
        key, _, value = argument.partition("=")
        paths = paths_of(key, value, multirun=options.multirun)
        if paths is None:
            overrides.append(hydra_setting(verb, options.overrides, place))
        else:
            listed.append(f"{key}={','.join(quoted(key, path) for path in paths)}")
            overrides.append(listed[-1])
    given = {text.partition("=")[0] for text in overrides}
    overrides += [f"{key}={value}" for key, value in SETTINGS.items() if key not in given]
    loader = Loader(verb, config_dir=options.config_dir, config_file=options.config)
    hydra = Hydra(task_name=verb, config_loader=loader)
    GlobalHydra.instance().initialize(hydra)
    try:
        if options.cfg:
            hydra.show_cfg(verb, overrides, options.cfg, options.package, options.resolve)
        elif options.info:
            hydra.show_info(options.info, verb, overrides)
        elif options.shell_completion:
            hydra.shell_completion(verb, overrides)
        elif options.multirun or listed:
            return _sweep(hydra, verb, overrides, listed)
        else:
            return _report(hydra.run(verb, partial(job, verb=verb), overrides).return_value)
    finally:
        GlobalHydra.instance().clear()
    return 0


def job(config: DictConfig, *, verb: str, labels: Mapping[str, str] | None = None) -> Outcome:
    """One run of a verb; Hydra's launchers call this.

    Args:
        config: composed, without Hydra's part.
        verb: whose runner runs.
        labels: in a sweep, the part of a job's name for each varied setting.
    """
    outcome = Outcome()
    try:
        with warnings.catch_warnings():
            if not debugging():
                warnings.simplefilter("ignore")  # warnings of libraries for programmers
            if labels is not None:
                hydra = HydraConfig.get()
                name = job_name(hydra.overrides.task, labels)
                folder = Path(hydra.sweep.dir) / name
                if "video" in config and config.out is None:
                    folder = default_folder(folder, config.video)
                if "out" in config:
                    with read_write(config):
                        config.out = literal(str(folder))
                outcome = Outcome(name=name, folder=str(folder))
                print(f"--- {name}", flush=True)
            import_module(f"sam2track.runners.{verb}").run(config)
    except Exception as error:
        fault = outcome_of(error)
        return replace(outcome, status=fault.status, message=fault.message)
    return outcome


def _sweep(hydra: Hydra, verb: str, overrides: Sequence[str], listed: Sequence[str]) -> int:
    """Run a verb for every combination; if one fails, the others still run."""
    loader = cast(Loader, hydra.config_loader)
    labels = job_labels(loader, verb, overrides, listed)
    given = [text.removeprefix("out=") for text in overrides if text.startswith("out=")]
    out = given[-1] if given and given[-1] != "null" else quoted("out", f"outputs/{verb}")
    sweep = [f"hydra.sweep.dir={out}", "hydra.mode=MULTIRUN"]
    task = partial(job, verb=verb, labels=labels)
    batches = hydra.multirun(verb, task, [*sweep, *overrides])
    outcomes: list[Outcome] = [done.return_value for batch in batches or () for done in batch]
    runner = import_module(f"sam2track.runners.{verb}")
    if outcomes and hasattr(runner, "compare_runs"):
        folders = {one.name: Path(one.folder) for one in outcomes}
        runner.compare_runs(folders, Path(outcomes[0].folder).parent)
    return max(map(_report, outcomes), default=0)


def _report(outcome: Outcome) -> int:
    """Print an error, if there is one, in one line; returns the exit status."""
    if outcome.status:
        name = f"{outcome.name}: " if outcome.name else ""
        print(f"error: {name}{outcome.message}", file=sys.stderr)
    return outcome.status


def _parse_options(verb: str, arguments: Sequence[str]) -> argparse.Namespace:
    """Hydra's options and ``--config``; ``overrides`` holds the settings."""
    parser = get_args_parser()
    parser.allow_abbrev = False
    parser.add_argument("--config")
    setattr(parser, "error", _refuse)  # noqa: B010
    options, unknown = parser.parse_known_intermixed_args(list(arguments))
    for argument in unknown:
        hydra_setting(verb, arguments, list(arguments).index(argument))  # an error with a hint
    for name in REFUSED:
        if getattr(options, name):
            option = f"--{name.replace('_', '-')}"
            raise SettingError(f"{option} is not for use here; --config-dir or --config may help")
    return options


def _refuse(message: str) -> NoReturn:
    raise SettingError(message)
