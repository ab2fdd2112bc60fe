"""Many videos on a Ray cluster of several nodes, on this machine."""

from __future__ import annotations

import os
import signal
from functools import partial

import pytest
from annotate.small_project import write_clip
from annotate.test_executors import (
    TESTS,
    by_number,
    clips,
    expected,
    intact,
    job_rows,
    project,
    work,
)
from annotate.worker_engines import DEADLY, deadly, good, missing

from sam2track.annotate.executors import RayPool

ray = pytest.importorskip("ray")
__all__ = ["clips", "expected", "project"]


@pytest.fixture(scope="module")
def environment():
    """For the processes that Ray starts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(TESTS), str(TESTS.parent)]))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        yield


@pytest.fixture(scope="module")
def cluster(environment):
    """A head without room for workers, and two nodes with room for one each."""
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    for _ in range(2):
        made.add_node(num_cpus=1)
    yield made
    made.shutdown()


def pool(cluster, make_engine=good, **options):
    return RayPool(make_engine, 1, address=cluster.address, **options)


def test_ray_makes_the_same_project(environment, project, clips, expected):
    listening = signal.getsignal(signal.SIGTERM)
    executor = RayPool(good, 1, init={"num_cpus": 2})
    try:
        assert executor.workers == 2
        found = work(project, executor, clips)
    finally:
        executor.close()
    assert {result.status for result in found} == {"done"}
    assert by_number(project) == expected
    assert job_rows(project) == [("done", 1)] * len(clips)
    assert signal.getsignal(signal.SIGTERM) is listening
    assert not ray.is_initialized()
    intact(project.folder)


@pytest.mark.slow
def test_workers_that_die_are_replaced_and_a_deadly_video_is_set_aside(
    cluster, project, clips, expected, tmp_path
):
    poison = write_clip(tmp_path / "poison", length=DEADLY, seed=9)
    executor = pool(cluster, partial(deadly, str(tmp_path / "once")))
    try:
        found = {own.name: own for own in work(project, executor, [*clips, poison], tries=2)}
    finally:
        executor.close()
    assert {own.status for name, own in found.items() if name != "poison"} == {"done"}
    assert "its worker or its node died" in found["poison"].error
    assert by_number(project) == expected
    intact(project.folder)


@pytest.mark.slow
def test_what_ray_cannot_do(cluster):
    with pytest.raises(ValueError, match="can't load the model: no such weights"):
        pool(cluster, missing)
    with pytest.raises(ValueError, match="a worker needs 1 GPU and 1 CPU, but the cluster has 0"):
        pool(cluster, gpus=1)
    with pytest.raises(ValueError, match=r"executor.address=127.0.0.1:9: .*refused"):
        RayPool(good, 1, address="127.0.0.1:9")
