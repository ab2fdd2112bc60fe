"""What a project costs beside the tracking: many short videos, plain, in a project, with workers.

python scripts/annotation.py --videos 200
python scripts/annotation.py --videos 200 --executors local ray
python scripts/annotation.py --delivery

With ray: two nodes on this machine, with one worker each. Two processor cores should be free.
"""

from __future__ import annotations

import argparse
import os
import pickle
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
from sam2track.annotate.jobs import Job, Jobs
from sam2track.annotate.tasks import TaskResult, pack, unpack
from sam2track.track import track, walk

SIZE = 96, 128
PLACED = [PlacedPrompt(1, 0, Prompt.from_box([20, 20, 60, 60]))]
CUP = Path(__file__).parents[1] / "videos" / "cup.mp4"
MAKE = partial(load_engine, "nano", device="cpu")


def write_video(folder: Path, seed: int, frames: int) -> Path:
    """A bright square that moves over noise."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    for index in range(frames):
        picture = rng.integers(60, 90, (*SIZE, 3), dtype=np.uint8)
        picture[20:60, 20 + 3 * index : 60 + 3 * index] = (40, 40, 220)
        cv2.imwrite(str(folder / f"{index}.png"), picture)
    return folder


@contextmanager
def measured(name: str, count: int) -> Iterator[list[float]]:
    """Print the CPU time and the wall time for each of ``count`` videos; ms of CPU are given."""
    cpu, wall = time.process_time(), time.perf_counter()
    taken: list[float] = []
    yield taken
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    taken.append(1000 * cpu / count)
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


def workers() -> list[tuple[float, float]]:
    """Of each worker process: memory in MB, and seconds of CPU time so far."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            line, values = (place / "cmdline").read_text(), stat_of(place)
            parent = int(values[1])
            if line.startswith("ray::Worker"):
                parent = int(stat_of(Path("/proc") / values[1])[1])  # that of the node
            elif "spawn_main" not in line:
                continue
            if parent == os.getpid():
                pages = int((place / "statm").read_text().split()[1])
                seconds = (int(values[11]) + int(values[12])) / os.sysconf("SC_CLK_TCK")
                found.append((pages * os.sysconf("SC_PAGE_SIZE") / 2**20, seconds))
        except (OSError, ValueError):
            continue
    return found


def stat_of(place: Path) -> list[str]:
    return (place / "stat").read_text().rpartition(")")[2].split()


