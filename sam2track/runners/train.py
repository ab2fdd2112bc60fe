"""``sam2track train``: clips in, weights out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from ..data.clips import ClipSource, Mixture
from ..data.sequence import MaskSequence
from ..device import keep_freed_memory, pick_precision, use_threads
from ..model.checkpoint import fetch_weights, load_weights, packaged_weights
from ..model.sam2 import SAM2
from ..model.variants import find_variant
from ..track.simulated_user import PROMPTS
from ..train.batches import Harder, step_batches
from ..train.checkpoints import NotSaved
from ..train.evaluation import check_sequences
from ..train.initialise import match_features
from ..train.loop import Often, train
from ..train.optimiser import Schedule
from ..train.processes import Processes
from ..train.prompting import PromptMix
from ..train.trainer import WEIGHTS, Trainer
from ..train.trunk import start_trunk
from . import RunFailed
from .compose import flat, plain
from .output import claim_folder, write_settings

RELEASED = "released"  # as a checkpoint: the variant's own weights
LEAST = {
    "clips": 1,
    "accumulate": 1,
    "frames": 1,
    "objects": 1,
    "workers": 0,
    "ramp": 0,
    "loss_stride": 1,
    "save_every": 1,
    "pictures_every": 0,
}


def run(config: DictConfig) -> None:
    """Train, or go on training.

    Args:
        config: ``configs/train.yaml``, composed.

    Raises:
        ValueError, OSError: bad input; nothing was written.
        RunFailed: the loss was not finite, or a checkpoint could not be written.
        KeyboardInterrupt: after Ctrl-C or SIGTERM; what was reached is saved.
    """
    if "mae" in config:
        from .train_mae import run as run_mae

        return run_mae(config)
    _check_settings(config)
    use_threads(config.threads)
    keep_freed_memory()
    out = claim_folder(config.out)
    processes = Processes(config.device)
    trainer = make_trainer(config, processes)
    source = Harder(_source(config, trainer.model.variant.image_size), config.hardness)
    held_out = _held_out(config)
    start = trainer.resume(out)
    if processes.main:
        write_settings(out, config)
    if start >= config.steps:
        print(f"{out} has reached step {start} already; give more steps= to go on")
        return None
    batches = step_batches(
        source,
        processes,
        clips=config.clips,
        accumulate=config.accumulate,
        start=start,
        stop=config.steps,
        seed=config.seed,
        ramp=config.ramp,
        workers=config.workers,
    )
    often = Often(config.save_every, config.pictures_every, config.evaluate.every)
    prompt = config.evaluate.prompt
    try:
        train(trainer, batches, out, often=often, held_out=held_out, prompt=prompt)
    except FloatingPointError as fault:
        raise RunFailed(f"{fault}; {_advice(out)}") from fault
    except NotSaved as fault:
        raise RunFailed(str(fault)) from fault
    if processes.main:
        print(f"{trainer.step} steps: {out / WEIGHTS}")
    return None


def _check_settings(config: DictConfig) -> None:
    """Refuse what composing takes, before anything is read."""
    for parent, name in ((config, "out"), (config.data, "data.root")):
        if OmegaConf.is_missing(parent, name.split(".")[-1]):
            raise ValueError(f"{name}= is missing; sam2track train --help says what it is")
    for name, least in LEAST.items():
        if config[name] < least:
            raise ValueError(f"{name}={config[name]}: at least {least}")
    for name in ("rate", "clip"):
        if not config[name] > 0:
            raise ValueError(f"{name}={config[name]}: give a number above 0")
    size = config.image_size or find_variant(config.model).image_size
    if size % 32 or size < 64:
        raise ValueError(f"image_size={size}: a multiple of 32, at least 64")
    if config.precision == "fp16":
        raise ValueError("precision=fp16: training is in fp32, bf16 or auto")
    if not config.data.get("sources"):
        raise ValueError("data.sources is empty: name at least one source of clips")
    if config.evaluate.every and config.evaluate.sequences is None:
        raise ValueError("evaluate.every is set, but evaluate.sequences= names no reader")
    if config.evaluate.prompt not in PROMPTS:
        raise ValueError(
            f"evaluate.prompt={config.evaluate.prompt}: choose one of {', '.join(PROMPTS)}"
        )


def make_trainer(config: DictConfig, processes: Processes) -> Trainer:
    """The state that training begins with; ``config`` is checked already."""
    return Trainer(
        _model(config).to(processes.device),
        processes,
        variant=config.model,
        schedule=Schedule(config.rate, config.steps, config.warmup, config.decay, config.final),
        mix=PromptMix(**config.prompts),
        trunk_rate=config.trunk_rate,
        layer_decay=config.layer_decay,
        frozen=tuple(config.frozen),
        weight_decay=config.weight_decay,
        betas=tuple(config.betas),
        clip=config.clip,
        average=config.average,
        precision=pick_precision(config.precision, processes.device),
        stride=config.loss_stride,
        checkpointing=config.checkpointing,
        noise=config.memory_noise,
        seed=config.seed,
        settings=flat(plain(config)),
    )


def _model(config: DictConfig) -> SAM2:
    """The variant, at the size of the clips, with the weights to begin with."""
    variant = find_variant(config.model)
    torch.manual_seed(config.seed)  # every process begins with the same weights
    model = SAM2(replace(variant, image_size=config.image_size or variant.image_size))
    if config.checkpoint is not None:
        path = config.checkpoint
        if path == RELEASED:
            path = packaged_weights(config.model) or fetch_weights(config.model)
        load_weights(model, path, config.model)
        return model
    start_trunk(model, config.trunk, config.model)
    if config.match_features:
        match_features(model)
    return model


def _source(config: DictConfig, size: int) -> ClipSource:
    """The mixture that ``data.sources`` describes."""
    parts = []
    for name, entry in plain(config)["data"]["sources"].items():
        weight = entry.pop("weight", 1.0)
        made = _made(
            f"data.sources.{name}",
            entry,
            size=size,
            frames=config.frames,
            objects=config.objects,
        )
        parts.append((made, weight))
    return parts[0][0] if len(parts) == 1 else Mixture(parts)


def _held_out(config: DictConfig) -> Sequence[MaskSequence]:
    """What is scored."""
    if not config.evaluate.every:
        return ()
    sequences = _made("evaluate.sequences", plain(config)["evaluate"]["sequences"])
    check_sequences(sequences)
    return sequences


def _made(name: str, entry: Mapping[str, Any], **facts: Any) -> Any:
    """What a ``_target_`` makes; its own words where it refuses."""
    try:
        return instantiate(entry, **facts, _convert_="all")
    except InstantiationException as error:
        cause = error.__cause__
        while isinstance(cause, InstantiationException):
            cause = cause.__cause__
        if isinstance(cause, (ValueError, OSError)):
            raise cause from None
        raise ValueError(f"{name}: {str(cause or error).splitlines()[0]}") from None


def _advice(out: Path) -> str:
    if (out / WEIGHTS).is_file():
        return (
            f"{out} holds the last good step: begin a new out= with checkpoint={out / WEIGHTS} and "
            "a lower rate="
        )
    return "nothing was saved before; lower rate="
