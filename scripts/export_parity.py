"""Compare an exported model with PyTorch: masks, logits and speed, side by side.

    sam2track convert model=nano to=onnx out=nano_onnx
    python scripts/export_parity.py nano_onnx --frames 20

Two objects are followed through a procedural video: a click and a mask on the first frame, a
correction of both in the middle, then from the last frame back to the first. Both models, in fp32
on the CPU with the same threads, take turns frame by frame. Prints the least IoU of their masks,
the largest difference of low-resolution logits (and its share of the largest logit), the median
seconds a frame once the memory is full, and the median ratio exported / PyTorch over the frames.

Memories are stored in bf16, which turns the last digits of fp32 into differences of a few
thousandths in the logits; with ``--fp32-memory`` both models store them in fp32.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path

import numpy as np
import torch

from sam2track import FrameResult, Prompt, TrackingSession, load_model
from sam2track.model.exported import DESCRIPTION
from sam2track.synthetic.video import SyntheticVideo

FULL = 7  # frames after which the memory is full


def steps(session: TrackingSession, video: SyntheticVideo) -> list:
    """What is done, each step a function that returns its frame's result."""
    middle, last = video.length // 2, video.length - 1

    def prompt(index: int) -> None:
        shown, frame = video.mask(index), video.read(index)
        y, x = (values.mean() for values in np.nonzero(shown == 1))
        session.prompt(1, Prompt.click(x, y), frame)
        session.prompt(2, Prompt.from_mask(shown == 2), frame)

    def step(index: int, direction: int) -> FrameResult:
        if direction == 1 and index == middle:
            session.step(video.read(index))
        if direction == 1 and index in (0, middle):
            prompt(index)
        return session.step(video.read(index), direction=direction)

    forward = [(index, 1) for index in range(video.length)]
    return [lambda a=a: step(*a) for a in (*forward, *((i, -1) for i in range(last - 1, -1, -1)))]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="of the exported model")
    parser.add_argument(
        "--checkpoint", help="the weights that were exported; default: as for load_model"
    )
    parser.add_argument("--frames", type=int, default=20)
    parser.add_argument("--fp32-memory", action="store_true", help="memories are not rounded")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    name = json.loads((arguments.folder / DESCRIPTION).read_text())["model"]
    video = SyntheticVideo((480, 854), arguments.frames, seed=0)
    models = [
        load_model(name, checkpoint, device="cpu", precision=precision)
        for checkpoint, precision in ((arguments.checkpoint, "fp32"), (arguments.folder, "auto"))
    ]
    for model in models:
        model.memory_dtype = torch.float32 if arguments.fp32_memory else torch.bfloat16
    turns = [steps(TrackingSession(model, archive=True), video) for model in models]
    seconds, ious, differences, largest = [], [], [], 0.0
    for number, pair in enumerate(zip(*turns, strict=True)):
        results, times = [], []
        for own in pair if number % 2 else pair[::-1]:
            started = time.perf_counter()
            results.append(own())
            times.append(time.perf_counter() - started)
        if not number % 2:
            results, times = results[::-1], times[::-1]
        if number > FULL and number != arguments.frames // 2:
            seconds.append(times)
        ours, exported = results
        if not ours.object_ids:
            continue
        ious += [iou(a, b) for a, b in zip(ours.masks, exported.masks, strict=True)]
        differences.append((ours.logits - exported.logits).abs().max().item())
        shown = ours.logits[ours.logits > -1024]
        largest = max(largest, shown.abs().max().item() if len(shown) else 0.0)
        print(number, f"least IoU {min(ious):.6f}, logits {differences[-1]:.1e}", times, flush=True)
    medians = [statistics.median(own) for own in zip(*seconds, strict=True)]
    ratio = statistics.median(b / a for a, b in seconds)
    print(
        f"{name}, {arguments.folder}: least IoU {min(ious):.6f}, largest difference of logits "
        f"{max(differences):.1e} of {largest:.1f}; {medians[0]:.3f} s a frame in PyTorch, "
        f"{medians[1]:.3f} exported, ratio {ratio:.2f}"
    )
    return 0


def iou(a: torch.Tensor, b: torch.Tensor) -> float:
    union = int((a | b).sum())
    return int((a & b).sum()) / union if union else 1.0


if __name__ == "__main__":
    raise SystemExit(main())
