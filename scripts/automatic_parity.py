"""Compare automatic masks with the official generators, with the same seeded weights.

Run where ``segment-anything==1.0`` and ``sam2==1.1.0`` are installed, with this checkout on the
path, in fp32 on the CPU::

    PYTHONPATH=. python scripts/automatic_parity.py photo.jpg --models small_sam small_2.1

Seeded weights are sure of nothing, and their masks are large: thresholds are lowered, and more
overlap is allowed, equally on both sides (``tests/reference/automatic_cases.py``). For each model
and case the script prints how many masks there are on both sides, the lowest IoU of the masks that
belong together, and the CPU time of both, in turns. The last line says whether all agree:
the same number of masks, and an IoU of at least 0.99.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings

import automatic_official as official  # makes the package ``reference`` of the tests importable
import numpy as np
import torch
from PIL import Image
from reference.automatic_cases import CASES, cases_of, matched_iou, settings
from reference.automatic_replay import generate, ours


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("picture")
    parser.add_argument("--models", nargs="+", default=["small_sam", "small_2.1"])
    parser.add_argument("--cases", nargs="+", default=list(CASES))
    parser.add_argument("--side", type=int, default=640, help="of the picture, in pixels")
    parser.add_argument("--points", type=int, help="clicks on a side; default: as the cases say")
    parser.add_argument("--turns", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore")
    torch.set_num_threads(arguments.threads)
    picture = Image.open(arguments.picture).convert("RGB")
    picture.thumbnail((arguments.side, arguments.side))
    image = np.array(picture)
    print(f"picture {image.shape[1]} x {image.shape[0]}, {arguments.threads} threads")
    agree = True
    for name in arguments.models:
        theirs, model = official.build(name), ours(name)
        for case in arguments.cases:
            if case not in cases_of(name):
                continue
            chosen = settings(name, case)
            if arguments.points:
                chosen["points_per_side"] = arguments.points
            print(f"{name} {case}: ", end="", flush=True)
            agree &= _compare(chosen, theirs, model, image, arguments.turns)
    print("all agree" if agree else "NOT all agree")
    return 0 if agree else 1


def _compare(chosen: dict, theirs, model, image: np.ndarray, turns: int) -> bool:
    times: dict[str, list[float]] = {"theirs": [], "ours": []}
    for _ in range(turns):
        expected = _timed(times["theirs"], official.generate, theirs, chosen, image)
        found = _timed(times["ours"], generate, model, chosen, image)
    ious = matched_iou([one["segmentation"] for one in expected], [one.mask() for one in found])
    facts = _facts(list(expected), [one.record(runs=True) for one in found])
    a, b = min(times["theirs"]), min(times["ours"])
    worst = min(ious, default=0.0)
    print(
        f"{len(expected)} official, {len(found)} ours, lowest IoU {worst:.4f}, "
        f"{facts}; {a:.1f} s and {b:.1f} s of CPU time, {a / b:.2f} times",
        flush=True,
    )
    return len(expected) == len(found) and worst >= 0.99


def _facts(expected: list, found: list) -> str:
    """Whether the other keys agree where both lists are in the same order."""
    if len(expected) != len(found):
        return "counts differ"
    same = 0
    for a, b in zip(expected, found, strict=True):
        near = np.allclose(a["bbox"], b["bbox"], atol=1) and a["crop_box"] == b["crop_box"]
        near &= np.allclose(a["point_coords"], b["point_coords"], atol=1e-2)
        near &= abs(a["predicted_iou"] - b["predicted_iou"]) < 1e-3
        near &= abs(a["stability_score"] - b["stability_score"]) < 1e-3
        same += near and abs(a["area"] - b["area"]) <= max(2, 0.001 * a["area"])
    return f"{same} in the same place with equal facts"


def _timed(times: list[float], call, *arguments):
    start = time.process_time()
    result = call(*arguments)
    times.append(time.process_time() - start)
    return result


if __name__ == "__main__":
    sys.exit(main())
