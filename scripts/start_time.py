"""Time the start of ``sam2track track``, for one or several source trees in turns.

    python scripts/start_time.py . ../other_tree

Each run is a process of its own with the tree on ``PYTHONPATH``: ``import sam2track``,
``sam2track --help``, and ``sam2track track`` on a procedural clip of ten frames with all its
default sinks, until the first mask is a file and until the process ends. The trees take turns, so
that what else the machine does hits all alike. Prints the median seconds, of the clock and of the
processor.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import av

from sam2track.synthetic.video import SyntheticVideo

Times = dict[str, tuple[float, float]]  # by what was timed: seconds of the clock, of the processor


def write_clip(path: Path) -> None:
    """Ten frames of 854 x 480."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=24)
        stream.width, stream.height, stream.pix_fmt = 854, 480, "yuv420p"
        for frame in SyntheticVideo((480, 854), 10, seed=0):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame.image, format="rgb24")))
        container.mux(stream.encode())


def run(
    tree: Path, folder: Path, arguments: list[str], awaited: Path | None = None
) -> list[tuple[float, float]]:
    """Seconds (clock, processor) until the awaited file is there, if one is, and until the end.

    It runs in ``folder``, since Python looks for modules in the current one first.
    """
    environment = {**os.environ, "PYTHONPATH": str(tree.resolve())}
    before, start = _processor(), time.perf_counter()
    command = [sys.executable, *arguments]
    with subprocess.Popen(
        command, env=environment, cwd=folder, stdout=subprocess.DEVNULL
    ) as process:
        times = []
        while awaited is not None and not awaited.is_file():
            if process.poll() is not None:
                raise SystemExit(f"{tree}: {' '.join(arguments)} ended without {awaited.name}")
            time.sleep(0.001)
        if awaited is not None:
            times.append((time.perf_counter() - start, _used(process.pid)))
        if process.wait():
            raise SystemExit(f"{tree}: {' '.join(arguments)} failed")
    return [*times, (time.perf_counter() - start, _processor() - before)]


def _used(pid: int) -> float:
    """Seconds of the processor of a running process; not a number where the system has no /proc."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return float("nan")
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _processor() -> float:
    """Seconds of the processor of all processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def start_times(tree: Path, settings: list[str], folder: Path, clip: Path) -> Times:
    """One run of each kind."""
    out = Path(tempfile.mkdtemp(dir=folder))
    command = ["-m", "sam2track", "track", f"video={clip}", "click=[427,240]", f"out={out}/run"]
    first, last = run(tree, out, [*command, *settings], out / "run" / "masks" / "00000.png")
    return {
        "import sam2track": run(tree, out, ["-c", "import sam2track"])[0],
        "sam2track --help": run(tree, out, ["-m", "sam2track", "--help"])[0],
        "track, first mask": first,
        "track, end": last,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("trees", type=Path, nargs="+", help="folders with a folder sam2track")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--settings", nargs="*", default=[], help="of track, such as model=edgetam")
    options = parser.parse_args()
    found: dict[Path, list[Times]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_clip(clip := folder / "clip.mp4")
        for turn in range(options.runs + 1):
            for tree in options.trees:
                times = start_times(tree, options.settings, folder, clip)
                if turn:  # the first reads all files from the disk
                    found[tree].append(times)
    for kind in next(iter(found.values()))[0]:
        for tree, runs in found.items():
            clock, processor = (statistics.median(own[kind][i] for own in runs) for i in (0, 1))
            print(f"{kind}, {tree}: {clock:.2f} s, {processor:.2f} s of the processor")


if __name__ == "__main__":
    main()
