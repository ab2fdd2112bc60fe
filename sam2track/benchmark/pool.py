"""Divides work among processes; if one of them ends with an error, the others continue."""

from __future__ import annotations

import os
import traceback
from collections import deque
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait

from ..device import keep_freed_memory, use_threads
from ..spawning import end_of, one_line, spawn

Work = Callable[[str], None]
Prepare = Callable[[str], Work]


@dataclass(frozen=True, slots=True)
class Outcome:
    """An item that is done; ``error`` is its error in one line, or None."""

    item: str
    error: str | None = None


class CannotStart(ValueError):
    """A process could not be prepared, so no item can be done."""


def spread(
    prepare: Prepare, items: Sequence[str], devices: Sequence[str], *, workers: int, threads: int
) -> Generator[Outcome, None, None]:
    """Do some work on every item, each in one of several processes.

    Outcomes come in the order in which they are finished.

    Args:
        prepare: prepares a process on a device, and returns a function of an item. It is
            pickled and sent to the processes.
        items: their names.
        devices: at least one.
        workers: processes on each device; 0 = in this process, on the first device.
        threads: of PyTorch and of OpenCV, in each process.

    Raises:
        CannotStart: if ``prepare`` fails.
    """
    if not items:
        return
    if not workers:
        work = prepare(devices[0])
        yield from (Outcome(item, _attempt(work, item)) for item in items)
        return
    waiting = deque(items)
    places = [device for _ in range(workers) for device in devices][: len(items)]
    crew = [_Worker(prepare, device, threads) for device in places]
    try:
        for worker in crew:
            worker.give(waiting.popleft())
        while busy := {worker.connection: worker for worker in crew if worker.item is not None}:
            for connection in wait(list(busy)):
                worker = busy[connection]  # type: ignore[index]
                yield worker.outcome()
                if waiting:
                    worker.give(waiting.popleft())
    finally:
        for worker in crew:
            worker.end()


def _attempt(work: Work, item: str) -> str | None:
    """Do the work; its error in one line."""
    try:
        work(item)
    except Exception as error:
        if os.environ.get("SAM2TRACK_DEBUG") == "1":
            traceback.print_exc()
        return one_line(error)
    return None


class _Worker:
    """A process and the connection to it; a new process replaces one that ended."""

    item: str | None = None  # the item that it works on

    def __init__(self, prepare: Prepare, device: str, threads: int) -> None:
        self.arguments = prepare, device, threads
        self.process, self.connection = spawn(_serve, *self.arguments)

    def give(self, item: str) -> None:
        if not self.process.is_alive():
            self.connection.close()
            self.process, self.connection = spawn(_serve, *self.arguments)
        self.item = item
        self.connection.send(item)

    def outcome(self) -> Outcome:
        """The outcome of the item; if its process ended, the item has an error."""
        assert self.item is not None
        item, self.item = self.item, None
        try:
            error = self.connection.recv()
        except (EOFError, ConnectionResetError):
            self.process.join()
            return Outcome(item, f"its process died ({end_of(self.process.exitcode)})")
        if isinstance(error, CannotStart):
            raise error
        return Outcome(item, error)

    def end(self) -> None:
        self.process.terminate()
        self.process.join()
        self.connection.close()


def _serve(connection: Connection, prepare: Prepare, device: str, threads: int) -> None:
    """The main function of a process: prepare, then work on items until the connection closes."""
    use_threads(threads)
    keep_freed_memory()
    try:
        work = prepare(device)
    except Exception as error:
        connection.send(CannotStart(" ".join(str(error).split())))
        return
    with suppress(EOFError):
        while True:
            connection.send(_attempt(work, connection.recv()))
