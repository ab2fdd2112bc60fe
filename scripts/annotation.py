"""What a project costs beside the tracking: many short videos, plain and through a project.

python scripts/annotation.py --videos 200
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import torch

from sam2track import PlacedPrompt, Prompt, open_video
from sam2track.annotate import Project, load_engine
from sam2track.annotate.jobs import Jobs
from sam2track.track import track, walk

FRAMES, SIZE = 8, (96, 128)
PLACED = [PlacedPrompt(1, 0, Prompt.from_box([20, 20, 60, 60]))]


def write_video(folder: Path, seed: int) -> Path:
    """A bright square that moves over noise."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    for index in range(FRAMES):
        picture = rng.integers(60, 90, (*SIZE, 3), dtype=np.uint8)
        picture[20:60, 20 + 3 * index : 60 + 3 * index] = (40, 40, 220)
        cv2.imwrite(str(folder / f"{index}.png"), picture)
    return folder


@contextmanager
def measured(name: str, count: int) -> Iterator[None]:
    """Print the CPU time and the wall time for each of ``count`` videos."""
    cpu, wall = time.process_time(), time.perf_counter()
    yield
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{name}: {1000 * cpu / count:.1f} ms CPU, {1000 * wall / count:.1f} ms wall for each "
        f"video; peak memory so far {peak:.0f} MB"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--videos", type=int, default=200)
    count = parser.parse_args().videos
    torch.set_num_threads(1)
    engine = load_engine("nano", device="cpu")
    with tempfile.TemporaryDirectory() as name:
        videos = [write_video(Path(name) / f"v{k:04d}", k) for k in range(count)]
        with measured("tracking alone", count):
            for path in videos:
                with open_video(path) as video:
                    session = engine.start(length=FRAMES)
                    for _, result in track(session, partial(walk, video), PLACED):
                        result.cpu()
        with Project.create(Path(name) / "P") as project:
            jobs = Jobs(project, engine, lambda video, place: PLACED)
            for half in (videos[: count // 2], videos[count // 2 :]):
                with measured("in a project", len(half)):
                    assert all(jobs.run(path).status == "done" for path in half)
            with measured("finished before", count):
                assert all(jobs.run(path).status == "before" for path in videos)
        size = (Path(name) / "P" / "project.db").stat().st_size
        print(f"project.db: {size / 1024 / count:.1f} KiB for each video")


if __name__ == "__main__":
    main()