@contextmanager
def two_nodes() -> Iterator[str]:
    """The address of a Ray cluster on this machine: a head, and two nodes for a worker each."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False}
    )
    try:
        for _ in range(2):
            cluster.add_node(num_cpus=1)
        yield cluster.address
    finally:
        cluster.shutdown()


def with_workers(kind: str, folder: Path, videos: list[Path], expected: dict, alone: float) -> None:
    """The same by two workers; the project must be the same.

    Args:
        alone: ms of CPU time for a video by tracking alone.
    """
    half = len(videos) // 2
    nodes = two_nodes() if kind == "ray" else nullcontext("")
    with nodes as address, Project.create(folder) as project:
        executor = (
            RayPool(MAKE, 1, address=address, workers=2)
            if kind == "ray"
            else LocalPool(MAKE, folder / "work", 1, workers=2)
        )
        jobs = Jobs(project, executor.engine, lambda video, place: PLACED)
        try:
            for own in (videos[:half], videos[half:]):
                before = sum(cpu for _, cpu in workers())
                with measured(f"{kind}, this process beside two workers", len(own)) as here:
                    assert all(one.status == "done" for one in run_all(jobs, own, executor))
                there = 1000 * (sum(cpu for _, cpu in workers()) - before) / len(own)
                memory = " and ".join(f"{megabytes:.0f} MB" for megabytes, _ in workers())
                print(
                    f"  in the workers {there:.1f} ms CPU for each video; beside the tracking "
                    f"{here[0] + there - alone:.1f} ms; memory of the workers {memory}",
                    flush=True,
                )
        finally:
            executor.close()
        assert contents(project) == expected
        print(f"  the same {len(expected)} masks as in this process")


def in_this_process(
    engine: Engine, folder: Path, videos: list[Path]
) -> tuple[dict[tuple[str, int], Any], float]:
    """Tracking alone, and in a project; the masks, and ms of CPU time for a video alone."""
    count = len(videos)
    with measured("tracking alone", count) as alone:
        for path in videos:
            with open_video(path) as video:
                session = engine.start(length=len(video))
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
    return found, alone[0]


def delivery(engine: Engine, folder: Path, objects: int = 10, frames: int = 300) -> None:
    """What a video of an ordinary size costs this process: masks of videos/cup.mp4, repeated."""
    with Project.create(folder / "clip") as project:
        began = time.process_time()
        video = project.add_videos([CUP])[0].video
        added = time.process_time() - began
        cup = project.add_object(video.id, "cup")
        project.prompt(cup.id, 0, Prompt.click(340, 220))
        jobs = Jobs(project, engine)
        for step in project.propagate([cup.id], 0, 29, "forward", engine=engine):
            assert step.masks
        counts = [mask.counts for mask in project.masks(cup.id)]
        for _ in range(objects - 1):
            project.prompt(project.add_object(video.id, "cup").id, 0, Prompt.click(340, 220))
        job = jobs.begin(CUP)
        assert isinstance(job, Job)
        began = time.process_time()
        task = jobs.task(job)
        made = time.process_time() - began
        ids = [thing.id for thing in project.objects(video.id)]
        provenance = project.store.rows("SELECT * FROM provenance")
        rows = [
            [own, frame, counts[frame % len(counts)], 0.9, 4.0, "propagated", 1]
            for own in ids
            for frame in range(frames)
        ]
        changes: dict[str, list] = {name: [] for name in ("classes", "objects", "log", "reviews")}
        changes |= {"provenance": [list(row) for row in provenance], "propagated": rows}
        data = pack(TaskResult(frames, 1.0, "", changes))
        once = changes | {"propagated": rows[: len(counts)]}  # repeated masks would pack too well
        packed = len(pack(TaskResult(frames, 1.0, "", once))) / len(counts)
        before = size_of(folder / "clip")
        began, wall = time.process_time(), time.perf_counter()
        assert jobs.deliver(job, unpack(data)).status == "done"
        project.store.rows("PRAGMA wal_checkpoint(TRUNCATE)")
        took, wall = time.process_time() - began, time.perf_counter() - wall
        grown = size_of(folder / "clip") - before
    size = sum(map(len, counts)) / len(counts)
    print(
        f"{objects} objects on {frames} frames: {size:.0f} bytes of run lengths for each mask; "
        f"added with its {CUP.stat().st_size / 2**20:.1f} MiB in {1000 * added:.0f} ms CPU; "
        f"task {len(pickle.dumps(task)) / 1024:.1f} KiB, made in {1000 * made:.1f} ms CPU; "
        f"result {packed:.0f} bytes for each mask, delivered in {1000 * took:.0f} ms CPU, "
        f"{1000 * wall:.0f} ms wall; "
        f"the database grew by {grown / len(rows):.0f} bytes for each mask"
    )


def size_of(folder: Path) -> int:
    return (folder / "project.db").stat().st_size


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--videos", type=int, default=200)
    parser.add_argument("--frames", type=int, default=8, help="of each video")
    parser.add_argument("--executors", nargs="*", choices=("local", "ray"), default=[])
    parser.add_argument("--delivery", action="store_true", help="of one video of ordinary size")
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        videos = [
            write_video(folder / f"v{k:04d}", k, options.frames) for k in range(options.videos)
        ]
        engine = MAKE()
        if options.delivery:
            delivery(engine, folder)
            return
        expected, alone = in_this_process(engine, folder / "P", videos)
        for kind in options.executors:
            with_workers(kind, folder / kind, videos, expected, alone)


if __name__ == "__main__":
    main()
