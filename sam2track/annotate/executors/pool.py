"""The common part of the executors: the tasks that wait, and the engine of the workers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque

from ..engine import Engine
from ..tasks import Task
from .protocol import Delivery
from .worker import Ready, engine_of

STARTS = 3  # in a row that may end before the model is loaded


class Pool(ABC):
    """The common part of an :class:`Executor`: :meth:`_assign` and :meth:`_step` are its own."""

    def __init__(self) -> None:
        self._waiting: deque[Task] = deque()
        self._first: Engine | None = None

    @property
    def engine(self) -> Engine:
        """What the workers track with."""
        assert self._first is not None
        return self._first

    def submit(self, task: Task) -> None:
        """Give a task."""
        self._waiting.append(task)
        self._assign()

    def next(self) -> Delivery:
        """Wait for the next task that comes back."""
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
