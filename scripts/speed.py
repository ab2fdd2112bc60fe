"""Time this package, the official ``sam2`` and ``transformers`` on the same work, in one process.

    python scripts/speed.py --frames 12 --objects 1 4

Needs ``sam2==1.1.0`` and ``transformers`` beside this package. The same random weights, frames,
boxes, threads and precision; the three take turns frame by frame, so that what else the machine
does hits all alike; ``--processor`` measures the time of the processor, which depends less on what
else it does. A frame is timed once the memory is full. Prints the median seconds a frame
and, for each other, the median ratio ours / theirs over the frames.

    python scripts/speed.py --end-to-end --objects 1 8

Times the command ``sam2track track`` with nano and all its default sinks on a procedural 854 x 480
video: decoding, tracking and writing together.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from trackers import TRACKERS, Work, take_turns

from sam2track.masks.boxes import mask_box
from sam2track.model.sam2 import SAM2
from sam2track.model.variants import find_variant
from sam2track.synthetic.video import SyntheticVideo

MODEL = "sam2.1_hiera_tiny"
PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16}


def compare(
    names: list[str],
    frames: range,
    objects: int,
    device: str,
    precision: torch.dtype,
    clock: Callable[[], float],
) -> None:
    """Let the trackers take turns over ``frames.stop`` frames, time those in ``frames``, print."""
    torch.manual_seed(0)
    model = SAM2(find_variant(MODEL)).eval()
    video = list(SyntheticVideo((480, 854), frames.stop, seed=0))
    work = Work(MODEL, model, video, objects, device, precision)
    seconds = take_turns(names, work, frames, clock=clock)
    for name, times in seconds.items():
        ratios = [mine / other for mine, other in zip(seconds["ours"], times, strict=True)]
        print(
            f"{MODEL}, {objects} object(s), {name}: {statistics.median(times):.3f} s a frame, "
            f"ours / {name} = {statistics.median(ratios):.2f} "
            f"({min(ratios):.2f} to {max(ratios):.2f})",
            flush=True,
        )


def end_to_end(frames: int, objects: int, settings: list[str]) -> None:
    """Run the command on a file; its last line says how fast it was."""
    import av

    with tempfile.TemporaryDirectory() as folder:
        path, prompts = Path(folder) / "clip.mp4", Path(folder) / "prompts.json"
        source = SyntheticVideo((480, 854), frames, objects=objects, seed=0)
        with av.open(str(path), "w") as container:
            stream = container.add_stream("libx264", rate=24)
            stream.width, stream.height, stream.pix_fmt = 854, 480, "yuv420p"
            for frame in source:
                container.mux(
                    stream.encode(av.VideoFrame.from_ndarray(frame.image, format="rgb24"))
                )
            container.mux(stream.encode())
        boxes = [mask_box(source.mask(0) == number) for number in range(1, objects + 1)]
        if None in boxes:
            raise SystemExit(f"--objects {objects}: some are hidden at first; give fewer")
        placed = [{"object": number, "box": box} for number, box in enumerate(boxes, 1)]
        prompts.write_text(json.dumps(placed), encoding="utf-8")
        command = [sys.executable, "-m", "sam2track", "track", f"video={path}"]
        subprocess.run([*command, f"prompts={prompts}", f"out={folder}/out", *settings], check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--frames", type=int, default=12, help="frames that are timed")
    parser.add_argument("--warm-up", type=int, default=8, help="frames before; 8 fill the memory")
    parser.add_argument("--objects", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--trackers", nargs="+", default=list(TRACKERS), choices=TRACKERS)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", default="fp32", choices=PRECISIONS)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--processor", action="store_true", help="time of the processor")
    parser.add_argument("--end-to-end", action="store_true")
    parser.add_argument("settings", nargs="*", help="for --end-to-end, such as checkpoint=PATH")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.end_to_end:
        for objects in options.objects:
            end_to_end(max(options.frames, 300), objects, options.settings)
        return
    where = f"{options.device}, {options.threads} threads, {options.precision}"
    print(f"torch {torch.__version__}, {where}")
    for objects in options.objects:
        frames = range(options.warm_up, options.warm_up + options.frames)
        precision = PRECISIONS[options.precision]
        clock = time.process_time if options.processor else time.perf_counter
        compare(options.trackers, frames, objects, options.device, precision, clock)


if __name__ == "__main__":
    main()
