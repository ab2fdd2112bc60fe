"""``sam2track train``: trains a tracker on clips with masks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf
from torch import nn

from .. import train as training
from ..data.clips.clip import ClipSource, Mixture
from ..data.clips.joined_clips import JoinedClips
from ..device import keep_freed_memory, pick_precision, use_threads
from ..model.sam2 import SAM2
from ..model.variants import find_variant
from ..model.weights import find_weights, load_weights
from ..prompts.simulated_user import PromptMix
from . import RunFailed
from .compose import flat, instantiated, plain
from .output import claim_folder, locked, write_settings


def run(config: DictConfig) -> None:
    """Train, or resume training, by ``configs/train.yaml``; errors are :func:`train_until_done`'s.

    Raises:
        ValueError, OSError: wrong input; nothing was written.
    """
    with prepared(config, "train") as (out, processes):
        _train(config, out, processes)


def _train(config: DictConfig, out: Path, processes: training.Processes) -> None:
    settings = config.evaluate
    if not config.data.get("sources"):
        raise ValueError("data.sources is empty: name at least one source of clips")
    if settings.every and settings.sequences is None:
        raise ValueError("evaluate.every is set, but evaluate.sequences= names no reader")
    update = make_update(config, processes)
    source = _source(config, update.run.model.variant.image_size)
    score = None
    if settings.every:
        held_out = instantiated("evaluate.sequences", plain(config)["evaluate"]["sequences"])
        training.check_sequences(held_out)
        score = partial(update.evaluate, held_out, out, prompt=settings.prompt)
    drawn = {name: config[name] for name in ("clips", "accumulate", "seed", "ramp", "hardness")}
    train_until_done(
        config,
        update,
        out,
        batches=partial(training.step_batches, source, processes, **drawn),
        picture_every=config.pictures_every,
        evaluate_every=settings.every,
        evaluate=score,
    )


def train_until_done(
    config: DictConfig,
    update: training.Update,
    out: Path,
    *,
    batches: Callable[..., Iterable[Any]],
    **options: Any,
) -> None:
    """Begin or resume a run, train to its last step, and print where the weights are.

    ``batches`` takes ``start``, ``stop`` and ``workers``; ``options`` are those of ``run_loop``.

    Raises:
        ValueError: if ``out`` holds a run with other settings.
        RunFailed: the loss was not finite, or a checkpoint could not be written.
        KeyboardInterrupt, ValueError, OSError: as ``run_loop``.
    """
    start = update.run.resume(out)
    if update.run.processes.main:
        write_settings(out, config)
    if start >= config.steps:
        print(f"{out} has reached step {start} already; give more steps= to go on")
        return
    drawn = batches(start=start, stop=config.steps, workers=config.workers)
    try:
        training.run_loop(update, drawn, out, save_every=config.save_every, **options)
    except FloatingPointError as fault:
        advice = "nothing was saved before; lower rate="
        if (out / training.WEIGHTS).is_file():
            anew = training.new_run(update.run.settings, out)
            advice = f"{out} holds the last good step: {anew} and a lower rate="
        raise RunFailed(f"{fault}; {advice}") from fault
    except training.NotSaved as fault:
        raise RunFailed(str(fault)) from fault
    if update.run.processes.main:
        print(f"{update.run.step} steps: {out / training.WEIGHTS}")


@contextmanager
def prepared(config: DictConfig, verb: str) -> Iterator[tuple[Path, training.Processes]]:
    """The folder for results, which no other run writes into, and the processes that train.

    Raises:
        ValueError: for settings that are impossible.
    """
    for parent, name in ((config, "out"), (config.data, "data.root")):
        if OmegaConf.is_missing(parent, name.split(".")[-1]):
            raise ValueError(f"{name}= is missing; sam2track {verb} --help says what it is")
    for name in ("rate", "clip"):
        if not config[name] > 0:
            raise ValueError(f"{name}={config[name]}: give a number above 0")
    size = config.image_size or find_variant(config.model).image_size
    if size % 32:
        raise ValueError(f"image_size={size}: must be a multiple of 32")
    use_threads(config.threads)
    keep_freed_memory()
    out, processes = claim_folder(config.out), training.Processes(config.device)
    with locked(out) if processes.main else nullcontext():
        yield out, processes


def make_update(config: DictConfig, processes: training.Processes) -> training.TrackingUpdate:
    """A tracker with its first weights, ready to train; ``config`` is checked already."""
    mix = PromptMix(**config.prompts)
    options = training.RolloutOptions(
        mix, config.loss_stride, config.checkpointing, config.memory_noise
    )
    run = make_run(config, _model(config), processes)
    return training.TrackingUpdate(run, options, variant=config.model, seed=config.seed)


def make_run(
    config: DictConfig, model: nn.Module, processes: training.Processes, **facts: Any
) -> training.TrainingRun[Any]:
    """A model in training; ``facts`` about the data must not change when the run is resumed."""
    settings = plain(config)
    names = {field.name for field in fields(training.OptimiserOptions)} & settings.keys()
    options: dict[str, Any] = {name: settings[name] for name in names}
    return training.TrainingRun(
        model.to(processes.device),
        processes,
        training.OptimiserOptions(**options),
        precision=pick_precision(config.precision, processes.device),
        seed=config.seed,
        settings={**flat(settings), **facts},
    )


def _model(config: DictConfig) -> SAM2:
    """The variant, at the size of the clips, with its first weights."""
    variant = find_variant(config.model)
    torch.manual_seed(config.seed)  # every process begins with the same weights
    model = SAM2(replace(variant, image_size=config.image_size or variant.image_size))
    path = config.checkpoint
    if path == "released":  # the variant's own weights
        path = find_weights(config.model)
    if path is not None:
        load_weights(model, path, config.model)
        return model
    training.initialise_trunk(model, config.trunk, config.model)
    if config.match_features:
        training.match_features(model)
    return model


def _source(config: DictConfig, size: int) -> ClipSource:
    """The mixture that ``data.sources`` describes."""
    given = {"size": size, "frames": config.frames, "objects": config.objects}
    parts = []
    for name, entry in plain(config)["data"]["sources"].items():
        weight = entry.pop("weight", 1.0)
        if "_target_" not in entry:
            raise ValueError(
                f"data.sources.{name} names no _target_, the class of the source; sources in a "
                "file of settings replace the recipe's, they do not change them (to change one: "
                f"data.sources.{name}.weight=0.5 on the command line)"
            )
        parts.append((instantiated(f"data.sources.{name}", entry, **given), weight))
    source = parts[0][0] if len(parts) == 1 else Mixture(parts)
    return JoinedClips(source, config.joined) if config.joined else source
