"""Time models of this package on the same work, in turns, in one process.

    python scripts/model_speed.py sam2.1_hiera_tiny sam2.1_hiera_tiny,pool=2 edgetam
    python scripts/model_speed.py nano nano,recent=1 nano,image_size=192

After the name: ``pool`` and ``recent`` of ``memory``, and ``image_size``. Random weights, one
video, boxes as prompts; the models take turns frame by frame, so that what else the machine does
hits all alike. On a CPU the time is that of the processor. A frame is timed once the memory is
full. Prints the median seconds a frame and the median ratio to the first model over the frames.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterator
from dataclasses import replace

import torch
from trackers import BOXES

from sam2track import Frame, Prompt, TrackingSession
from sam2track.device import PRECISIONS
from sam2track.memory import AutoSettings
from sam2track.model.sam2 import SAM2
from sam2track.model.variants import find_variant
from sam2track.synthetic.video import SyntheticVideo


def turns(
    name: str, video: list[Frame], objects: int, device: str, precision: torch.dtype
) -> Iterator[None]:
    """One frame a turn."""
    name, *settings = name.split(",")
    values = {key: int(value) for key, _, value in (text.partition("=") for text in settings)}
    variant = find_variant(name)
    variant = replace(variant, image_size=values.pop("image_size", variant.image_size))
    model = SAM2(variant).eval().requires_grad_(False).to(device)
    model.lower(precision)
    if "pool" in values:
        model.pool_memory(values.pop("pool"))
    session = TrackingSession(model, length=len(video), memory=AutoSettings(**values))
    for number, box in enumerate(BOXES[:objects], 1):
        session.prompt(number, Prompt.from_box(box), video[0])
    for frame in video:
        session.step(frame)
        yield


def now(device: str) -> float:
    """Seconds: of the processor, or, with a GPU, by the clock once it has finished."""
    if device == "cpu":
        return time.process_time()
    torch.cuda.synchronize()
    return time.perf_counter()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("models", nargs="+", help="NAME, or NAME,SETTING=VALUE,...")
    parser.add_argument("--frames", type=int, default=4, help="frames that are timed")
    parser.add_argument("--objects", type=int, default=1, choices=range(1, len(BOXES) + 1))
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", default="fp32", choices=PRECISIONS)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    warm_up = 8  # these frames fill the memory
    video = list(SyntheticVideo((480, 854), warm_up + options.frames, seed=0))
    rest = video, options.objects, options.device, PRECISIONS[options.precision]
    models = {name: turns(name, *rest) for name in options.models}
    seconds: dict[str, list[float]] = {name: [] for name in models}
    for index in range(len(video)):
        for name, model in models.items():
            started = now(options.device)
            next(model)
            if index >= warm_up:
                seconds[name].append(now(options.device) - started)
    first = seconds[options.models[0]]
    for name, times in seconds.items():
        ratio = statistics.median(a / b for a, b in zip(times, first, strict=True))
        print(f"{name}: {statistics.median(times):.3f} s a frame, {ratio:.2f} of the first")


if __name__ == "__main__":
    main()
