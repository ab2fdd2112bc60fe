"""One module per verb of the command: its function ``run`` executes the verb.

Hydra is imported only here and in ``cli.py``; a runner passes plain values to other modules.
"""

from __future__ import annotations

import os
import traceback
from dataclasses import dataclass
from pathlib import Path

PACKAGE = Path(__file__).parents[1]
# An installed wheel has them inside the package, a checkout has them next to it.
CONFIGS = next(
    folder
    for folder in (PACKAGE / "configs", PACKAGE.parent / "configs")
    if (folder / "track.yaml").is_file()
)


class RunFailed(Exception):
    """An error during the run; the message also says which results exist."""


class Terminated(KeyboardInterrupt):
    """The process got SIGTERM (``kill``, ``docker stop``); it ends as after Ctrl-C."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command or one job of a sweep ended."""

    # The exit status: 0, 1 = an error during the run, 2 = wrong input, 130 = Ctrl-C, 143 =
    # SIGTERM
    status: int = 0
    message: str = ""  # the error, in one line
    name: str = ""  # of the job, in a sweep
    folder: str = ""  # the folder for results of a sweep's job


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


def counted(count: int, thing: str) -> str:
    """``1 frame``, ``2 frames``."""
    return f"{count} {thing}{'s' * (count != 1)}"


def debugging() -> bool:
    """Whether tracebacks and warnings are to be shown."""
    return os.environ.get("SAM2TRACK_DEBUG") == "1"
