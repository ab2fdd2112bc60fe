"""Workers on a Ray cluster: actors that hold the model, one video a task.

Ray starts an actor again, perhaps on another node, when its process or its node dies. Tasks and
results travel as values, so machines need no storage in common but the videos, which must have the
same path everywhere.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...spawning import one_line
from ..tasks import Task
from .pool import STARTS, Delivery, Pool
from .worker import Attempt, MakeEngine, Ready, Worker

_PATIENCE = 60.0  # seconds without any worker, until the wait is told


@dataclass(slots=True, eq=False)
class _Actor:
    """A worker; ``ref`` is what it does now: loading the model, or a task."""

    handle: Any
    ref: Any
    ready: bool = False
    task: Task | None = None
    lost: int = 0
    forgetting: Any = None


class RayPool(Pool):
    """An :class:`Executor` on a Ray cluster.

    Args:
        make_engine: makes the model in each worker.
        threads: of each worker's model, on the CPU.
        address: of the cluster, as :func:`ray.init` takes it; None = start one on this machine.
        workers: how many; None = as many as the cluster has room for now.
        gpus: of each worker, may be a fraction; None = 1 if the cluster has any, or else 0.
        cpus: of each worker.
        init: other arguments of :func:`ray.init`, such as ``runtime_env``.

    Raises:
        ValueError: if there is no Ray, no such cluster or no room in it, or the model cannot be
            loaded.
    """

    def __init__(
        self,
        make_engine: MakeEngine,
        threads: int,
        *,
        address: str | None = None,
        workers: int | None = None,
        gpus: float | None = None,
        cpus: float = 1,
        init: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self._ray, self._mine = _connect(address, init or {})
        self._failed: dict[str, _Actor] = {}  # by the task's key: where it failed last
        self._actors: list[_Actor] = []
        try:
            gpus, self.workers = _room(self._ray.cluster_resources(), workers, gpus, cpus)
            options = {"num_gpus": gpus, "num_cpus": cpus, "max_restarts": -1}
            options |= {"scheduling_strategy": "SPREAD"}
            self._class = self._ray.remote(**options)(Worker)
            self._arguments = make_engine, {}, threads, None
            self._actors += [self._start() for _ in range(self.workers)]
            self._await_engine()
        except BaseException:
            self.close()
            raise

    def committed(self, task: Task) -> None:
        """Have every worker remove what is left of a task on its machine."""
        self._failed.pop(task.key, None)
        for own in self._actors:
            if own.ready:
                own.forgetting = own.handle.forget.remote(task.key)

    def close(self) -> None:
        """End all workers, and Ray if it was begun here."""
        if not self._ray.is_initialized():
            return
        if all(own.ref is None for own in self._actors):
            last = [own.forgetting for own in self._actors if own.forgetting is not None]
            if last:
                self._ray.wait(last, num_returns=len(last), timeout=10)
        for own in self._actors:
            self._ray.kill(own.handle)
        self._actors.clear()
        if self._mine:
            self._ray.shutdown()

    def _start(self) -> _Actor:
        handle = self._class.remote(*self._arguments)
        return _Actor(handle, _load(handle))

    def _assign(self) -> None:
        """Give waiting tasks to idle workers; one that failed to another, if there is one."""
        for own in self._actors:
            if not self._waiting or not own.ready or own.ref is not None:
                continue
            others = any(other.ready for other in self._actors if other is not own)
            fit = [task for task in self._waiting if self._failed.get(task.key) is not own]
            if not fit and others:
                continue
            task = fit[0] if fit else self._waiting[0]
            self._waiting.remove(task)
            own.task, own.ref = task, own.handle.work.remote(task)

    def _step(self) -> Delivery | None:
        self._assign()
        by_ref = {own.ref: own for own in self._actors if own.ref is not None}
        working = any(own.ready for own in self._actors)
        done, _ = self._ray.wait(list(by_ref), timeout=None if working else _PATIENCE)
        if not done:
            print("waiting for the cluster: no worker has started yet", file=sys.stderr)
            return None
        own = by_ref[done[0]]
        try:
            message: Ready | Attempt = self._ray.get(own.ref)
        except self._ray.exceptions.RayError as error:
            return self._lose(own, error)
        own.ref = None
        if isinstance(message, Ready):
            self._greet(message)
            own.ready, own.lost = True, 0
            return None
        task, own.task = own.task, None
        assert task is not None
        if message.result is None:
            self._failed[task.key] = own
        if message.broken:
            self._ray.kill(own.handle, no_restart=False)
            own.ready, own.ref = False, _load(own.handle)
        self._assign()
        return Delivery(task, message.result, message.error)

    def _lose(self, own: _Actor, error: Exception) -> Delivery | None:
        """Load the model again in a worker that died; its task comes back without a result."""
        task, own.task = own.task, None
        own.lost += not own.ready
        if own.lost >= STARTS:
            raise ValueError(f"a worker can't start: {one_line(error)}")
        own.ready = False
        if isinstance(error, self._ray.exceptions.ActorDiedError):  # for good
            own.handle = self._class.remote(*self._arguments)
        own.ref = _load(own.handle)
        if task is None:
            return None
        self._failed[task.key] = own
        return Delivery(task, None, f"its worker or its node died ({type(error).__name__})")


def _load(handle: Any) -> Any:
    """Have a worker load the model; that is tried until Ray has started it."""
    return handle.load.options(max_task_retries=-1).remote()


def _connect(address: str | None, options: Mapping[str, Any]) -> tuple[Any, bool]:
    """Ray, connected to a cluster, and whether that was done here."""
    try:
        import ray
        import ray.exceptions
    except ImportError:
        raise ValueError("executor=ray needs Ray: pip install 'sam2track[ray]'") from None
    if ray.is_initialized():
        return ray, False
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    if address is None:
        quiet["include_dashboard"] = False
    listening = signal.getsignal(signal.SIGTERM)
    try:
        _reach(address)
        ray.init(address=address or "local", **quiet | dict(options))
    except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        raise ValueError(f"executor.address={address}: {one_line(error)}") from error
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, listening)  # Ray puts its own there
    return ray, True


def _reach(address: str | None) -> None:
    """Raise OSError at once if nothing listens at ``host:port``: Ray tries for five minutes."""
    host, _, port = (address or "").rpartition(":")
    if host and port.isdecimal() and "//" not in host:
        socket.create_connection((host, int(port)), timeout=10).close()


def _room(
    has: Mapping[str, float], workers: int | None, gpus: float | None, cpus: float
) -> tuple[float, int]:
    """The GPUs of a worker, and how many workers there are."""
    if gpus is None:
        gpus = 1.0 if has.get("GPU", 0) else 0.0
    needs = {name: count for name, count in (("GPU", gpus), ("CPU", cpus)) if count}
    room = min((int(has.get(name, 0) / count + 1e-9) for name, count in needs.items()), default=1)
    if workers is None and not room:
        told = " and ".join(f"{count:g} {name}" for name, count in needs.items())
        got = " and ".join(f"{has.get(name, 0):g} {name}" for name in needs)
        raise ValueError(
            f"a worker needs {told}, but the cluster has {got}; give executor.gpus= and "
            "executor.cpus=, or executor.workers= for a cluster that grows"
        )
    return gpus, workers or room
