"""Workers, drivers and nodes that are killed at random moments: the project is as if nothing was.

Slow. The kills are counted and printed, with what was tracked again: use ``pytest -m slow -s``.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from annotate.small_project import write_clip
from annotate.test_executors import TESTS, by_number, intact, start_driver

from sam2track.annotate import Project

CLIPS, LENGTH, SECONDS = 8, 16, 0.05

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds processes in /proc"),
]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """An undisturbed run: its folder, masks, seconds and tracked frames."""
    folder = tmp_path_factory.mktemp("killed")
    for number in range(CLIPS):
        write_clip(folder / "clips" / f"v{number}", seed=number, length=LENGTH)
    Project.create(folder / "whole").close()
    began = None
    with start_driver(folder / "whole", seconds=SECONDS) as process:
        began = time.monotonic()
        process.stdout.read()
    seconds = time.monotonic() - began
    with Project.open(folder / "whole") as project:
        return folder, by_number(project), seconds, (folder / "whole/steps").stat().st_size


@pytest.fixture(scope="module")
def cluster():
    """A head without room for workers, and two nodes with room for one each: three nodes."""
    cluster_utils = pytest.importorskip("ray.cluster_utils")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(TESTS), str(TESTS.parent)]))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        made = cluster_utils.Cluster(
            initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False}
        )
        for _ in range(2):
            made.add_node(num_cpus=1)
        yield made
        made.shutdown()


def children(parents):
    """The processes with one of these parents, with their command lines."""
    for place in Path("/proc").iterdir():
        try:
            parent = int((place / "stat").read_text().rpartition(")")[2].split()[1])
            if parent in parents:
                yield int(place.name), (place / "cmdline").read_text()
        except (OSError, ValueError, IndexError):
            continue


def kill_a_worker(process, cluster, rng):
    """Kill a worker process; whether there was one."""
    if cluster is None:
        found = [pid for pid, line in children({process.pid}) if "spawn_main" in line]
    else:
        raylets = {
            own.process.pid
            for node in cluster.list_all_nodes()
            for own in node.all_processes.get("raylet", [])
        }
        found = [pid for pid, line in children(raylets) if line.startswith("ray::Worker")]
    if found:
        os.kill(rng.choice(found), signal.SIGKILL)
    return bool(found)


def kill_a_node(process, cluster, rng):
    """Kill a node that is not the head, and add another."""
    node = rng.choice(sorted(cluster.worker_nodes, key=lambda own: own.unique_id))
    cluster.remove_node(node, allow_graceful=False)
    for _ in range(5):
        with suppress(Exception):  # on a busy machine Ray gives up after 30 seconds
            cluster.add_node(num_cpus=1)
            return True
    raise AssertionError("Ray could start no other node")


@contextmanager
def driver(folder, kind, cluster):
    with start_driver(folder, kind, SECONDS, cluster and cluster.address) as process:
        try:
            yield process
        finally:
            process.kill()


def run_with_kills(folder, kind, cluster, kill, pause, rng, most):
    """One run, in which something is killed from time to time; how many kills there were."""
    killed = seen = 0
    steps = folder / "steps"
    with driver(folder, kind, cluster) as process:
        while process.poll() is None and killed < most:
            size = steps.stat().st_size if steps.exists() else 0
            if size == seen:  # not while nobody works yet
                time.sleep(0.01)
                continue
            time.sleep(rng.uniform(0, pause))
            seen = steps.stat().st_size
            if process.poll() is None:
                killed += kill(process, cluster, rng)
        said = process.stdout.read()
    assert process.returncode == 0, said
    return killed


def run_with_killed_drivers(folder, kind, cluster, pause, rng, most):
    """A run that is begun again and again; how often it was killed."""
    killed = 0
    while True:
        with driver(folder, kind, cluster) as process:
            time.sleep(0 if killed == most else rng.uniform(0, pause))
            if killed == most:
                said = process.stdout.read()
            elif process.poll() is None:
                killed += 1
                process.kill()
        intact(folder)
        if process.returncode != -signal.SIGKILL:
            assert process.returncode == 0, said
            return killed


def check(whole, name, kills, run):
    """Run until there were so many kills, each project to its end; compare and count."""
    folder, expected, _, needed = whole
    rng = random.Random(name)
    killed = projects = tracked = 0
    while killed < kills:
        place = folder / name
        Project.create(place).close()
        killed += run(place, rng, kills - killed)
        projects += 1
        with Project.open(place) as project:
            assert by_number(project) == expected
            rows = project.store.rows("SELECT state FROM jobs")
            assert [row["state"] for row in rows] == ["done"] * CLIPS
            told = [own for own in project.history() if own.what == "propagate"]
            # Others were broken off; one that was killed right at its end says nothing.
            ended = [own.video_id for own in told if own.data["ended"]]
            assert len(set(ended)) == len(ended)
        intact(place)
        tracked += (place / "steps").stat().st_size
        shutil.rmtree(place)
    wasted = tracked - projects * needed
    print(
        f"\n{name}: {killed} kills in {projects} projects of {needed} frames; tracked again: "
        f"{wasted} frames, {wasted / killed:.1f} for each kill"
    )


def test_local_workers(whole):
    def run(place, rng, most):
        return run_with_kills(place, "local", None, kill_a_worker, 1.0, rng, min(most, 10))

    check(whole, "local workers", 25, run)


def test_local_drivers(whole):
    def run(place, rng, most):
        return run_with_killed_drivers(place, "local", None, whole[2] / 2, rng, min(most, 7))

    check(whole, "local drivers", 20, run)


def test_ray_workers(whole, cluster):
    def run(place, rng, most):
        return run_with_kills(place, "ray", cluster, kill_a_worker, 1.0, rng, min(most, 7))

    check(whole, "ray workers", 20, run)


def test_ray_drivers(whole, cluster):
    def run(place, rng, most):
        return run_with_killed_drivers(place, "ray", cluster, whole[2] / 2, rng, min(most, 5))

    check(whole, "ray drivers", 15, run)


def test_ray_nodes(whole, cluster):
    def run(place, rng, most):
        return run_with_kills(place, "ray", cluster, kill_a_node, 1.0, rng, min(most, 7))

    check(whole, "ray nodes", 20, run)
