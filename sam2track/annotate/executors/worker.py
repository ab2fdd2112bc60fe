"""What runs in the process of a worker: the model, and one task after the other."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import stat
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from ...device import keep_freed_memory, use_threads
from ...files import write_whole
from ...spawning import one_line
from ..engine import Engine
from ..jobs import Jobs
from ..tasks import Count, Task, TaskResult, changes_of, pack, small_project

# Makes the model of a worker, in the worker: it must be picklable. Takes ``device=`` if the
# executor has devices to give.
MakeEngine = Callable[..., Engine]
RESULT = "result"  # the name of its file
_KEPT = 7 * 24 * 3600.0  # seconds that work in progress is kept in the folder for temporary files


@dataclass(frozen=True, slots=True)
class Ready:
    """What a worker says when it has loaded the model.

    Values of :class:`Engine`, or an error in one line.
    """

    model: str = ""
    weights: str = ""
    settings: Mapping[str, Any] | None = None
    version: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of a task in a worker: the packed result, or why there is none, in one line.

    A ``broken`` worker is to be replaced: after an error of CUDA, for example, every later one
    fails too.
    """

    result: bytes | None
    error: str = ""
    broken: bool = False


class Worker:
    """The model of a worker, with so many ``threads`` on the CPU: as many for all workers and for
    work without workers, so that results are the same.

    ``folder``: for the small projects of tasks; None = one for temporary files of this machine.
    """

    def __init__(
        self, make_engine: MakeEngine, options: Mapping[str, Any], threads: int, folder: str | None
    ) -> None:
        self.make_engine, self.options = make_engine, options
        self.threads, self.folder = threads, Path(folder or _temporary())
        self.engine: Engine | None = None

    def load(self) -> Ready:
        """Load the model, unless it is there."""
        try:
            if self.engine is None:
                keep_freed_memory()
                use_threads(self.threads)
                self.engine = self.make_engine(**self.options)
        except Exception as error:
            return Ready(error=one_line(error))
        engine = self.engine
        return Ready(engine.model, engine.weights, engine.settings, engine.version)

    def work(self, task: Task) -> Attempt:
        """Carry a task out."""
        assert self.engine is not None
        try:
            return Attempt(carry_out(task, self.engine, self.folder / task.key))
        except (ValueError, OSError) as error:
            return Attempt(None, one_line(error))
        except Exception as error:
            return Attempt(None, one_line(error), broken=True)

    def forget(self, key: str) -> None:
        """Remove what is left of a task here."""
        shutil.rmtree(self.folder / key, ignore_errors=True)


def carry_out(task: Task, engine: Engine, folder: Path) -> bytes:
    """Track a video in a small project in a folder; the packed result, which is also a file there.

    A folder that an earlier process left is gone on with; ProjectInUse if another process still
    works there. OSError if the video is not on this machine, or the folder cannot be written.
    """
    path = folder / RESULT
    if path.is_file():
        return path.read_bytes()
    if not Path(task.place).exists():
        raise FileNotFoundError(
            f"{task.place} is not there on {socket.gethostname()}; videos must have the same path "
            "on every machine"
        )
    began, counted, error = time.monotonic(), Count(), ""
    with small_project(task, folder) as project:
        (video,) = project.videos()
        try:
            Jobs(project, engine, **task.settings).work(video, counted)
        except ValueError as reason:
            if isinstance(reason.__cause__, sqlite3.Error):
                raise  # of the disk here, not of the video
            error = one_line(reason)
        changes = changes_of(project, task)
    data = pack(TaskResult(counted.frames, time.monotonic() - began, error, changes))
    write_whole(path, lambda file: file.write(data))
    return data


def _temporary() -> str:
    """A folder of this user's alone, the same for all workers of a machine."""
    user = os.getuid() if hasattr(os, "getuid") else None  # Windows has a folder for each user
    name = os.path.join(tempfile.gettempdir(), f"sam2track-{user or 0}")
    with suppress(FileExistsError):
        os.mkdir(name, mode=0o700)
    found = os.lstat(name)
    # Everybody may write to /tmp: another user could have put a folder or a link there.
    if not stat.S_ISDIR(found.st_mode) or user not in (None, found.st_uid):
        return tempfile.mkdtemp(prefix="sam2track-")
    for own in os.scandir(name):  # what was left by workers that were killed
        if time.time() - own.stat().st_mtime > _KEPT:
            shutil.rmtree(own.path, ignore_errors=True)
    return name


def engine_of(ready: Ready, first: Engine | None) -> Engine:
    """The engine that a worker has, as the driver needs it: its keys.

    Raises:
        ValueError: if the worker has none, or another than the ``first`` worker.
    """
    if ready.error:
        raise ValueError(f"a worker can't load the model: {ready.error}")
    assert ready.settings is not None
    engine = Engine(_elsewhere, ready.model, ready.weights, ready.settings)
    if ready.version != engine.version:
        raise ValueError(
            f"a worker has sam2track {ready.version}, here is {engine.version}; install the same "
            "version on every machine"
        )
    if first is not None and engine.key != first.key:
        unlike = [
            f"{name} {dict(engine.settings).get(name)} and {value}"
            for name, value in first.settings.items()
            if engine.settings.get(name) != value
        ]
        raise ValueError(
            f"workers differ: {', '.join(unlike) or 'other weights'}; give the same to every "
            "machine, such as precision=fp32"
        )
    return engine


def _elsewhere(**_: Any) -> NoReturn:
    raise RuntimeError("the workers have the model; this process can't track")
