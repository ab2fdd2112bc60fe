"""Score a tracker, or a baseline that learns nothing, on DAVIS.

    python scripts/davis.py --root DAVIS                          # nano, first mask given, 2016
    python scripts/davis.py --root DAVIS --year 2017 --prompt click --model sam2.1_hiera_tiny
    python scripts/davis.py --root DAVIS --baseline flow --json flow.json --out masks/

Prints J, F and J&F in percent: for each sequence, and the mean over objects. As DAVIS counts, the
first and the last frame are left out; the column J+ leaves out only the first. The prompt is made
from the first frame's annotation: the mask, its box, or one click on it, as far from its edge as
can be. Frames a second are those of reading the pictures and tracking, without scoring.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Bool, UInt8
from PIL import Image
from tqdm import tqdm

from sam2track import Prompt, TrackingSession, load_model
from sam2track.data.davis import davis
from sam2track.data.vos import VOSSequence
from sam2track.metrics import DAVIS_2016, DAVIS_2017, ObjectScores, score_sequence
from sam2track.sinks import davis_palette
from sam2track.types import mask_box

LabelMap = UInt8[np.ndarray, "H W"]
Tracker = Callable[[VOSSequence], Iterator[LabelMap]]


def follow(model, make_prompt: Callable[[Bool[np.ndarray, "H W"]], Prompt]) -> Tracker:
    """Our tracker, prompted on the first frame; the prompted frame's result is its own."""

    def track(sequence: VOSSequence) -> Iterator[LabelMap]:
        session = TrackingSession(model, length=len(sequence))
        for index in range(len(sequence)):
            frame = sequence.frame(index)
            if index == 0:
                for object_id, mask in sequence.masks(0).items():
                    session.prompt(object_id, make_prompt(mask), frame)
            yield session.step(frame).label_map()

    return track


def copy_first(sequence: VOSSequence) -> Iterator[LabelMap]:
    """The first mask, on every frame."""
    for index in range(len(sequence)):
        sequence.frame(index)  # read as the others do, for the speed
        yield sequence.labels(0)


def warp_first(sequence: VOSSequence) -> Iterator[LabelMap]:
    """The first mask, carried from frame to frame by DIS optical flow (OpenCV, medium preset).

    Each pixel of a new frame looks up where it was in the one before. Masks stay soft in between,
    so that they do not crumble.
    """
    flow_of = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    soft = {label: mask.astype(np.float32) for label, mask in sequence.masks(0).items()}
    before = None
    for index in range(len(sequence)):
        now = cv2.cvtColor(sequence.frame(index).image, cv2.COLOR_RGB2GRAY)
        if before is not None:
            where = flow_of.calc(now, before, None)
            where += np.stack(np.meshgrid(*(np.arange(n) for n in now.shape[::-1])), -1)
            soft = {
                label: cv2.remap(mask, where.astype(np.float32), None, cv2.INTER_LINEAR)
                for label, mask in soft.items()
            }
        before = now
        yield strongest(soft, now.shape)


def strongest(soft: dict[int, np.ndarray], size: tuple[int, int]) -> LabelMap:
    """By pixel the id whose soft mask is highest, where it exceeds one half."""
    layers = np.stack([np.full(size, 0.5, np.float32), *soft.values()])
    return np.array([0, *soft], np.uint8)[layers.argmax(0)]


def click_inside(mask: Bool[np.ndarray, "H W"]) -> Prompt:
    """One click on the object, as far from its edge as can be; the frame's edge counts as one."""
    padded = np.pad(mask.astype(np.uint8), 1)
    distance = cv2.distanceTransform(padded, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1]
    y, x = np.unravel_index(distance.argmax(), distance.shape)
    return Prompt.click(float(x), float(y))


PROMPTS = {
    "mask": Prompt.from_mask,
    "box": lambda mask: Prompt.from_box(mask_box(mask)),
    "click": click_inside,
}
BASELINES: dict[str, Tracker] = {"copy": copy_first, "flow": warp_first}


