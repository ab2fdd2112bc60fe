"""Many videos in worker processes: the same project as in one process, whatever dies."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from annotate.database.test_store import files_up_to
from annotate.small_project import LENGTH, contents, tiny_engine, write_clip
from annotate.worker_engines import (
    DEADLY,
    deadly,
    ending,
    faulty,
    found_objects,
    good,
    missing,
    two_objects,
)

from sam2track.annotate import Project, ProjectError
from sam2track.annotate.executors import LocalPool, carry_out, run_all
from sam2track.annotate.executors.worker import Worker
from sam2track.annotate.jobs import Jobs
from sam2track.annotate.tasks import pack, unpack

NAMES = "abcd"
TESTS = Path(__file__).parents[1]


def write_clips(folder):
    return [write_clip(folder / name, seed=k, length=LENGTH - k) for k, name in enumerate(NAMES)]


def by_number(project):
    """The masks by video and number: ids depend on the order of the videos."""
    names = {video.id: video.name for video in project.videos()}
    things = {thing.id: (names[thing.video_id], thing.number) for thing in project.objects()}
    return {(*things[own], frame): told for (own, frame), told in contents(project).items()}


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    return write_clips(tmp_path_factory.mktemp("some") / "clips")


@pytest.fixture(scope="module")
def expected(clips, tmp_path_factory):
    """What work in this process makes, with one thread."""
    with Project.create(tmp_path_factory.mktemp("whole") / "P") as project:
        jobs = Jobs(project, tiny_engine(), two_objects)
        assert {jobs.run(path).status for path in clips} == {"done"}
        return by_number(project)


@pytest.fixture
def project(tmp_path):
    with Project.create(tmp_path / "P", who="test") as made:
        yield made


def pool(project, make_engine=good, workers=2):
    return LocalPool(make_engine, project.folder / "work", 1, workers=workers)


def work(project, executor, clips, **options):
    jobs = Jobs(project, executor.engine, two_objects)
    return list(run_all(jobs, clips, executor, **options))


def intact(folder):
    with sqlite3.connect(folder / "project.db") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


def job_rows(project):
    return [tuple(row) for row in project.store.rows("SELECT state, tries FROM jobs ORDER BY path")]


def test_nothing_behind_a_link_in_the_folder_for_temporary_files_is_used(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    own = Worker(good, {}, 1, None).folder
    assert own.parent == tmp_path
    assert own.stat().st_mode & 0o777 == 0o700
    old = tmp_path / "home" / "old"
    old.mkdir(parents=True)
    os.utime(old, (0, 0))
    own.rmdir()
    own.symlink_to(tmp_path / "home")
    assert Worker(good, {}, 1, None).folder != own
    assert old.is_dir()


def test_what_was_left_long_ago_is_removed(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    left, new = (Worker(good, {}, 1, None).folder / name for name in ("left", "new"))
    left.mkdir()
    new.mkdir()
    os.utime(left, (0, 0))
    Worker(good, {}, 1, None)
    assert new.is_dir()
    assert not left.exists()


def test_two_processes_make_the_same_project(project, clips, expected):
    executor = pool(project)
    try:
        found = work(project, executor, clips)
        assert sorted(result.name for result in found) == list(NAMES)
        assert {result.status for result in found} == {"done"}
        assert by_number(project) == expected
        assert list((project.folder / "work").iterdir()) == []
        assert job_rows(project) == [("done", 1)] * len(NAMES)
        assert [own.state for own in project.reviews("b")] == ["review"]
        again = work(project, executor, clips)
        assert {result.status for result in again} == {"before"}
        assert by_number(project) == expected
    finally:
        executor.close()
    intact(project.folder)


def test_workers_that_die_are_replaced_and_a_deadly_video_is_set_aside(
    project, clips, expected, tmp_path
):
    poison = write_clip(tmp_path / "poison", length=DEADLY, seed=9)
    executor = pool(project, partial(deadly, str(tmp_path / "once")))
    try:
        found = {own.name: own for own in work(project, executor, [*clips, poison], tries=2)}
    finally:
        executor.close()
    assert {own.status for name, own in found.items() if name != "poison"} == {"done"}
    error = "its worker ended (SIGKILL, perhaps for want of memory) (tried 2 times)"
    assert (found["poison"].status, found["poison"].error) == ("failed", error)
    assert by_number(project) == expected
    rows = {row["path"][-1]: tuple(row) for row in project.store.rows("SELECT * FROM jobs")}
    assert len(rows) == len(NAMES) + 1
    (failed,) = project.store.rows("SELECT error, tries FROM jobs WHERE state = 'failed'")
    assert tuple(failed) == (error, 2)
    intact(project.folder)


def test_an_error_that_nobody_expected_ends_the_worker(project, clips, tmp_path):
    poison = write_clip(tmp_path / "poison", length=DEADLY, seed=9)
    executor = pool(project, faulty, workers=1)
    try:
        found = work(project, executor, [clips[0], poison], tries=2)
    finally:
        executor.close()
    assert [own.status for own in found] == ["done", "failed"]
    assert found[1].error == "RuntimeError: CUDA error: out of luck (tried 2 times)"


def test_workers_that_cannot_begin(project):
    with pytest.raises(ValueError, match="can't load the model: no such weights: x"):
        pool(project, missing, workers=1)
    with pytest.raises(ValueError, match=r"before they have loaded the model \(exit status 3\)"):
        pool(project, ending, workers=1)


def begun(project, path):
    """A video whose work has begun, and its task."""
    jobs = Jobs(project, tiny_engine(), two_objects)
    job = jobs.begin(path)
    return jobs, job, jobs.task(job)


def test_a_second_delivery_does_nothing(project, clips, expected, tmp_path):
    jobs, job, task = begun(project, clips[0])
    data = carry_out(task, jobs.engine, tmp_path / "work")
    result = unpack(data)
    assert pack(result) == data
    assert jobs.deliver(job, result).status == "done"
    masks, entries = by_number(project), project.history()
    assert masks == {key: told for key, told in expected.items() if key[0] == "a"}
    assert jobs.deliver(job, result).status == "before"
    assert (by_number(project), project.history()) == (masks, entries)
    assert job_rows(project) == [("done", 1)]


def test_prompts_that_the_worker_finds(project, clips, expected, tmp_path):
    other = Jobs(project, tiny_engine(), two_objects)
    other.run(clips[1])  # so that ids differ from those in the small project
    jobs = Jobs(project, tiny_engine(), found=found_objects, class_name="cat")
    job = jobs.begin(clips[0])
    task = jobs.task(job)
    project.add_object("b", "dog")
    result = unpack(carry_out(task, jobs.engine, tmp_path / "work"))
    assert jobs.deliver(job, result).objects == 2
    found = by_number(project)
    assert {k: v for k, v in found.items() if k[0] == "a"} == {
        k: v for k, v in expected.items() if k[0] == "a"
    }
    assert {project.classes()[own.class_id - 1].name for own in project.objects("a")} == {"cat"}
    entries = [entry for entry in project.history("a") if entry.what == "prompt"]
    assert [(own.who, own.frame) for own in entries] == [("test", 3), ("test", 5)]
    assert jobs.deliver(job, result).status == "before"
    assert jobs.begin(clips[0]).status == "before"
    assert jobs.run(clips[0]).status == "before"
    assert job_rows(project) == [("done", 1)] * 2
    intact(project.folder)


def test_a_finished_result_is_found_again(project, clips, tmp_path):
    jobs, _, task = begun(project, clips[0])
    data = carry_out(task, jobs.engine, tmp_path / "work")
    jobs, _, again = begun(project, clips[0])  # as a driver that goes on does
    assert again.key == task.key
    never = replace(jobs.engine, start=missing)
    assert carry_out(again, never, tmp_path / "work") == data
    assert job_rows(project) == [("running", 2)]


def test_a_correction_is_another_task_and_tracks_only_what_follows(project, clips, tmp_path):
    from sam2track import Prompt

    jobs, job, task = begun(project, clips[0])
    jobs.deliver(job, unpack(carry_out(task, jobs.engine, tmp_path / task.key)))
    before = by_number(project)
    things = {thing.number: thing.id for thing in project.objects("a")}
    project.prompt(things[1], 9, Prompt.click(50, 40))
    jobs, job, corrected = begun(project, clips[0])
    assert corrected.key != task.key
    result = unpack(carry_out(corrected, jobs.engine, tmp_path / corrected.key))
    assert {tuple(row[:2]) for row in result.changes["propagated"]} == {
        (things[1], frame) for frame in range(9, LENGTH)
    }
    jobs.deliver(job, result)
    after = by_number(project)
    jobs.run(clips[0])
    assert by_number(project) == after != before


def test_a_damaged_frame_leaves_what_was_tracked_before_it(project, clips, tmp_path):
    place = write_clip(tmp_path / "a", seed=5)
    project.add_videos([place])
    picture = place / "008.png"
    stamp, whole = picture.stat(), picture.read_bytes()
    picture.write_bytes(whole[:80] + bytes(len(whole) - 80))
    os.utime(picture, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    jobs, job, task = begun(project, place)
    found = jobs.deliver(job, unpack(carry_out(task, jobs.engine, tmp_path / "work")))
    assert found.status == "failed"
    assert "008.png" in found.error
    assert {frame for _, _, frame in by_number(project)} == set(range(3, 8))
    picture.write_bytes(whole)
    assert jobs.run(place).status == "done"


def test_a_video_that_is_not_on_the_machine_of_the_worker(project, clips, tmp_path):
    place = write_clip(tmp_path / "a", seed=5)
    jobs, _, task = begun(project, place)
    place.rename(tmp_path / "elsewhere")
    with pytest.raises(OSError, match=r"a is not there on .*; videos must have the same path"):
        carry_out(task, jobs.engine, tmp_path / "work")


def test_a_full_disk(project, clips, expected, tmp_path):
    jobs, job, task = begun(project, clips[0])
    worker = Worker(good, {}, 1, str(tmp_path / "work"))
    worker.engine = jobs.engine
    for size in (4096, 160_000):  # no project can be made; it is full while the video is tracked
        with files_up_to(size):
            attempt = worker.work(task)
        assert (attempt.result, attempt.broken) == (None, False)
        assert "can't be written" in attempt.error
        assert "free some space" in attempt.error
    result = unpack(worker.work(task).result)
    project.store.rows("PRAGMA wal_checkpoint(TRUNCATE)")
    with files_up_to(4096), pytest.raises(ProjectError, match=r"can't be written .*; free some"):
        jobs.deliver(job, result)
    assert by_number(project) == {}
    assert jobs.deliver(job, result).status == "done"
    assert by_number(project) == {k: own for k, own in expected.items() if k[0] == "a"}
    intact(project.folder)


@pytest.mark.parametrize("spoil", [bytes, lambda data: data[:-9], lambda data: b"[]"])
def test_a_damaged_result(project, clips, tmp_path, spoil):
    jobs, _, task = begun(project, clips[3])
    data = carry_out(task, jobs.engine, tmp_path / "work")
    spoiled = spoil(len(data)) if spoil is bytes else spoil(data)
    with pytest.raises(ValueError, match="the result of a worker is damaged"):
        unpack(spoiled)


def start_driver(folder, kind="local", seconds=0.02, address=None):
    """A driver in a process of its own, whose workers are ready."""
    code = f"from annotate.worker_engines import annotate_all; annotate_all({str(folder)!r}, "
    code += f"{kind!r}, {seconds}, {address!r})"
    paths = os.pathsep.join([str(TESTS), str(TESTS.parent)])
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_a_driver_that_is_killed_is_gone_on_with(tmp_path, expected):
    write_clips(tmp_path / "clips")
    Project.create(tmp_path / "P").close()
    with start_driver(tmp_path / "P") as process:
        process.stdout.readline()  # one video is done
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    intact(tmp_path / "P")
    with start_driver(tmp_path / "P") as process:
        said = process.stdout.read().splitlines()
    assert process.returncode == 0
    assert {line.split()[1] for line in said} == {"before", "done"}
    with Project.open(tmp_path / "P") as project:
        assert by_number(project) == expected
        assert all(state == "done" for state, _ in job_rows(project))
    intact(tmp_path / "P")
