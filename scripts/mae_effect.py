"""What masked autoencoding does for a trunk: the tables in docs/mae.md.

    python scripts/fetch_assets.py
    python scripts/mae_effect.py --assets assets --davis DAVIS --out runs/mae_effect

Pre-trains nano's trunk from scratch on the photographs and textures of the pack, then follows
objects through real video by the trunk's features alone, with nothing trained on top: a mask is
given on the first frame, and each position of a later frame gets the mask of the earlier positions
with the most similar features. Memory attention does much the same, and trunks trained without
labels are compared in this way (1906.12340, 2104.14294). A run that was stopped is resumed.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from sam2track.data.readers.davis import davis
from sam2track.data.readers.sequence import MaskSequence
from sam2track.model.variants import find_variant
from sam2track.synthetic.assets import Assets
from sam2track.train import MaskedAutoencoder, initialise_trunk

LONGEST = 512  # side of the unpacked photographs, pixels
SIDE = 256  # of the video as the trunk sees it, pixels
FRAMES = range(0, 24, 2)  # of each sequence
STRIDES = (8, 16)  # of the features compared
NEAREST = 7  # most similar positions, from which a position gets its mask
BEFORE = 3  # last frames that are searched for them, beside the first
TEMPERATURE = 0.07
SEEDS = 3  # trunks from scratch


def main() -> None:
    parser = argparse.ArgumentParser(description="What masked autoencoding does for a trunk.")
    parser.add_argument("--assets", type=Path, default=Path("assets"))
    parser.add_argument("--davis", type=Path, required=True, help="DAVIS 2016; its val is scored")
    parser.add_argument("--out", type=Path, default=Path("runs/mae_effect"))
    parser.add_argument("--steps", type=int, default=500, help="of pre-training, 32 pictures each")
    arguments = parser.parse_args()
    learnt = _pretrain(arguments.assets, arguments.out, arguments.steps)
    clips = [_read(sequence) for sequence in davis(arguments.davis, 2016, "val")]
    copied = np.array([[_copied(masks)] * len(STRIDES) for _, masks in clips])
    scratch = np.mean([_follow_all("scratch", clips, seed) for seed in range(SEEDS)], axis=0)
    mae = _follow_all(str(learnt), clips)
    header = " | ".join(f"J, stride {stride}" for stride in STRIDES)
    print(f"\n| trunk | {header} |\n|---|{'---|' * len(STRIDES)}")
    _row("first mask copied", copied)
    _row(f"from scratch (mean of {SEEDS})", scratch)
    _row(f"MAE, {arguments.steps} steps", mae)
    _row("ImageNet", _follow_all("imagenet", clips))
    _row("MAE minus scratch", mae - scratch)


def _pretrain(assets: Path, out: Path, steps: int) -> Path:
    """The pack's pictures as files, and a trunk that learnt from them."""
    pack = Assets(assets)
    for kind in ("photos", "textures"):
        (out / "pictures" / kind).mkdir(parents=True, exist_ok=True)
        for number in range(len(pack.index[kind])):
            picture = Image.fromarray(pack.get(kind, number))
            picture.thumbnail((LONGEST, LONGEST))
            picture.save(out / "pictures" / kind / f"{number:05}.jpg", quality=90)
    run = out / "run"
    settings = (
        *(f"data.root={out / 'pictures'}", f"out={run}", f"steps={steps}"),
        *("image_size=128", "mae.pictures=32", "warmup=50"),
    )
    command = (sys.executable, "-m", "sam2track", "pretrain", *settings)
    subprocess.run(command, check=True)
    return run / "weights.safetensors"


def _read(sequence: MaskSequence) -> tuple[Tensor, Tensor]:
    """Frames ``(T, 3, S, S)`` in 0..1 and the object's masks ``(T, S, S)``."""
    images, masks = [], []
    for index in FRAMES:
        image = Image.fromarray(sequence.frame(index).image)
        images.append(np.array(image.resize((SIDE, SIDE), Image.Resampling.BICUBIC)))
        mask = Image.fromarray(sequence.labels(index) > 0)
        masks.append(np.array(mask.resize((SIDE, SIDE), Image.Resampling.NEAREST)))
    frames = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2)
    return frames.float() / 255, torch.from_numpy(np.stack(masks))


def _follow_all(trunk: str, clips: Sequence[tuple[Tensor, Tensor]], seed: int = 0) -> np.ndarray:
    """Mean J of each clip after its first frame, by each stride's features."""
    torch.manual_seed(seed)
    model = MaskedAutoencoder(find_variant("nano")).eval()
    initialise_trunk(model, trunk, "nano")
    scores = []
    for frames, masks in clips:
        with torch.inference_mode():
            maps = model.trunk((frames - model.mean) / model.std)
            found = [_follow(maps[stride.bit_length() - 3], masks[0]) for stride in STRIDES]
        scores.append([_overlap(guess, masks) for guess in found])
    return np.array(scores)


def _follow(features: Tensor, mask: Tensor) -> Tensor:
    """Masks ``(T, S, S)`` from features ``(T, C, h, w)`` and the first frame's mask."""
    side = features.shape[-1]
    features = features - features.mean((0, 2, 3), keepdim=True)
    features = F.normalize(features, dim=1).flatten(2)  # (T, C, h*w)
    shares = [F.interpolate(mask[None, None].float(), (side, side), mode="area").flatten()]
    for now in range(1, len(features)):
        known = sorted({0, *range(max(0, now - BEFORE), now)})
        likeness = torch.cat([features[then].T @ features[now] for then in known])
        best, places = likeness.topk(NEAREST, dim=0)  # (NEAREST, h*w)
        weights = (best / TEMPERATURE).softmax(0)
        shares.append((torch.cat([shares[then] for then in known])[places] * weights).sum(0))
    grids = torch.stack(shares).unflatten(1, (1, side, side))
    return F.interpolate(grids, mask.shape, mode="bilinear")[:, 0] > 0.5


def _copied(masks: Tensor) -> float:
    """J of a guess that nothing moves."""
    return _overlap(masks[:1].expand_as(masks), masks)


def _overlap(found: Tensor, true: Tensor) -> float:
    """Mean J after the first frame."""
    both = (found & true)[1:].sum((1, 2))
    either = (found | true)[1:].sum((1, 2)).clamp(min=1)
    return (both / either).mean().item()


def _row(name: str, scores: np.ndarray) -> None:
    """Means over the clips, in percent, with their standard errors."""
    means, errors = 100 * scores.mean(0), 100 * scores.std(0, ddof=1) / len(scores) ** 0.5
    cells = (f"{m:.1f} ± {e:.1f}" for m, e in zip(means, errors, strict=True))
    print(f"| {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
