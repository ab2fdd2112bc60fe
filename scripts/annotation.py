"""What a project costs beside the tracking: many short videos, plain, in a project, with workers.

python scripts/annotation.py --videos 200
python scripts/annotation.py --videos 200 --executors local ray

With ray: two nodes on this machine, with one worker each. Two processor cores should be free.
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from sam2track import PlacedPrompt, Prompt, open_video
from sam2track.annotate import Engine, Project, load_engine
from sam2track.annotate.executors import LocalPool, RayPool, run_all
from sam2track.annotate.jobs import Jobs
from sam2track.track import track, walk

FRAMES, SIZE = 8, (96, 128)
PLACED = [PlacedPrompt(1, 0, Prompt.from_box([20, 20, 60, 60]))]
MAKE = partial(load_engine, "nano", device="cpu")


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
        f"video; peak memory so far {peak:.0f} MB",
        flush=True,
    )


def contents(project: Project) -> dict[tuple[str, int], Any]:
    """What was stored of each mask, with its hash; the videos have one object."""
    return {
        (project.video(thing.video_id).name, mask.frame): (
            mask.counts,
            mask.score,
            mask.presence,
            project.provenance(mask.provenance_id or 0).key,
        )
        for thing in project.objects()
        for mask in project.masks(thing.id)
    }


def worker_memory() -> str:
    """The memory of worker processes on this machine, and the CPU time that they have used."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            line, stat = (place / "cmdline").read_text(), (place / "stat").read_text()
            values = stat.rpartition(")")[2].split()
            mine = "spawn_main" in line and int(values[1]) == os.getpid()
            if mine or line.startswith("ray::Worker"):
                pages = int((place / "statm").read_text().split()[1])
                seconds = (int(values[11]) + int(values[12])) / os.sysconf("SC_CLK_TCK")
                found.append((pages * os.sysconf("SC_PAGE_SIZE") / 2**20, seconds))
        except (OSError, ValueError):
            continue
    return ", ".join(f"{megabytes:.0f} MB after {cpu:.1f} s CPU" for megabytes, cpu in found)


@contextmanager
def two_nodes() -> Iterator[str]:
    """The address of a Ray cluster on this machine: a head, and two nodes for a worker each."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    try:
        for _ in range(2):
            cluster.add_node(num_cpus=1)
        yield cluster.address
    finally:
        cluster.shutdown()


def with_workers(kind: str, folder: Path, videos: list[Path], expected: dict) -> None:
    """The same by two workers; the project must be the same."""
    half = len(videos) // 2
    nodes = two_nodes() if kind == "ray" else nullcontext("")
    with nodes as address, Project.create(folder) as project:
        began = time.perf_counter()
        executor = (
            RayPool(MAKE, 1, address=address, workers=2)
            if kind == "ray"
            else LocalPool(MAKE, folder / "work", 1, workers=2)
        )
        print(f"{kind}: workers have begun after {time.perf_counter() - began:.1f} s")
        jobs = Jobs(project, executor.engine, lambda video, place: PLACED)
        seconds = 0.0
        try:
            for own in (videos[:half], videos[half:]):
                print(f"  workers: {worker_memory()}")
                with measured(f"{kind}, this process beside two workers", len(own)):
                    for result in run_all(jobs, own, executor):
                        assert result.status == "done", result.error
                        seconds += result.seconds
            print(f"  workers: {worker_memory()}")
        finally:
            executor.close()
        print(f"  a video in its worker: {1000 * seconds / len(videos):.1f} ms wall")
        assert contents(project) == expected
        print(f"  {kind}: the same {len(expected)} masks as in this process")


def in_this_process(engine: Engine, folder: Path, videos: list[Path]) -> dict[tuple[str, int], Any]:
    """Tracking alone, and in a project."""
    count = len(videos)
    with measured("tracking alone", count):
        for path in videos:
            with open_video(path) as video:
                session = engine.start(length=FRAMES)
                for _, result in track(session, partial(walk, video), PLACED):
                    result.cpu()
    with Project.create(folder) as project:
        jobs = Jobs(project, engine, lambda video, place: PLACED)
        for half in (videos[: count // 2], videos[count // 2 :]):
            with measured("in a project", len(half)):
                assert all(jobs.run(path).status == "done" for path in half)
        with measured("finished before", count):
            assert all(jobs.run(path).status == "before" for path in videos)
        found = contents(project)
    size = (folder / "project.db").stat().st_size
    print(f"project.db: {size / 1024 / count:.1f} KiB for each video")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--videos", type=int, default=200)
    parser.add_argument("--executors", nargs="*", choices=("local", "ray"), default=[])
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        videos = [write_video(folder / f"v{k:04d}", k) for k in range(options.videos)]
        expected = in_this_process(MAKE(), folder / "P", videos)
        for kind in options.executors:
            with_workers(kind, folder / kind, videos, expected)


if __name__ == "__main__":
    main()
