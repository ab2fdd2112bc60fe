"""Shows fine-tuning at a small size: nano learns a kind of video that it is bad at.

    python scripts/finetune_demo.py --out runs/demo

Makes a folder of videos with masks, as a user would bring them (faint and full of speckle, as from
a laser or radar), in two parts; runs ``sam2track train recipe=finetune`` on one; and prints J and F
on the other, before and after.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np

from sam2track import cli, load_model
from sam2track.data.folder import folder
from sam2track.train.evaluation import Score, score_sequences
from sam2track.video.synthetic import SyntheticVideo

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
            picture = cv2.cvtColor(speckled(video[index].image, noise), cv2.COLOR_RGB2BGR)
            cv2.imwrite(str(parts["JPEGImages"] / f"{index:05d}.jpg"), picture)
            cv2.imwrite(str(parts["Annotations"] / f"{index:05d}.png"), video.mask(index))


def speckled(image: np.ndarray, noise: np.random.Generator) -> np.ndarray:
    """Half the contrast, and brightness times noise of its own strength."""
    grain = noise.exponential(1.0, image.shape[:2]).astype(np.float32)
    faint = 50 + 0.5 * image.astype(np.float32)
    return np.clip(faint * cv2.GaussianBlur(grain, (0, 0), 0.7)[..., None], 0, 255).astype(np.uint8)


def score(root: Path, checkpoint: Path | None) -> Score:
    """On the held-out videos, with the masks of the first frame given."""
    model = load_model("nano", checkpoint, device="cpu")
    return score_sequences(model, folder(root, "valid"))


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
    masks = ["prompts.mask=0.8", "prompts.box=0.1", "prompts.click=0.1"]
    short = ["warmup=10", "average=0.95", "clip=1", f"steps={options.steps}"]
    status = cli.main([*arguments, *small, *quick, *masks, *short, *options.more])
    if status:
        raise SystemExit(status)
    after = score(root, run / "weights.safetensors")
    print(f"before: J {100 * before.j:.1f}  F {100 * before.f:.1f}")
    print(f"after:  J {100 * after.j:.1f}  F {100 * after.f:.1f}")


if __name__ == "__main__":
    main()
