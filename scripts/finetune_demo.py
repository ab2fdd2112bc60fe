"""Shows fine-tuning at a small size: nano learns what the user's masks mean.

    python scripts/finetune_demo.py --out runs/demo

Makes a folder of videos with masks, as a user would bring them, in two parts: cells under a
microscope, of which the nucleus is masked. Where nano is shown a nucleus with a click it takes the
whole cell. Runs ``sam2track train recipe=finetune`` on one part, and prints J and F on the other,
before and after, with one click on each nucleus in the first frame.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np

from sam2track import cli, load_model
from sam2track.data.readers.folder import folder
from sam2track.synthetic.video import SyntheticVideo
from sam2track.train import Score, score_sequences

SIZE = (240, 426)
LENGTH = 40


def write_videos(root: Path, *, train: int, valid: int) -> None:
    """Videos with masks, laid out as docs/datasets.md says."""
    for number in range(train + valid):
        split = "train" if number < train else "valid"
        video = SyntheticVideo(SIZE, LENGTH, objects=2, seed=1000 + number)
        noise = np.random.default_rng(number)
        parts = {}
        for kind in ("JPEGImages", "Annotations"):
            parts[kind] = root / split / kind / f"{number:03d}"
            parts[kind].mkdir(parents=True, exist_ok=True)
        for index in range(LENGTH):
            picture, nuclei = cells(video.mask(index), noise)
            cv2.imwrite(str(parts["JPEGImages"] / f"{index:05d}.jpg"), picture)
            cv2.imwrite(str(parts["Annotations"] / f"{index:05d}.png"), nuclei)


def cells(labels: np.ndarray, noise: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A grey picture of cells that fill the labelled pixels, and the labels of their nuclei."""
    grain = noise.normal(0, 1, labels.shape).astype(np.float32)
    picture = 120 + 25 * cv2.GaussianBlur(grain, (0, 0), 1.0)
    nuclei = np.zeros_like(labels)
    for label in np.unique(labels[labels > 0]):
        depth = cv2.distanceTransform((labels == label).astype(np.uint8), cv2.DIST_L2, 5)
        beyond = depth - 0.45 * depth.max()  # the nucleus' edge is a soft one
        picture += 45 * (depth > 0) * np.exp(-((depth / 2) ** 2))  # the membrane
        picture -= 40 * (depth > 0) / (1 + np.exp(-beyond / 1.5))
        nuclei[beyond > 0] = label
    return np.clip(picture, 0, 255).astype(np.uint8), nuclei


def score(root: Path, checkpoint: Path | None) -> Score:
    """On the held-out videos, with one click on each nucleus in the first frame."""
    model = load_model("nano", checkpoint, device="cpu")
    return score_sequences(model, folder(root, "valid"), prompt="click")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--train", type=int, default=12, help="videos to train on")
    parser.add_argument("--valid", type=int, default=6, help="videos held out")
    parser.add_argument("more", nargs="*", help="further settings of sam2track train")
    options = parser.parse_args()
    root, run = options.out / "videos", options.out / "run"
    write_videos(root, train=options.train, valid=options.valid)
    before = score(root, None)
    print(f"before: J {100 * before.j:.1f}  F {100 * before.f:.1f}", flush=True)
    arguments = ["train", "recipe=finetune", f"data.root={root}", "data.split=train", f"out={run}"]
    small = ["model=nano", "frames=4", "clips=3", "accumulate=1", "workers=1", "rate=2e-4"]
    quick = ["prompts.anchors=1", "prompts.correct=0", "loss_stride=2", "checkpointing=false"]
    clicks = ["prompts.mask=0.2", "prompts.box=0", "prompts.click=0.8"]
    short = ["warmup=10", "average=0.95", "clip=1", f"steps={options.steps}"]
    status = cli.main([*arguments, *small, *quick, *clicks, *short, *options.more])
    if status:
        raise SystemExit(status)
    after = score(root, run / "weights.safetensors")
    print(f"before: J {100 * before.j:.1f}  F {100 * before.f:.1f}")
    print(f"after:  J {100 * after.j:.1f}  F {100 * after.f:.1f}")


if __name__ == "__main__":
    main()
