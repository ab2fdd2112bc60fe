"""``sam2track pretrain``: pictures without labels go in, the weights of a trunk come out."""

from __future__ import annotations

import sys

import torch
from omegaconf import DictConfig, OmegaConf

from .. import train as training
from ..data.clips.unlabelled_images import Found, RandomCrops, find_pictures
from ..device import keep_freed_memory, use_threads
from ..model.variants import find_variant
from .output import claim_folder
from .train import check_common, make_run, train_until_done

SAMPLE = 4  # pictures in reconstruction.png
MOST_NAMED = 10  # broken files that are listed


def run(config: DictConfig) -> None:
    """Pre-train a trunk by masked autoencoding, or go on with it.

    Args:
        config: ``configs/pretrain.yaml``, composed.

    Raises:
        ValueError, OSError: bad input.
        RunFailed: the loss was not finite, or a checkpoint could not be written.
        KeyboardInterrupt: after Ctrl-C or SIGTERM; the step that was reached is saved.
    """
    _check_settings(config)
    use_threads(config.threads)
    keep_freed_memory()
    out = claim_folder(config.out)
    processes = training.Processes(config.device)
    found = find_pictures(config.data.root)
    if processes.main:
        _report(found)
    pictures = RandomCrops(found, config.image_size, length=training.ENDLESS, seed=config.seed)
    train_until_done(
        config,
        _make_update(config, processes, pictures),
        out,
        batches=lambda start: training.picture_batches(
            pictures,
            processes,
            size=config.mae.pictures,
            start=start,
            stop=config.steps,
            workers=config.workers,
        ),
        picture_every=config.save_every,
    )


def _check_settings(config: DictConfig) -> None:
    """Refuse values that are out of range, before anything is read."""
    check_common(config, "pretrain")
    size, settings, unit = config.image_size, config.mae, training.HIDDEN_UNIT
    if size % unit or size <= unit:
        raise ValueError(f"image_size={size}: a multiple of {unit}, at least {2 * unit}")
    for name in ("mae.pictures", "mae.layers", "save_every", "steps"):
        if OmegaConf.select(config, name) < 1:
            raise ValueError(f"{name}={OmegaConf.select(config, name)}: at least 1")
    if not 0 < settings.hidden < 1:
        raise ValueError(f"mae.hidden={settings.hidden}: a share above 0 and below 1")
    if settings.width < training.DECODER_HEAD or settings.width % training.DECODER_HEAD:
        raise ValueError(f"mae.width={settings.width}: a multiple of {training.DECODER_HEAD}")


def _report(found: Found) -> None:
    """Print what there is to learn from, and which files are skipped."""
    print(f"{len(found.images)} images, {len(found.videos)} videos ({sum(found.seconds):.0f} s)")
    if found.broken:
        listed = [f"  {fault}" for fault in found.broken[:MOST_NAMED]]
        if len(found.broken) > MOST_NAMED:
            listed.append(f"  and {len(found.broken) - MOST_NAMED} more")
        print(f"{len(found.broken)} broken files are skipped:", *listed, sep="\n", file=sys.stderr)


def _make_update(
    config: DictConfig, processes: training.Processes, pictures: RandomCrops
) -> training.AutoencodingUpdate:
    """The network with its first weights, ready to train."""
    torch.manual_seed(config.seed)  # every process begins with the same weights
    variant, found = find_variant(config.model), pictures.found
    model = training.MaskedAutoencoder(variant, width=config.mae.width, layers=config.mae.layers)
    training.initialise_trunk(model, config.trunk, config.model)
    return training.AutoencodingUpdate(
        make_run(config, model, processes, images=len(found.images), videos=len(found.videos)),
        torch.stack([pictures[index] for index in range(SAMPLE)]).to(processes.device),
        variant=config.model,
        ratio=config.mae.hidden,
        seed=config.seed,
    )
