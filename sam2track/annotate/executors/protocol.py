"""What distributing work asks of the place where it is done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from ..engine import Engine
from ..tasks import Task

# Makes the model of a worker, in the worker: it must be picklable. Takes ``device=`` if the
# executor has devices to give.
MakeEngine = Callable[..., Engine]


@dataclass(frozen=True, slots=True)
class Delivery:
    """A task that came back.

    Attributes:
        result: packed (see :func:`sam2track.annotate.tasks.unpack`); None = there is none.
        error: why there is none, in one line.
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
        """Wait for the next task that comes back, of which there must be one; ValueError if workers
        cannot be started."""
        ...

    def committed(self, task: Task) -> None:
        """Say that a task's result is in the project, so that files of it may be removed."""
        ...

    def close(self) -> None:
        """End all workers, also those that are at work."""
        ...
