"""``sam2track train``: clips with masks go in, the weights of a tracker come out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import torch
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from torch import nn

from .. import train as training
from ..data.clips.clip import ClipSource, Mixture
from ..data.readers.sequence import MaskSequence
from ..device import keep_freed_memory, pick_precision, use_threads
from ..model.sam2 import SAM2
from ..model.variants import find_variant
from ..model.weights import fetch_weights, load_weights, packaged_weights
from ..prompts.simulated_user import PROMPTS
from ..prompts.training_prompts import PromptMix
from . import RunFailed
from .compose import flat, plain
from .output import claim_folder, locked, write_settings

RELEASED = "released"  # as a checkpoint: the variant's own weights
Network = TypeVar("Network", bound=nn.Module)
FROM_ONE = ("clips", "accumulate", "frames", "objects", "loss_stride", "save_every")
FROM_ZERO = ("workers", "ramp", "pictures_every")


def run(config: DictConfig) -> None:
    """Train, or go on training.

    Args:
        config: ``configs/train.yaml``, composed.

    Raises:
        ValueError, OSError: bad input; nothing was written.
        RunFailed: the loss was not finite, or a checkpoint could not be written.
        KeyboardInterrupt: after Ctrl-C or SIGTERM; the step that was reached is saved.
    """
    _check_settings(config)
    use_threads(config.threads)
    keep_freed_memory()
    out = claim_folder(config.out)
    processes = training.Processes(config.device)
    update = make_update(config, processes)
    source = _source(config, update.run.model.variant.image_size)
    held_out = _held_out(config)
    score = partial(update.evaluate, held_out, out, prompt=config.evaluate.prompt)
    train_until_done(
        config,
        update,
        out,
        batches=lambda start: training.step_batches(
            source,
            processes,
            clips=config.clips,
            accumulate=config.accumulate,
            start=start,
            stop=config.steps,
            seed=config.seed,
            ramp=config.ramp,
            hardness=config.hardness,
            workers=config.workers,
        ),
        picture_every=config.pictures_every,
        evaluate_every=config.evaluate.every,
        evaluate=score if held_out else None,
    )


def train_until_done(
    config: DictConfig,
    update: training.Update,
    out: Path,
    *,
    batches: Callable[[int], Iterable[Any]],
    **options: Any,
) -> None:
    """Begin or resume a run, train to its last step, and say where the weights are.

    ``batches`` gives the batches from a step on; ``options`` are those of ``run_loop``.

    Raises:
        ValueError: if ``out`` holds a run with other settings.
        RunFailed: the loss was not finite, or a checkpoint could not be written.
    """
    processes = update.run.processes
    with locked(out) if processes.main else nullcontext():
        start = update.run.resume(out)
        if processes.main:
            write_settings(out, config)
        if start >= config.steps:
            print(f"{out} has reached step {start} already; give more steps= to go on")
            return
        try:
            training.run_loop(update, batches(start), out, save_every=config.save_every, **options)
        except FloatingPointError as fault:
            advice = "nothing was saved before; lower rate="
            if (out / training.WEIGHTS).is_file():
                anew = training.new_run(update.run.settings, out)
                advice = f"{out} holds the last good step: {anew} and a lower rate="
            raise RunFailed(f"{fault}; {advice}") from fault
        except training.NotSaved as fault:
            raise RunFailed(str(fault)) from fault
        if processes.main:
            print(f"{update.run.step} steps: {out / training.WEIGHTS}")


def check_common(config: DictConfig, verb: str) -> None:
    """Refuse what no training can do: no folder for results, no data, values out of range."""
    for parent, name in ((config, "out"), (config.data, "data.root")):
        if OmegaConf.is_missing(parent, name.split(".")[-1]):
            raise ValueError(f"{name}= is missing; sam2track {verb} --help says what it is")
    for name in ("rate", "clip"):
        if not config[name] > 0:
            raise ValueError(f"{name}={config[name]}: give a number above 0")
    if config.precision == "fp16":
        raise ValueError("precision=fp16: training is in fp32, bf16 or auto")


def _check_settings(config: DictConfig) -> None:
    """Refuse values that are out of range, before anything is read."""
    check_common(config, "train")
    for least, names in enumerate((FROM_ZERO, FROM_ONE)):
        for name in names:
            if config[name] < least:
                raise ValueError(f"{name}={config[name]}: at least {least}")
    if not 0 <= config.hardness <= 1:
        raise ValueError(f"hardness={config.hardness:g} is not within 0 and 1")
    size = config.image_size or find_variant(config.model).image_size
    if size % 32 or size < 64:
        raise ValueError(f"image_size={size}: a multiple of 32, at least 64")
    if not config.data.get("sources"):
        raise ValueError("data.sources is empty: name at least one source of clips")
    if config.evaluate.every and config.evaluate.sequences is None:
        raise ValueError("evaluate.every is set, but evaluate.sequences= names no reader")
    if config.evaluate.prompt not in PROMPTS:
        raise ValueError(
            f"evaluate.prompt={config.evaluate.prompt}: choose one of {', '.join(PROMPTS)}"
        )


def make_update(config: DictConfig, processes: training.Processes) -> training.TrackingUpdate:
    """A tracker with its first weights, ready to train; ``config`` is checked already."""
    mix = PromptMix(**config.prompts)
    return training.TrackingUpdate(
        make_run(config, _model(config), processes),
        training.RolloutOptions(mix, config.loss_stride, config.checkpointing),
        variant=config.model,
        seed=config.seed,
    )


def make_run(
    config: DictConfig, model: Network, processes: training.Processes, **facts: Any
) -> training.TrainingRun[Network]:
    """A model in training; ``facts`` about the data must not change when the run is resumed."""
    settings = plain(config)
    options: dict[str, Any] = {
        name: tuple(value) if isinstance(value := settings[name], list) else value
        for name in {field.name for field in fields(training.OptimiserOptions)} & settings.keys()
    }
    return training.TrainingRun(
        model.to(processes.device),
        processes,
        training.OptimiserOptions(**options),
        precision=pick_precision(config.precision, processes.device),
        seed=config.seed,
        settings={**flat(settings), **facts},
    )


def _model(config: DictConfig) -> SAM2:
    """The variant, at the size of the clips, with the weights to begin with."""
    variant = find_variant(config.model)
    torch.manual_seed(config.seed)  # every process begins with the same weights
    model = SAM2(replace(variant, image_size=config.image_size or variant.image_size))
    if config.checkpoint is None:
        training.initialise_trunk(model, config.trunk, config.model)
        if config.match_features:
            training.match_features(model)
    else:
        path = config.checkpoint
        if path == RELEASED:
            path = packaged_weights(config.model) or fetch_weights(config.model)
        load_weights(model, path, config.model)
    return model


def _source(config: DictConfig, size: int) -> ClipSource:
    """The mixture that ``data.sources`` describes."""
    parts = []
    for name, entry in plain(config)["data"]["sources"].items():
        weight = entry.pop("weight", 1.0)
        given = {"size": size, "frames": config.frames, "objects": config.objects}
        parts.append((_instantiate(f"data.sources.{name}", entry, **given), weight))
    return parts[0][0] if len(parts) == 1 else Mixture(parts)


def _held_out(config: DictConfig) -> Sequence[MaskSequence]:
    """The video to score on."""
    if not config.evaluate.every:
        return ()
    sequences = _instantiate("evaluate.sequences", plain(config)["evaluate"]["sequences"])
    training.check_sequences(sequences)
    return sequences


def _instantiate(name: str, entry: Mapping[str, Any], **arguments: Any) -> Any:
    """The object that a ``_target_`` makes; if it refuses, its own error message."""
    try:
        return instantiate(entry, **arguments, _convert_="all")
    except InstantiationException as error:
        cause = error.__cause__
        while isinstance(cause, InstantiationException):
            cause = cause.__cause__
        if isinstance(cause, (ValueError, OSError)):
            raise cause from None
        raise ValueError(f"{name}: {str(cause or error).splitlines()[0]}") from None
