"""Time single pictures against the official predictors, in turns, with the same seeded weights.

Run where ``segment-anything==1.0`` and ``sam2==1.1.0`` are installed, with this checkout on the
path, in fp32 on the CPU::

    PYTHONPATH=. python scripts/image_speed.py --models sam2.1_hiera_tiny sam_vit_b

Three tasks: the embedding, one click (three masks at the picture's size), 64 boxes (one mask each
at the picture's size). The two sides take turns; the time is the least of the turns, in seconds of
the process's CPU, which another process on the machine changes little.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable

import image_official as official  # makes the package ``reference`` of the tests importable
import numpy as np
import torch
from parity import MODELS as SAM2_MODELS
from reference.image_cases import SAM2_SEED, picture
from reference.image_replay import build_sam
from reference.replay import build
from sam2.sam2_image_predictor import SAM2ImagePredictor
from segment_anything import SamPredictor, sam_model_registry

from sam2track.image import ImagePredictor, PromptRows
from sam2track.model import find_image_variant, find_variant

SIZE = (720, 1280)
Work = Callable[[], object]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", nargs="+", default=["sam2.1_hiera_tiny", "sam_vit_b"])
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore")
    torch.set_num_threads(arguments.threads)
    image = np.resize(picture("square", 1280), (*SIZE, 3))
    for name in arguments.models:
        tasks = _tasks(name, image)
        for task, sides in tasks.items():
            least = [min(times) for times in zip(*_in_turns(sides, arguments.turns), strict=True)]
            print(f"| {name} | {task} | {least[0]:.2f} | {least[1]:.2f} |", flush=True)


def _in_turns(sides: tuple[Work, Work], turns: int) -> list[list[float]]:
    return [[_seconds(work) for work in sides] for _ in range(turns)]


@torch.no_grad()
def _seconds(work: Work) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def _tasks(name: str, image: np.ndarray) -> dict[str, tuple[Work, Work]]:
    """By task, what the official predictor and what ours does."""
    if name.startswith("sam_"):
        model = official.seeded(sam_model_registry[name.removeprefix("sam_")](), 2)
        theirs = SamPredictor(model)
        ours = ImagePredictor(build_sam(find_image_variant(name), 2))
    else:
        config, _, bias = SAM2_MODELS[name]
        model = official.reference_official.build(config, seed=SAM2_SEED, presence_bias=bias)
        theirs = SAM2ImagePredictor(model)
        ours = ImagePredictor(build(find_variant(name), seed=SAM2_SEED, presence_bias=bias))
    click, label = np.array([[640.0, 360.0]]), np.array([1])
    corners = np.random.default_rng(0).uniform((0, 0), (900, 400), (64, 2))
    boxes = np.concatenate((corners, corners + 250), axis=1)
    theirs.set_image(image)
    encoded = ours.encode(image)

    def their_boxes() -> object:
        if isinstance(theirs, SAM2ImagePredictor):
            return theirs.predict(box=boxes, multimask_output=False)
        moved = torch.as_tensor(theirs.transform.apply_boxes(boxes, SIZE)).float()
        return theirs.predict_torch(None, None, moved, multimask_output=False)

    def our_rows(rows: PromptRows, multimask: bool) -> list[torch.Tensor]:
        return [part.masks() for part in ours.decode(encoded, rows, multimask=multimask)]

    return {
        "embedding": (lambda: theirs.set_image(image), lambda: ours.encode(image)),
        "one click": (
            lambda: theirs.predict(click, label),
            lambda: our_rows(PromptRows.of_points(click), True),
        ),
        "64 boxes": (their_boxes, lambda: our_rows(PromptRows.of_boxes(boxes), False)),
    }


if __name__ == "__main__":
    main()
