"""``sam2track train recipe=mae``: pictures in, the weights of a trunk out."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import torch
from omegaconf import DictConfig, OmegaConf
from torch import Tensor
from torch.utils.data import DataLoader

from ..data.clips.unlabelled_images import Found, RandomCrops, find_pictures
from ..device import pick_precision
from ..model.variants import find_variant
from ..train.batches import ENDLESS, prepare_worker
from ..train.checkpoints import NotSaved
from ..train.mae import HEAD, UNIT, MaskedAutoencoder
from ..train.mae_loop import WEIGHTS, Pretrainer, pretrain
from ..train.optimiser import Schedule
from ..train.processes import Processes
from ..train.trunk import start_trunk
from . import RunFailed
from .compose import flat, plain
from .output import claim_folder, write_settings

SHOWN = 4  # pictures in reconstruction.png
NAMED = 10  # broken files that are listed


def run(config: DictConfig) -> None:
    """Pre-train a trunk, or go on with it.

    Args:
        config: ``configs/train.yaml`` with ``recipe=mae``, composed.

    Raises:
        ValueError, OSError: bad input.
        RunFailed: the loss was not finite, or a checkpoint could not be written.
        KeyboardInterrupt: after Ctrl-C or SIGTERM; what was reached is saved.
    """
    if OmegaConf.is_missing(config, "out") or OmegaConf.is_missing(config.data, "root"):
        raise ValueError(
            "data.root= and out= are needed: "
            "sam2track train recipe=mae data.root=FOLDER out=runs/mae"
        )
    _check(config)
    out = claim_folder(config.out)
    processes = Processes(config.device)
    found = find_pictures(config.data.root)
    if processes.main:
        _tell(found)
    trainer = _trainer(config, processes, found)
    first = trainer.resume(out)
    pictures = RandomCrops(found, config.image_size, length=ENDLESS, seed=config.seed)
    if processes.main:
        write_settings(out, config)
    if first >= config.steps:
        print(f"{out} has reached step {first} already; give more steps= to go on")
        return
    try:
        pretrain(
            trainer,
            _batches(config, processes, pictures, first),
            out,
            sample=torch.stack([pictures[index] for index in range(SHOWN)]).to(processes.device),
            save_every=config.save_every,
        )
    except FloatingPointError as fault:
        raise RunFailed(f"{fault}; lower rate= and go on, or begin a new out=") from fault
    except NotSaved as fault:
        raise RunFailed(str(fault)) from fault
    if processes.main:
        print(f"{trainer.step} steps: {out / WEIGHTS}")


def _check(config: DictConfig) -> None:
    """Settings that a user may get wrong."""
    size, settings = config.image_size, config.mae
    if size % UNIT or size <= UNIT:
        raise ValueError(f"image_size={size}: a multiple of {UNIT}, at least {2 * UNIT}")
    for name in ("mae.pictures", "mae.layers", "save_every", "steps"):
        if OmegaConf.select(config, name) < 1:
            raise ValueError(f"{name}={OmegaConf.select(config, name)}: at least 1")
    if not 0 < settings.hidden < 1:
        raise ValueError(f"mae.hidden={settings.hidden}: a share above 0 and below 1")
    if settings.width < HEAD or settings.width % HEAD:
        raise ValueError(f"mae.width={settings.width}: a multiple of {HEAD}")


def _tell(found: Found) -> None:
    """What there is to learn from, and what is passed over."""
    print(f"{len(found.images)} images, {len(found.videos)} videos ({sum(found.seconds):.0f} s)")
    if found.broken:
        listed = [f"  {fault}" for fault in found.broken[:NAMED]]
        if len(found.broken) > NAMED:
            listed.append(f"  and {len(found.broken) - NAMED} more")
        print(f"{len(found.broken)} broken files are skipped:", *listed, sep="\n", file=sys.stderr)


def _trainer(config: DictConfig, processes: Processes, found: Found) -> Pretrainer:
    """The network with its first weights, and its trainer."""
    torch.manual_seed(config.seed)
    variant = find_variant(config.model)
    model = MaskedAutoencoder(variant, width=config.mae.width, layers=config.mae.layers)
    start_trunk(model, config.trunk, config.model)
    return Pretrainer(
        model.to(processes.device),
        processes,
        variant=config.model,
        schedule=Schedule(config.rate, config.steps, config.warmup, config.decay, config.final),
        ratio=config.mae.hidden,
        weight_decay=config.weight_decay,
        betas=tuple(config.betas),
        clip=config.clip,
        precision=pick_precision(config.precision, processes.device),
        seed=config.seed,
        settings={
            **flat(plain(config)),
            "images": len(found.images),
            "videos": len(found.videos),
        },
    )


def _batches(
    config: DictConfig, processes: Processes, pictures: RandomCrops, step: int
) -> Iterator[Tensor]:
    """This process's batches from that of ``step`` on, as an undisturbed run would have them."""
    batch = config.mae.pictures
    each = batch * processes.count
    starts = range(step * each + processes.index * batch, config.steps * each, each)
    loader = DataLoader(
        pictures,
        batch_sampler=[list(range(start, start + batch)) for start in starts],
        num_workers=config.workers,
        worker_init_fn=prepare_worker,
        pin_memory=processes.device.type == "cuda",
    )
    for crops in loader:
        yield crops.to(processes.device, non_blocking=True)
