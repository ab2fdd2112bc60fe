"""OpenCV's trackers of single objects beside the model, on a dataset of boxes in the OTB layout.

    pip install --no-deps --target opencv opencv-contrib-python-headless
    PYTHONPATH=opencv python scripts/baselines.py /data/otb --trackers csrt kcf mil flow nano

CSRT and KCF are only in OpenCV's contrib package, which must not be installed beside another OpenCV
in one folder: so it gets a folder of its own. Every tracker gets the first box. Prints the success
AUC of each sequence in percent, as the benchmark computes it, the mean, and frames per second.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from sam2track.benchmark.boxes import BoxRule, describe, track_box
from sam2track.benchmark.datasets import otb
from sam2track.benchmark.trackers import StartSession, Tracker
from sam2track.data.readers.sequence import BoxSequence

OPENCV = ("csrt", "kcf", "mil")


def by_opencv(name: str, sequence: BoxSequence) -> Iterator[list[float]]:
    """The boxes of one of OpenCV's trackers, x, y, width, height; NaN where there is none."""
    tracker = getattr(cv2, f"Tracker{name.upper()}_create")()
    first = [round(value) for value in sequence.boxes[0]]
    for index in range(len(sequence)):
        picture = np.ascontiguousarray(sequence.frame(index).image[..., ::-1])  # BGR
        if index == 0:
            tracker.init(picture, first)
            yield [float(value) for value in first]
        else:
            found, box = tracker.update(picture)
            yield [float(value) for value in box] if found else [math.nan] * 4


def by_session(start: StartSession, rule: BoxRule, sequence: BoxSequence) -> list[list[float]]:
    """The boxes of a session, as the benchmark makes them."""
    return track_box(start, sequence, rule)[0].tolist()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("root", type=Path)
    parser.add_argument("--trackers", nargs="+", default=["csrt", "copy", "flow", "nano"])
    parser.add_argument("--names", nargs="+", help="only these sequences")
    parser.add_argument("--checkpoint", help="weights of the model")
    parser.add_argument("--zoom", default="auto")
    parser.add_argument("--box-margins", type=float, default=0.5, help="as the benchmark's")
    parser.add_argument("--box-trim", type=float, default=0.01, help="as the benchmark's")
    args = parser.parse_args()
    if any(name in OPENCV[:2] for name in args.trackers) and not hasattr(cv2, "TrackerCSRT_create"):
        parser.error("this OpenCV has no CSRT and KCF; see the top of this script")
    rule = BoxRule(args.box_margins, args.box_trim)
    follow: dict[str, Callable[[BoxSequence], Iterable[list[float]]]] = {}
    for name in args.trackers:
        if name in OPENCV:
            follow[name] = partial(by_opencv, name)
        else:
            settings = Tracker(model=name, checkpoint=args.checkpoint, zoom=args.zoom)
            if name in ("copy", "flow"):
                settings = Tracker(kind=name)
            follow[name] = partial(by_session, settings.load("cpu"), rule)
    scores: list[list[float]] = []
    frames, seconds = 0, dict.fromkeys(follow, 0.0)
    print(f"{'':24}" + "".join(f"{name:>8}" for name in follow))
    for sequence in otb(args.root, names=args.names).sequences:
        row = []
        for name, boxes in follow.items():
            began = time.perf_counter()
            found = np.array([*boxes(sequence)])
            seconds[name] += time.perf_counter() - began
            found[0] = sequence.boxes[0]
            row.append(describe(found, sequence, sequence.frame(0).size)["AUC"])
        scores.append(row)
        frames += len(sequence)
        print(f"{sequence.name:24}" + "".join(f"{score:8.1f}" for score in row), flush=True)
    print(f"{'mean':24}" + "".join(f"{score:8.1f}" for score in np.mean(scores, 0)))
    print(f"{'frames per second':24}" + "".join(f"{frames / own:8.1f}" for own in seconds.values()))


if __name__ == "__main__":
    main()
