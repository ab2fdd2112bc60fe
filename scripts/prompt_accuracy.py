"""How well prompts are obeyed on one picture: IoU after each kind of prompt.

    python scripts/prompt_accuracy.py --davis /data/davis --zoom off auto
    python scripts/prompt_accuracy.py --stills assets/stills
    python scripts/prompt_accuracy.py --assets assets --clips 100

On the first frames of DAVIS 2016, on photographs (``scripts/outlined_photographs.py``; of those
whose masks no training sees the first object), or on drawn clips that no training sees (needs the
pictures of ``scripts/fetch_assets.py``). Prompts: one click in the object's middle; three and six
clicks, each in the middle of the largest error; the box; the box and then one negative click in the
middle of the largest wrong part; a wrong mask (without the object's lowest fifth, with a square at
its right), and then one click and three, as above.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from tqdm import tqdm

from sam2track import Prompt, TrackingSession, load_model
from sam2track.data.readers.still_images import CocoStills
from sam2track.metrics import region
from sam2track.prompts.simulated_user import corrective_click, first_prompt, inner_point
from sam2track.types import Frame
from sam2track.video import read_picture

SEED = 9_000_001  # training draws its clips from small seeds
Case = tuple[Frame, np.ndarray]  # a picture and the true mask of one object


def davis(root: Path, names: list[str]) -> Iterator[Case]:
    """The first frame of each sequence."""
    for folder in sorted((root / "JPEGImages/480p").iterdir()):
        if not names or folder.name in names:
            picture = min(folder.glob("*.jpg"))
            mask = min((root / "Annotations/480p" / folder.name).glob("*.png"))
            yield Frame(0, read_picture(picture)), read_picture(mask).max(-1) > 0


def photographs(root: Path) -> Iterator[Case]:
    """The first object of each photograph that is kept for tests."""
    stills = CocoStills(root / "images", root / "test.json")
    for number in range(len(stills)):
        still = stills[number]
        yield Frame(0, still.image), still.mask(0)


def drawn(assets: Path, clips: int) -> Iterator[Case]:
    """A random object of the first frame of each drawn clip."""
    from sam2track.data.clips.procedural_clips import ProceduralClips
    from sam2track.synthetic import Assets

    source = ProceduralClips(Assets(assets), 480, frames=1)
    for number in range(clips):
        random = np.random.default_rng([SEED, number])
        clip = source.clip(random)
        label = 1 + int(random.integers(clip.masks[0].max()))
        yield Frame(0, clip.frames[0]), clip.masks[0] == label


def accuracies(session: TrackingSession, frame: Frame, truth: np.ndarray) -> dict[str, float]:
    """IoU after each kind of prompt; each kind is an object of its own."""
    found = {}
    mask = session.prompt(1, first_prompt("click", truth), frame)
    found["1 click"] = region(mask, truth)
    for clicks in range(2, 7):
        if not np.array_equal(mask, truth):
            mask = session.prompt(1, corrective_click(mask, truth), frame)
        if clicks in (3, 6):
            found[f"{clicks} clicks"] = region(mask, truth)
    mask = session.prompt(2, first_prompt("box", truth), frame)
    found["box"] = region(mask, truth)
    if (mask & ~truth).any():
        x, y = inner_point(mask & ~truth)
        mask = session.prompt(2, Prompt.click(x, y, 0), frame)
    found["box, negative"] = region(mask, truth)
    mask = session.prompt(3, Prompt.from_mask(flawed(truth)), frame)
    found["wrong mask"] = region(mask, truth)
    for clicks in range(1, 4):
        if not np.array_equal(mask, truth):
            mask = session.prompt(3, corrective_click(mask, truth), frame)
        if clicks in (1, 3):
            found["and a click" if clicks == 1 else f"and {clicks} clicks"] = region(mask, truth)
    return found


def flawed(truth: np.ndarray) -> np.ndarray:
    """The mask without the object's lowest fifth, and with a square at its right."""
    (ys, xs), (height, width) = np.nonzero(truth), truth.shape
    mask = truth.copy()
    mask[int(ys.max() - (ys.max() - ys.min()) / 5) + 1 :] = False
    side = max(3, round(truth.sum() ** 0.5 / 2))
    left = int(np.clip(xs.max() - side / 5, 0, max(0, width - side)))
    top = int(np.clip(ys.mean() - side / 2, 0, max(0, height - side)))
    mask[top : top + side, left : left + side] = True
    return mask


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--davis", type=Path, help="DAVIS 2016 at 480p")
    parser.add_argument("--names", nargs="*", default=[], help="of its sequences; default: all")
    parser.add_argument("--stills", type=Path, help="what scripts/outlined_photographs.py wrote")
    parser.add_argument("--assets", type=Path, help="the pictures for drawn clips")
    parser.add_argument("--clips", type=int, default=100)
    parser.add_argument("--model", default="nano")
    parser.add_argument("--checkpoint")
    parser.add_argument("--zoom", nargs="+", default=["auto"])
    args = parser.parse_args()
    if [args.davis, args.stills, args.assets].count(None) != 2:
        parser.error("give one of --davis, --stills and --assets")
    model = load_model(args.model, args.checkpoint)
    scores: dict[str, list[dict[str, float]]] = {zoom: [] for zoom in args.zoom}
    if args.davis:
        cases = davis(args.davis, args.names)
    else:
        cases = photographs(args.stills) if args.stills else drawn(args.assets, args.clips)
    for frame, truth in tqdm(cases):
        for zoom in args.zoom:
            session = TrackingSession(model, zoom=zoom)
            scores[zoom].append(accuracies(session, frame, truth))
    kinds = list(scores[args.zoom[0]][0])
    print("| zoom | " + " | ".join(kinds) + " |\n|---" * 1 + "|---" * len(kinds) + "|")
    for zoom, rows in scores.items():
        means = [f"{100 * np.mean([row[kind] for row in rows]):.1f}" for kind in kinds]
        print(f"| {zoom} | " + " | ".join(means) + " |")


if __name__ == "__main__":
    main()
