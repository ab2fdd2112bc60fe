"""Many videos on a Ray cluster of several nodes, on this machine."""

from __future__ import annotations

import os
import signal
from functools import partial

import pytest
from annotate.small_project import write_clip
from annotate.test_docs import BLOCKS
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
from tiny import square_mask

from sam2track import Prompt
from sam2track.annotate.executors import RayPool
from sam2track.model.weights import packaged_weights

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

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
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


@pytest.mark.slow
@pytest.mark.skipif(packaged_weights("nano") is None, reason="nano has no weights")
def test_the_example_does_what_it_says(environment, project, clips, tmp_path, monkeypatch, capsys):
    (block,) = (own for own in BLOCKS if "RayPool" in own)
    block = block.replace('address="auto", gpus=0.25', "init={'num_cpus': 1}")
    block = block.replace('"/data/a.mp4", "/data/b.mp4"', f'"{clips[0]}", "{clips[1]}"')
    for path in clips[:2]:
        project.add_videos([path])
        thing = project.add_object(path.name, "square")
        project.prompt(thing.id, 0, Prompt.from_mask(square_mask()))
    project.close()
    project.folder.rename(tmp_path / "cats")
    monkeypatch.chdir(tmp_path)
    exec(block, {})
    assert capsys.readouterr().out.split() == ["a", "done", "b", "done"]
    assert not ray.is_initialized()
