"""What distributing work asks of the place where it is done, and the common part of such places."""

from __future__ import annotations

from abc import abstractmethod
from collections import deque
from dataclasses import dataclass
from typing import Protocol

from ..engine import Engine
from ..tasks import Task
from .worker import Ready, engine_of

STARTS = 3  # in a row that may end before the model is loaded


@dataclass(frozen=True, slots=True)
class Delivery:
    """A task that came back.

    It is packed (see :func:`sam2track.annotate.tasks.unpack`), or without a result, and why in one
    line.
    """

    task: Task
    result: bytes | None
    error: str = ""


class Executor(Protocol):
    """Workers, each with a model, of which each tracks one video at a time.

    A worker that dies is replaced; its task comes back with an error, and may be given again.
    """

    workers: int

    @property
    def engine(self) -> Engine:
        """What they track with; it cannot track here."""
        ...

    def submit(self, task: Task) -> None:
        """Give a task; the first that are given are begun first."""
        ...

    def next(self) -> Delivery:
        """Wait for the next task that comes back, of which there must be one.

        Raises:
            ValueError: if workers cannot be started.
        """
        ...

    def committed(self, task: Task) -> None:
        """Say that a task's result is in the project, so that files of it may be removed."""
        ...

    def close(self) -> None:
        """End all workers, also those that are at work."""
        ...


class Pool(Executor):
    """The common part of an :class:`Executor`: the tasks that wait, and the workers' engine."""

    def __init__(self) -> None:
        self._waiting: deque[Task] = deque()
        self._first: Engine | None = None

    @property
    def engine(self) -> Engine:
        assert self._first is not None
        return self._first

    def submit(self, task: Task) -> None:
        self._waiting.append(task)
        self._assign()

    def next(self) -> Delivery:
        while True:
            delivery = self._step()
            if delivery is not None:
                return delivery

    def _await_engine(self) -> None:
        """Wait until a worker has loaded the model; ValueError if none can."""
        while self._first is None:
            self._step()

    def _greet(self, ready: Ready) -> None:
        """Take the engine of a worker that has loaded the model; ValueError if it differs."""
        self._first = engine_of(ready, self._first)

    @abstractmethod
    def _assign(self) -> None:
        """Give waiting tasks to idle workers."""

    @abstractmethod
    def _step(self) -> Delivery | None:
        """Wait until a worker has done something; a task may have come back."""
