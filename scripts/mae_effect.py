"""What masked autoencoding does for a tracker: the table in docs/mae.md.

    python scripts/fetch_assets.py
    python scripts/mae_effect.py --assets assets --out runs/mae_effect

Pre-trains nano's trunk on the photographs and textures of the pack, then trains the tracker the
same way from a trunk from scratch, from that one and, for comparison, from ImageNet's, and scores
each on procedural clips that none has seen. A run that was stopped goes on.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from sam2track import Frame, Prompt, TrackingSession
from sam2track.data.scene_assets import Assets
from sam2track.data.scenes import SceneSampler
from sam2track.model.checkpoint import load_weights
from sam2track.model.sam2 import SAM2
from sam2track.model.variants import find_variant

SIDE = 128  # of the pictures, pixels
LONGEST = 512  # side of the unpacked photographs, pixels
FRAMES = 6  # of a held-out clip
SEED = 1_000_003  # of the held-out clips; training draws from another


def main() -> None:
    arguments = _arguments()
    out: Path = arguments.out
    assets = Assets(arguments.assets)
    pictures = _unpack(assets, out / "pictures")
    _train(
        "recipe=mae",
        f"data.root={pictures}",
        f"out={out / 'pretrained'}",
        "mae.pictures=32",
        f"steps={arguments.pretraining}",
        "warmup=50",
    )
    starts = {
        "scratch": "scratch",
        "MAE": str(out / "pretrained" / "weights.safetensors"),
        "ImageNet": "imagenet",
    }
    rows = []
    for name, trunk in starts.items():
        run = out / f"from_{name.lower()}"
        _train(
            f"data.root={arguments.assets}",
            f"trunk={trunk}",
            f"out={run}",
            "frozen=[]",
            "trunk_rate=1.0",
            "frames=3",
            "clips=4",
            f"steps={arguments.steps}",
            "warmup=50",
            "decay=150",
            "average=0.99",
        )
        scores = _score(run / "weights.safetensors", assets, arguments.clips)
        rows.append((name, scores))
        print(_row(name, scores), flush=True)
    print("\n| trunk | mask given | one click |\n|---|---|---|")
    for name, scores in rows:
        print(_row(name, scores))
    difference = rows[1][1] - rows[0][1]
    print(_row("MAE minus scratch, clip by clip", difference))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--assets", type=Path, default=Path("assets"))
    parser.add_argument("--out", type=Path, default=Path("runs/mae_effect"))
    parser.add_argument("--pretraining", type=int, default=500, help="steps of 32 pictures")
    parser.add_argument("--steps", type=int, default=250, help="of the tracker, each of 4 clips")
    parser.add_argument("--clips", type=int, default=100, help="held out")
    return parser.parse_args()


def _unpack(assets: Assets, folder: Path) -> Path:
    """The pack's photographs and textures as files."""
    for kind in ("photos", "textures"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
        for number in range(len(assets.index[kind])):
            picture = Image.fromarray(assets.get(kind, number))
            picture.thumbnail((LONGEST, LONGEST))
            picture.save(folder / kind / f"{number:05}.jpg", quality=90)
    return folder


def _train(*settings: str) -> None:
    """A run at the size of the comparison, to its end."""
    common = (f"image_size={SIDE}", "device=cpu", "workers=0", "rate=0.001")
    command = (sys.executable, "-m", "sam2track", "train", *common, *settings)
    subprocess.run(command, check=True)


def _score(weights: Path, assets: Assets, clips: int) -> np.ndarray:
    """Mean J of each clip's objects after the first frame, ``(clips, 2)``: by mask, by click."""
    model = SAM2(replace(find_variant("nano"), image_size=SIDE)).eval().requires_grad_(False)
    load_weights(model, weights, "nano")
    sampler = SceneSampler(assets, SIDE, frames=FRAMES)
    scores = []
    for number in range(clips):
        clip = sampler.clip(np.random.default_rng([SEED, number]), hardness=0.5)
        masks = [clip.masks == label for label in np.unique(clip.masks[0]) if label]
        by_mask = [Prompt.from_mask(mask[0]) for mask in masks]
        by_click = [_click(mask[0]) for mask in masks]
        scores.append([_follow(model, clip.frames, masks, p) for p in (by_mask, by_click)])
    return np.array(scores)


def _follow(
    model: SAM2, frames: np.ndarray, masks: list[np.ndarray], prompts: list[Prompt]
) -> float:
    """Mean J over objects and the frames after the first in which they are to be seen."""
    session = TrackingSession(model, length=len(frames))
    values = []
    with torch.inference_mode():
        for index, image in enumerate(frames):
            frame = Frame(index, image)
            if index == 0:
                for number, prompt in enumerate(prompts, start=1):
                    session.prompt(number, prompt, frame)
            result = session.step(frame)
            for number, mask in enumerate(masks, start=1):
                if index and mask[index].any():
                    found = result.mask(number)
                    values.append((found & mask[index]).sum() / (found | mask[index]).sum())
    return float(np.mean(values)) if values else 0.0


def _click(mask: np.ndarray) -> Prompt:
    """A click on the pixel of the object that lies nearest to its middle."""
    y, x = mask.nonzero()
    nearest = np.argmin((y - y.mean()) ** 2 + (x - x.mean()) ** 2)
    return Prompt.click(float(x[nearest]), float(y[nearest]))


def _row(name: str, scores: np.ndarray) -> str:
    """Means over clips, and how far chance may have moved them (one standard error)."""
    means = 100 * scores.mean(0)
    errors = 100 * scores.std(0) / len(scores) ** 0.5
    cells = (f"{m:.1f} ± {e:.1f}" for m, e in zip(means, errors, strict=True))
    return f"| {name} | {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
