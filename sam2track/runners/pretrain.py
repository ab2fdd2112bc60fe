"""``sam2track pretrain``: trains a trunk on pictures without labels."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import torch
from omegaconf import DictConfig

from .. import train as training
from ..data.clips.unlabelled_images import Found, RandomCrops, find_pictures
from ..model.variants import find_image_variant
from .train import make_run, prepared, train_until_done

SAMPLE = 4  # pictures in reconstruction.png
MOST_NAMED = 10  # broken files that are listed


def run(config: DictConfig) -> None:
    """Pre-train a trunk, or resume it, by ``configs/pretrain.yaml``.

    Raises:
        ValueError, OSError: wrong input; nothing was written. Others are ``train_until_done``'s.
    """
    with prepared(config, "pretrain") as (out, processes):
        _pretrain(config, out, processes)


def _pretrain(config: DictConfig, out: Path, processes: training.Processes) -> None:
    settings, unit = config.mae, training.DECODER_HEAD
    if not 0 < settings.hidden < 1:
        raise ValueError(f"mae.hidden={settings.hidden}: a share above 0 and below 1")
    if settings.width < unit or settings.width % unit:
        raise ValueError(f"mae.width={settings.width}: a multiple of {unit}")
    found = find_pictures(config.data.root)
    if processes.main:
        _report(found)
    pictures = RandomCrops(found, config.image_size, length=training.ENDLESS, seed=config.seed)
    torch.manual_seed(config.seed)  # every process begins with the same weights
    variant = find_image_variant(config.model)
    model = training.MaskedAutoencoder(variant, width=settings.width, layers=settings.layers)
    training.initialise_trunk(model, config.trunk, config.model)
    update = training.AutoencodingUpdate(
        make_run(config, model, processes, images=len(found.images), videos=len(found.videos)),
        torch.stack([pictures[index] for index in range(SAMPLE)]).to(processes.device),
        variant=config.model,
        ratio=settings.hidden,
        seed=config.seed,
    )
    train_until_done(
        config,
        update,
        out,
        batches=partial(training.picture_batches, pictures, processes, size=settings.pictures),
        picture_every=config.save_every,
    )


def _report(found: Found) -> None:
    """Print the number of pictures, and the files that are skipped."""
    print(f"{len(found.images)} images, {len(found.videos)} videos ({sum(found.seconds):.0f} s)")
    if found.broken:
        listed = [f"  {fault}" for fault in found.broken[:MOST_NAMED]]
        if len(found.broken) > MOST_NAMED:
            listed.append(f"  and {len(found.broken) - MOST_NAMED} more")
        print(f"{len(found.broken)} broken files are skipped:", *listed, sep="\n", file=sys.stderr)
