"""``sam2track train``: clips in, weights out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch
from omegaconf import DictConfig, OmegaConf
from torch.utils.data import DataLoader, Subset

from ..data.clips import ClipDataset
from ..data.scene_assets import Assets
from ..data.scenes import SceneSampler
from ..device import pick_device, pick_precision
from ..model.checkpoint import load_weights
from ..model.sam2 import SAM2
from ..model.variants import find_variant
from ..train.initialise import load_imagenet, match_features
from ..train.loop import Schedule, Trainer
from ..train.rollout import Clips, PromptMix
from . import RunFailed

ENDLESS = 10**9  # clips that a seed could draw


def run(config: DictConfig) -> None:
    """Train, or go on training.

    Args:
        config: ``configs/train.yaml``, composed.

    Raises:
        ValueError, OSError: bad input.
        RunFailed: the loss was not finite.
    """
    if OmegaConf.is_missing(config, "out"):
        raise ValueError("out= is missing: sam2track train out=runs/nano")
    device = pick_device(config.device)
    model = _model(config).to(device)
    trainer = Trainer(
        model,
        Path(config.out),
        variant=config.model,
        schedule=Schedule(config.rate, config.steps, config.warmup, config.decay),
        mix=PromptMix(**config.prompts),
        trunk_rate=config.trunk_rate,
        frozen=tuple(config.frozen),
        weight_decay=config.weight_decay,
        clip=config.clip,
        average=config.average,
        precision=pick_precision(config.precision, device),
        save_every=config.save_every,
        seed=config.seed,
    )
    batches = _batches(config, model.variant.image_size, trainer.resume(), device)
    OmegaConf.save(config, trainer.out / "run.yaml")
    try:
        trainer.run(batches)
    except FloatingPointError as fault:
        raise RunFailed(str(fault)) from fault
    print(f"{trainer.step} steps: {trainer.out / 'weights.safetensors'}")


def _model(config: DictConfig) -> SAM2:
    """The variant, at the size of the clips, with the weights to begin with."""
    variant = find_variant(config.model)
    size = config.image_size or variant.image_size
    if size % 32:
        raise ValueError(f"image_size={size}: a multiple of 32")
    torch.manual_seed(config.seed)
    model = SAM2(replace(variant, image_size=size))
    if config.checkpoint is not None:
        load_weights(model, config.checkpoint, config.model)
    else:
        load_imagenet(model)
        match_features(model)
    return model


def _batches(config: DictConfig, size: int, step: int, device: torch.device) -> Iterator[Clips]:
    """Batches from that of ``step`` on: clip by clip what an undisturbed run would have seen."""
    sampler = SceneSampler(
        Assets(config.assets), size, frames=config.frames, objects=config.objects
    )
    clips = ClipDataset(sampler, length=ENDLESS, seed=config.seed)
    rest = Subset(clips, range(step * config.clips, config.steps * config.clips))
    loader = DataLoader(
        rest, config.clips, num_workers=config.workers, pin_memory=device.type == "cuda"
    )
    for batch in loader:
        moved = {name: tensor.to(device, non_blocking=True) for name, tensor in batch.items()}
        yield Clips(**moved)
