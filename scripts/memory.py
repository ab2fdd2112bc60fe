"""Show that memory does not grow with the length of a video.

    python scripts/memory.py --out docs/images/memory.png

Makes a procedural 480p video file, runs the command ``sam2track track`` on it once for each number
of objects, with all its sinks, and reads the process's resident memory (RSS, from /proc: Linux)
while the masks appear. Prints how much it grew from frame 500 to the end, and plots it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import av

from sam2track.masks.boxes import mask_box
from sam2track.synthetic.video import SyntheticVideo

SETTLED = 500  # frames after which buffers have been filled
LIMIT = 0.02


def write_video(path: Path, frames: int) -> list[list[int]]:
    """Encode the procedural video; the boxes of its objects in the first frame."""
    source = SyntheticVideo(length=frames, size=(480, 854), objects=4, seed=0)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=24, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 854, 480, "yuv420p"
        for frame in source:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame.image, format="rgb24")))
        container.mux(stream.encode())
    labels = source.mask(0)
    return [list(mask_box(labels == number) or (0, 0, 9, 9)) for number in range(1, 5)]


def resident_mb(pid: int) -> float:
    """Resident memory of a process in MB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


def watch(video: Path, boxes: list[list[int]], folder: Path, model: list[str]) -> list[list[float]]:
    """Run the command; pairs of (frames written, MB)."""
    prompts = folder / "prompts.json"
    prompts.write_text(
        json.dumps([{"object": n, "frame": 0, "box": box} for n, box in enumerate(boxes, 1)])
    )
    out = folder / f"out{len(boxes)}"
    command = [sys.executable, "-m", "sam2track", "track", f"video={video}", f"out={out}"]
    process = subprocess.Popen([*command, f"prompts={prompts}", *model], stderr=subprocess.DEVNULL)
    samples = []
    while process.poll() is None:
        frames = len(list((out / "masks").glob("*.png"))) if out.exists() else 0
        samples.append([frames, resident_mb(process.pid)])
        time.sleep(2)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    return [sample for sample in samples if sample[0] > 0 and sample[1] > 0]


def plot(runs: dict[int, list[list[float]]], path: Path) -> None:
    """RSS by frame, a line for each number of objects."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 3.5), layout="constrained")
    for objects, samples in runs.items():
        frames, mb = zip(*samples, strict=True)
        axes.plot(frames, mb, label=f"{objects} object{'s' * (objects > 1)}")
    axes.set(xlabel="frames written", ylabel="resident memory, MB", ylim=(0, None))
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    figure.savefig(path, dpi=150)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--frames", type=int, default=10_000)
    parser.add_argument("--objects", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--out", type=Path, default=Path("memory.png"), help="the picture")
    parser.add_argument("model", nargs="*", help="further settings, such as checkpoint=PATH")
    options = parser.parse_args()
    runs, failed = {}, False
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        boxes = write_video(folder / "long.mp4", options.frames)
        for objects in options.objects:
            samples = watch(folder / "long.mp4", boxes[:objects], folder, options.model)
            runs[objects] = samples
            settled = [mb for frames, mb in samples if frames >= SETTLED]
            ends = settled[-max(1, len(settled) // 20) :]
            begin, end = settled[0], sum(ends) / len(ends)
            growth = end / begin - 1
            failed |= growth >= LIMIT
            print(
                f"{objects} objects, {options.frames} frames: {begin:.0f} MB at frame {SETTLED}, "
                f"{end:.0f} MB at the end ({growth:+.1%}), highest {max(settled):.0f} MB"
            )
    plot(runs, options.out)
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main())
