"""Divides work among processes; if one of them ends with an error, the others continue."""

from __future__ import annotations

import os
import signal
import threading
import traceback
from collections import deque
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait

from ..device import keep_freed_memory, use_threads

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
        message = " ".join(str(error).split())
        expected = isinstance(error, (ValueError, OSError)) and message
        return message if expected else f"{type(error).__name__}: {message}"
    return None


class _Worker:
    """A process and the connection to it; a new process replaces one that ended."""

    item: str | None = None  # the item that it works on

    def __init__(self, prepare: Prepare, device: str, threads: int) -> None:
        self.arguments = prepare, device, threads
        self._start()

    def _start(self) -> None:
        context = get_context("spawn")  # CUDA does not survive a fork
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, *self.arguments), daemon=True)
        self.process.start()
        theirs.close()  # so that the connection closes when the process ends

    def give(self, item: str) -> None:
        if not self.process.is_alive():
            self.connection.close()
            self._start()
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
            code = self.process.exitcode or 0
            status = f"exit status {code}" if code >= 0 else signal.Signals(-code).name
            hint = "; was memory short?" if -code == signal.SIGKILL else ""
            return Outcome(item, f"its process died ({status}{hint})")
        if isinstance(error, CannotStart):
            raise error
        return Outcome(item, error)

    def end(self) -> None:
        self.process.terminate()
        self.process.join()
        self.connection.close()


def _serve(connection: Connection, prepare: Prepare, device: str, threads: int) -> None:
    """The main function of a process: prepare, then work on items until the connection closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C, and ends this process
    threading.Thread(target=_die_with_parent, daemon=True).start()
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


def _die_with_parent() -> None:
    """End at once when the parent ends, even if it was killed."""
    if (parent := parent_process()) is not None:
        wait([parent.sentinel])
        os._exit(1)
