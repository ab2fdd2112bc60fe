"""Processes that are killed at any moment: the project that goes on is as if nothing happened."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from annotate.small_project import add_object, clip_project, contents

from sam2track import Prompt
from sam2track.annotate import Project

LENGTH = 24
TESTS = Path(__file__).parents[1]


def prepare(folder):
    """A project with work in both directions: two objects that meet a barrier, and a correction."""
    project = clip_project(folder, length=LENGTH)
    add_object(project, 9)
    add_object(project, 4, mask=False)
    add_object(project, 0, mask=False)
    project.prompt(1, 14, Prompt.click(40, 30))
    project.review("a", object_id=2, frames=[12], locked=True)
    return project


def in_process(folder, delay):
    """Propagate in a process of its own, killed some seconds after it began; whether it ended."""
    code = f"from annotate.small_project import propagate_all; propagate_all({str(folder)!r})"
    paths = os.pathsep.join([str(TESTS), str(TESTS.parent)])
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": paths},
        stdout=subprocess.PIPE,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        try:
            process.wait(delay)
        except subprocess.TimeoutExpired:
            process.kill()
    assert process.returncode in (0, -signal.SIGKILL)
    return process.returncode == 0


def intact(folder):
    with sqlite3.connect(folder / "project.db") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


def kill_often(tmp_path, *, seed, projects, kills):
    """Kill work on each project some times, let it end, and compare with undisturbed work."""
    rng = random.Random(seed)
    with prepare(tmp_path / "whole") as whole:
        pass
    in_process(whole.folder, None)
    with Project.open(whole.folder) as whole:
        expected = contents(whole)
        entries = [entry for entry in whole.history() if entry.what == "propagate"]
    seconds = sum(entry.data["seconds"] for entry in entries)
    assert len(expected) == 3 * LENGTH - 12
    needed = (whole.folder / "steps").stat().st_size
    killed = tracked = 0
    for number in range(projects):
        with prepare(tmp_path / str(number)) as broken:
            pass
        for _ in range(kills):
            killed += not in_process(broken.folder, rng.uniform(0, seconds / 2))
            intact(broken.folder)
        in_process(broken.folder, None)
        with Project.open(broken.folder) as broken:
            assert contents(broken) == expected
        intact(broken.folder)
        tracked += (broken.folder / "steps").stat().st_size
    wasted = tracked - projects * needed
    print(f"{killed} kills in {projects} projects of {needed} frames ({seconds:.2f} s) each")
    print(f"tracked again: {wasted} frames, {wasted / max(killed, 1):.1f} for each kill")
    assert killed


def test_killed_work_goes_on_to_the_same_project(tmp_path):
    kill_often(tmp_path, seed=0, projects=1, kills=3)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_work_that_is_killed_a_hundred_times(tmp_path):
    kill_often(tmp_path, seed=1, projects=30, kills=4)
