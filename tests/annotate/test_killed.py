"""Processes that are killed at any moment: the project that goes on is as if nothing happened."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import time
from multiprocessing import get_context

import pytest
from annotate.small_project import add_object, clip_project, contents, tiny_engine

from sam2track import Prompt
from sam2track.annotate import Project, propagation
from sam2track.device import use_threads

LENGTH = 24


def prepare(folder):
    """A project with work in both directions: two objects that meet a barrier, and a correction."""
    project = clip_project(folder, length=LENGTH)
    add_object(project, 9)
    add_object(project, 4, mask=False)
    add_object(project, 0, mask=False)
    project.prompt(1, 14, Prompt.click(40, 30))
    project.review("a", object_id=2, frames=[12], locked=True)
    return project


def work(folder, engine):
    use_threads(1)
    with Project.open(folder, who="test") as project, (folder / "steps").open("ab", 0) as counted:
        for _ in project.propagate([1, 2, 3], engine=engine):
            counted.write(b".")


def in_process(folder, engine, delay):
    """Work in a process of its own, killed after some seconds; whether it came to its end."""
    process = get_context("fork").Process(target=work, args=(folder, engine))
    process.start()
    process.join(delay)
    if process.exitcode is None:
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join()
    assert process.exitcode in (0, -signal.SIGKILL)
    return process.exitcode == 0


def intact(folder):
    with sqlite3.connect(folder / "project.db") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


def kill_often(tmp_path, monkeypatch, seed, kills):
    """Kill work so many times, in several projects, and compare each with undisturbed work."""
    monkeypatch.setattr(propagation, "COMMIT_EVERY", 0.0)
    monkeypatch.setattr(propagation, "SAVE_EVERY", 0.02)
    engine, rng = tiny_engine(), random.Random(seed)
    with prepare(tmp_path / "whole") as whole:
        pass
    began = time.monotonic()
    in_process(whole.folder, engine, None)
    seconds = time.monotonic() - began
    with Project.open(whole.folder) as whole:
        expected = contents(whole)
    assert len(expected) == 3 * LENGTH - 12
    needed = (whole.folder / "steps").stat().st_size
    killed = rounds = tracked = 0
    while killed < kills:
        rounds += 1
        with prepare(tmp_path / str(rounds)) as broken:
            pass
        while not in_process(broken.folder, engine, rng.uniform(0.02, seconds / 2)):
            killed += 1
            intact(broken.folder)
        with Project.open(broken.folder) as broken:
            assert contents(broken) == expected
        intact(broken.folder)
        tracked += (broken.folder / "steps").stat().st_size
    wasted = tracked - rounds * needed
    print(f"{killed} kills in {rounds} projects of {needed} frames ({seconds:.2f} s) each")
    print(f"tracked again: {wasted} frames, {wasted / max(killed, 1):.1f} for each kill")


def test_killed_work_goes_on_to_the_same_project(tmp_path, monkeypatch):
    kill_often(tmp_path, monkeypatch, seed=0, kills=6)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_work_that_is_killed_a_hundred_times(tmp_path, monkeypatch):
    kill_often(tmp_path, monkeypatch, seed=1, kills=100)
