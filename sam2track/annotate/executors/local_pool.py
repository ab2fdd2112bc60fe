"""Worker processes on this machine, each with a model.

Results are files in the project's folder ``work``: a run that was broken off finds them there.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from ...spawning import end_of, spawn
from ..tasks import Task
from .pool import STARTS, Delivery, Pool
from .worker import RESULT, Attempt, MakeEngine, Ready, Worker


@dataclass(slots=True)
class _Process:
    """A worker process; ``device`` counts from 0."""

    number: int
    process: BaseProcess
    pipe: Connection
    ready: bool = False
    task: Task | None = None


class LocalPool(Pool):
    """An :class:`Executor` of processes.

    Args:
        make_engine: makes the model in each worker.
        folder: for what is at work; the project's ``work``.
        threads: of each worker's model, on the CPU.
        workers: how many.
        devices: are given to the workers in turn; empty = as ``make_engine`` chooses.

    Raises:
        ValueError: if the model cannot be loaded.
    """

    def __init__(
        self,
        make_engine: MakeEngine,
        folder: Path,
        threads: int,
        *,
        workers: int = 2,
        devices: Sequence[str] = (),
    ) -> None:
        super().__init__()
        self.make_engine, self.folder, self.threads = make_engine, folder, threads
        self.workers, self.devices = workers, devices
        self._processes: list[_Process] = []
        self._lost = 0
        try:
            self._processes += [self._start(number) for number in range(workers)]
            self._await_engine()
        except BaseException:
            self.close()
            raise

    def committed(self, task: Task) -> None:
        """Remove what is left of a task."""
        shutil.rmtree(self.folder / task.key, ignore_errors=True)

    def close(self) -> None:
        """End all workers."""
        for own in self._processes:
            own.process.kill()  # what they have finished is stored
        for own in self._processes:
            own.process.join()
            own.pipe.close()
        self._processes.clear()

    def _start(self, number: int) -> _Process:
        options: dict[str, Any] = {}
        if self.devices:
            options["device"] = self.devices[number % len(self.devices)]
        worker = Worker(self.make_engine, options, self.threads, str(self.folder))
        return _Process(number, *spawn(_serve, worker))

    def _assign(self) -> None:
        for own in self._processes:
            if self._waiting and own.ready and own.task is None:
                task = self._waiting.popleft()
                try:
                    own.pipe.send(task)
                except OSError:  # it died; the pipe will tell
                    self._waiting.appendleft(task)
                    continue
                own.task = task

    def _step(self) -> Delivery | None:
        self._assign()
        by_pipe = {own.pipe: own for own in self._processes}
        pipe = wait(list(by_pipe))[0]
        assert isinstance(pipe, Connection)
        own = by_pipe[pipe]
        try:
            message: Ready | Attempt = pipe.recv()
        except (EOFError, OSError):
            return self._replace(own)
        if isinstance(message, Ready):
            self._greet(message)
            own.ready, self._lost = True, 0
            return None
        task, own.task = own.task, None
        assert task is not None
        if message.broken:
            own.ready = False  # it ends by itself
        self._assign()
        if message.result is None:
            return Delivery(task, None, message.error)
        return Delivery(task, (self.folder / task.key / RESULT).read_bytes())

    def _replace(self, own: _Process) -> Delivery | None:
        """Start another worker for one that has ended."""
        own.process.join()
        own.pipe.close()
        how = end_of(own.process.exitcode)
        self._lost += not own.ready
        if self._lost >= STARTS:
            raise ValueError(
                f"workers end before they have loaded the model ({how}); give a smaller "
                "executor.workers="
            )
        self._processes[self._processes.index(own)] = self._start(own.number)
        if own.task is None:
            return None
        return Delivery(own.task, None, f"its worker ended ({how})")


def _serve(pipe: Connection, worker: Worker) -> None:
    """The life of a worker process."""
    ready = worker.load()
    try:
        pipe.send(ready)
        while not ready.error:
            attempt = worker.work(pipe.recv())
            # The driver reads the file: a pipe that is full of masks would have both wait.
            pipe.send(replace(attempt, result=attempt.result and b""))
            if attempt.broken:
                return
    except (EOFError, OSError):  # the driver has ended
        return
