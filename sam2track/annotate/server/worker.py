"""One thread owns the model: it answers clicks, encodes ahead and tracks, the urgent first.

Long work comes as an iterator and is done step by step, so a click waits for one step at most.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ...spawning import one_line
from ..engine import Engine

LOG = logging.getLogger("sam2track.serve")
T = TypeVar("T")
Steps = Generator[None, None, None]


class ModelUnavailable(RuntimeError):
    """The model could not be loaded; the message says why."""


class Superseded(RuntimeError):
    """A later question came before this one was answered."""


@dataclass(slots=True, eq=False)
class LongJob:
    """Work in steps, which ``begin`` makes in the worker's thread; the first of them does nothing.

    ``video_ids`` are those of the videos that it changes. ``cancelled`` is set to end it after its
    current step.
    """

    id: str
    kind: str
    video_ids: tuple[int, ...]
    begin: Callable[[Engine], Steps]
    cancelled: threading.Event = field(default_factory=threading.Event)
    steps: Steps | None = None


class Worker:
    """The model's thread.

    It makes the model by ``load``, and calls ``told`` with the state (``loading``, ``ready`` or
    ``error``) and a message.
    """

    def __init__(self, load: Callable[[], Engine], told: Callable[[str, str], None]) -> None:
        self._load, self._told = load, told
        self.state, self.message = "loading", ""
        self.engine: Engine | None = None
        self._urgent: deque[tuple[Callable[[Engine], Any], Future[Any], str | None]] = deque()
        self._ahead: dict[str, Steps] = {}  # by slot, the first that was wished first
        self._long: deque[LongJob] = deque()
        self._wake = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="sam2track-model", daemon=True)

    def start(self) -> None:
        """Load the model, in the background."""
        self._thread.start()

    def ask(self, work: Callable[[Engine], T], *, slot: str | None = None) -> Future[T]:
        """Do something soon.

        An earlier question of the same slot that still waits fails as `Superseded`.
        """
        future: Future[T] = Future()
        with self._wake:
            if self.state == "error":
                future.set_exception(ModelUnavailable(self.message))
                return future
            if slot is not None:
                for own in [own for own in self._urgent if own[2] == slot]:
                    self._urgent.remove(own)
                    own[1].set_exception(Superseded("a later question came"))
            self._urgent.append((work, future, slot))
            self._wake.notify()
        return future

    def ahead(self, begin: Callable[[Engine], Steps], *, slot: str) -> None:
        """Do something step by step while there is nothing urgent.

        An earlier wish of the same slot is dropped, also if it has begun.
        """
        with self._wake:
            self._ahead[slot] = self._steps(begin)
            self._wake.notify()

    def add(self, job: LongJob) -> None:
        """Do long work after the long work that was given before.

        Raises:
            ModelUnavailable: if there is no model.
        """
        with self._wake:
            if self.state == "error":
                raise ModelUnavailable(self.message)
            self._long.append(job)
            self._wake.notify()

    def jobs(self) -> tuple[LongJob, ...]:
        """Long work that is done or waits."""
        with self._wake:
            return tuple(self._long)

    def cancel(self, *, kind: str, video_id: int | None = None) -> int:
        """Cancel long work of a kind, and of one video or all; how many there were.

        What is finished stays.
        """
        found = [own for own in self.jobs() if own.kind == kind]
        found = [own for own in found if video_id is None or video_id in own.video_ids]
        for own in found:
            own.cancelled.set()
        with self._wake:
            self._wake.notify()
        return len(found)

    def serve_urgent(self) -> None:
        """Answer all that is urgent; only in the worker's thread, amid long work."""
        while True:
            with self._wake:
                if not self._urgent:
                    return
                urgent = self._urgent.popleft()
            self._answer(*urgent[:2])

    def close(self) -> None:
        """End the thread after its current step; what is finished is stored."""
        for job in self.jobs():
            job.cancelled.set()
        with self._wake:
            self._closing = True
            self._wake.notify()
        if self._thread.ident is not None:
            self._thread.join(30)

    def _run(self) -> None:
        try:
            self.engine = self._load()
        except Exception as error:
            self._fail(one_line(error))
            return
        self.state = "ready"
        self._told(self.state, "")
        while self._next():
            pass
        for job in self.jobs():
            job.cancelled.set()
            self._step(job)
        self._fail("the server ends")

    def _fail(self, message: str) -> None:
        with self._wake:
            self.state, self.message = "error", message
            waiting = tuple(self._urgent)
            self._urgent.clear()
            self._long.clear()
        for _, future, _ in waiting:
            future.set_exception(ModelUnavailable(message))
        self._told(self.state, message)

    def _next(self) -> bool:
        """Do one thing; False = the server ends."""
        assert self.engine is not None
        with self._wake:
            while not (self._urgent or self._ahead or self._long or self._closing):
                self._wake.wait()
            if self._closing:
                return False
            urgent = self._urgent.popleft() if self._urgent else None
            slot = next(iter(self._ahead), None) if urgent is None else None
            ahead = None if slot is None else self._ahead[slot]
            job = self._long[0] if urgent is None and ahead is None else None
        if urgent is not None:
            self._answer(*urgent[:2])
        elif slot is not None and ahead is not None:
            self._go_on(slot, ahead)
        elif job is not None:
            self._step(job)
        return True

    def _steps(self, begin: Callable[[Engine], Steps]) -> Steps:
        """The steps of work, of which nothing happens before the first."""
        assert self.engine is not None
        yield from begin(self.engine)

    def _go_on(self, slot: str, own: Steps) -> None:
        """One step of work ahead."""
        ended = True
        try:
            ended = next(own, own) is own
        except (ValueError, OSError, IndexError):
            pass  # the click that comes will say it
        except Exception:
            LOG.exception("work ahead of clicks ended by an unexpected error")
        with self._wake:
            wished = self._ahead.get(slot) is own
            if ended and wished:
                del self._ahead[slot]
        if not wished:
            own.close()

    def _answer(self, work: Callable[[Engine], Any], future: Future[Any]) -> None:
        assert self.engine is not None
        try:
            future.set_result(work(self.engine))
        except BaseException as error:
            future.set_exception(error)

    def _step(self, job: LongJob) -> None:
        """One step of long work. Its generator tells how it ends, and raises nothing."""
        assert self.engine is not None
        ended = False
        if job.steps is None:
            job.steps = job.begin(self.engine)
            ended = next(job.steps, job) is job  # up to its first pause, where it can be closed
        elif not job.cancelled.is_set():
            ended = next(job.steps, job) is job
        if job.cancelled.is_set():
            job.steps.close()
            ended = True
        if ended:
            with self._wake:
                if job in self._long:
                    self._long.remove(job)
