"""Work in processes: who dies takes nobody along."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from sam2track.benchmark.pool import CannotStart, Outcome, spread


class Prepare:
    """What the test's items do, by name."""

    def __init__(self, folder):
        self.folder = folder

    def __call__(self, device):
        if device == "broken":
            raise ValueError("no such device")
        return self.work

    def work(self, item):
        if item.startswith("die"):
            os.kill(os.getpid(), signal.SIGKILL)
        if item.startswith("exit"):
            os._exit(3)
        if item.startswith("wrong"):
            raise ValueError(f"{item} is\nbroken")
        if item.startswith("bug"):
            raise KeyError(item)
        if item.startswith("wait"):
            time.sleep(60)
        (Path(self.folder) / item).write_text(str(os.getpid()))


def test_every_item_has_its_outcome(tmp_path):
    items = ["a", "die", "b", "wrong", "exit", "c", "bug", "d"]
    found = {
        o.item: o.error for o in spread(Prepare(tmp_path), items, ["cpu"], workers=2, threads=1)
    }
    assert found.keys() == set(items)
    assert {item for item in items if found[item] is None} == {"a", "b", "c", "d"}
    assert {path.name for path in tmp_path.iterdir()} == {"a", "b", "c", "d"}
    assert "SIGKILL" in found["die"]
    assert found["exit"] == "its process died (exit status 3)"
    assert found["wrong"] == "wrong is broken"
    assert found["bug"] == "KeyError: 'bug'"


def test_without_workers_the_work_is_done_here(tmp_path):
    assert list(spread(Prepare(tmp_path), ["a", "wrong"], ["cpu"], workers=0, threads=1)) == [
        Outcome("a"),
        Outcome("wrong", "wrong is broken"),
    ]
    assert (tmp_path / "a").read_text() == str(os.getpid())


def test_a_process_that_cannot_start_ends_it_all(tmp_path):
    with pytest.raises(CannotStart, match="no such device"):
        list(spread(Prepare(tmp_path), ["a", "b"], ["broken"], workers=1, threads=1))


def test_leaving_early_ends_the_processes(tmp_path):
    outcomes = spread(Prepare(tmp_path), ["a", "wait"], ["cpu"], workers=1, threads=1)
    next(outcomes)
    pid = int((tmp_path / "a").read_text())
    outcomes.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