def run_sequence(
    tracker: Tracker, sequence: VOSSequence, *, frames: int, year: int, out: Path | None
) -> tuple[dict[int, ObjectScores], float]:
    """Scores by object, and the seconds that tracking took."""
    masks = []
    start = time.perf_counter()
    for labels in tracker(sequence):
        masks.append(labels)
        if len(masks) == frames:
            break
    seconds = time.perf_counter() - start
    if out is not None:
        write_masks(out / sequence.name, masks, sequence, year)
    truths = (sequence.labels(index) for index in range(len(masks)))
    toolkit = DAVIS_2016 if year == 2016 else DAVIS_2017
    return score_sequence(zip(masks, truths, strict=True), toolkit), seconds


def write_masks(folder: Path, masks: list[LabelMap], sequence: VOSSequence, year: int) -> None:
    """One PNG a frame, named as its picture: 0 and 255 for 2016, palette indices for 2017."""
    folder.mkdir(parents=True, exist_ok=True)
    for index, labels in enumerate(masks):
        image = Image.fromarray(labels * 255 if year == 2016 else labels)
        if year == 2017:
            image.putpalette(davis_palette().tobytes())
        image.save(folder / f"{sequence.frame_name(index)}.png")


def summary(scores: list[ObjectScores]) -> dict[str, float]:
    """Means over objects, in percent."""
    j = float(np.mean([100 * score.region.mean for score in scores]))
    f = float(np.mean([100 * score.boundary.mean for score in scores]))
    return {
        "J&F": (j + f) / 2,
        "J": j,
        "F": f,
        "J+": float(np.mean([100 * np.nanmean(score.j[1:]) for score in scores])),
        "J recall": float(np.mean([100 * score.region.recall for score in scores])),
        "J decay": float(np.mean([100 * score.region.decay for score in scores])),
    }


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--root", type=Path, required=True, help="the folder of DAVIS")
    parser.add_argument("--year", type=int, choices=(2016, 2017), default=2016)
    parser.add_argument("--split", default="val")
    parser.add_argument("--sequences", nargs="+", metavar="NAME", help="only these")
    parser.add_argument("--frames", type=int, default=0, help="only the first N frames; 0 = all")
    parser.add_argument("--model", default="nano")
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--prompt", choices=PROMPTS, default="mask")
    parser.add_argument("--baseline", choices=BASELINES, help="instead of a model")
    parser.add_argument("--out", type=Path, help="write the masks as PNGs into this folder")
    parser.add_argument("--json", type=Path, help="write the scores into this file")
    options = parser.parse_args()
    if options.frames and options.frames < 3:
        parser.error("--frames must be at least 3: the first and the last are not scored")
    return options


def main() -> None:
    """Track, score, print, write."""
    options = parse()
    sequences = davis(options.root, options.year, options.split, names=options.sequences)
    if options.baseline:
        tracker = BASELINES[options.baseline]
    else:
        model = load_model(
            options.model, options.checkpoint, device=options.device, precision=options.precision
        )
        tracker = follow(model, PROMPTS[options.prompt])
    everything, report, frames, seconds = [], {}, 0, 0.0
    for sequence in tqdm(sequences, unit="sequence", file=sys.stderr):
        scores, took = run_sequence(
            tracker, sequence, frames=options.frames, year=options.year, out=options.out
        )
        length = len(next(iter(scores.values())).j)
        report[sequence.name] = summary(list(scores.values())) | {"fps": length / took}
        everything += scores.values()
        frames, seconds = frames + length, seconds + took
    mean = summary(everything) | {"fps": frames / seconds}
    print(f"{'sequence':<20}" + "".join(f"{name:>10}" for name in mean))
    for name, row in (*report.items(), ("mean", mean)):
        print(f"{name:<20}" + "".join(f"{value:>10.1f}" for value in row.values()))
    if options.json:
        options.json.write_text(json.dumps({"mean": mean, "sequences": report}, indent=2) + "\n")


if __name__ == "__main__":
    main()
