"""Worker processes: how one begins and what ends it, and errors in one line."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any


def spawn(serve: Callable[..., None], *arguments: Any) -> tuple[BaseProcess, Connection]:
    """A new process that runs ``serve(pipe, *arguments)``, and this process's end of the pipe.

    It is spawned, not forked, since CUDA and threads do not survive a fork. It ignores Ctrl-C,
    which is for this process, and ends with it, even if this one is killed. The pipe ends with it.
    """
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_begin, args=(serve, theirs, *arguments), daemon=True)
    process.start()
    theirs.close()  # else the pipe would stay open
    return process, ours


def end_of(code: int | None) -> str:
    """How a process ended that has this exit code, in words."""
    if code is None or code >= 0:
        return f"exit status {code}"
    hint = ", perhaps for want of memory" if -code == signal.SIGKILL else ""
    return signal.Signals(-code).name + hint


def one_line(error: BaseException) -> str:
    """An error in one line; its type too where that is not expected."""
    message = " ".join(str(error).split())
    if not isinstance(error, (ValueError, OSError)) or not message:
        message = f"{type(error).__name__}: {message}"
    return message


def _begin(serve: Callable[..., None], pipe: Connection, *arguments: Any) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    serve(pipe, *arguments)


def _end_with_parent() -> None:
    if (parent := parent_process()) is not None:
        wait([parent.sentinel])
        os._exit(1)
