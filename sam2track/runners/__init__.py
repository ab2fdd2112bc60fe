"""One module per verb of the command: its function ``run`` does what the verb says.

Hydra is imported only here and in ``cli.py``; a runner hands plain values on.
"""

from __future__ import annotations

import os
import traceback
from dataclasses import dataclass
from pathlib import Path

PACKAGE = Path(__file__).parents[1]
# An installed wheel has them inside the package, a checkout beside it.
CONFIGS = next(
    folder
    for folder in (PACKAGE / "configs", PACKAGE.parent / "configs")
    if (folder / "track.yaml").is_file()
)


class RunFailed(Exception):
    """A fault while running, after the input was found good; the message says what is there."""


class Terminated(KeyboardInterrupt):
    """The process was asked to end (SIGTERM: ``kill``, ``docker stop``); it ends as by Ctrl-C."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command or one job of a sweep ended.

    Attributes:
        status: the exit status: 0, 1 = a fault during the run, 2 = bad input, 130 = Ctrl-C,
            143 = SIGTERM.
        message: what went wrong, in one line.
        name: of the job, in a sweep.
        folder: where a sweep's job puts its results.
    """

    status: int = 0
    message: str = ""
    name: str = ""
    folder: str = ""


def outcome_of(error: BaseException) -> Outcome:
    """The exit status and the one line for an exception; with SAM2TRACK_DEBUG=1 its traceback."""
    if debugging():
        traceback.print_exception(error)
    if isinstance(error, KeyboardInterrupt):
        status = 143 if isinstance(error, Terminated) else 130
        return Outcome(status, str(error) or "interrupted")
    message = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, OSError) and error.strerror:
        message = f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    if isinstance(error, RunFailed):
        return Outcome(1, message)
    if isinstance(error, (ValueError, OSError)):
        return Outcome(2, message)
    advice = "unexpected; SAM2TRACK_DEBUG=1 shows where"
    return Outcome(1, f"{type(error).__name__}: {message} ({advice})")


def debugging() -> bool:
    """Whether tracebacks and warnings are to be shown."""
    return os.environ.get("SAM2TRACK_DEBUG") == "1"
