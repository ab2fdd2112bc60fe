"""Command line in, one runner called, exit status out.

``sam2track <verb> key=value ...``: the verb names a configuration (``configs/<verb>.yaml``) and a
runner (``runners/<verb>.py``, its function ``run``). What goes wrong ends in one line on stderr
and an exit status: 2 for bad input, 1 for a fault during the run, 130 for Ctrl-C, 143 for SIGTERM.
With ``SAM2TRACK_DEBUG=1`` the traceback comes too.
"""

from __future__ import annotations

import difflib
import multiprocessing
import os
import signal
import sys
import traceback
import warnings
from collections.abc import Sequence
from importlib import import_module

from .runners import RunFailed, Terminated

VERBS = {
    "track": "follow objects through a video",
    "train": "train a tracker, or fine-tune one",
    "pretrain": "train a trunk on pictures without labels",
    "benchmark": "measure a tracker on a dataset",
}

USAGE = """\
sam2track: click on an object in one frame, and its mask follows it through the whole video.

Usage:
  sam2track VERB key=value ...

Verbs:
{verbs}

Examples:
  sam2track track video=clip.mp4 click=[320,240]
  sam2track track --help

Options:
  --help     this text; after a verb, everything that can be set
  --version  the version

Set SAM2TRACK_DEBUG=1 for a traceback with an error.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        argv: arguments without the program's name; default: those of the process.

    Returns:
        The exit status: 0, 1 = a fault during the run, 2 = bad input, 130 = Ctrl-C, 143 = SIGTERM.
    """
    listening = signal.signal(signal.SIGTERM, _terminate)
    try:
        with warnings.catch_warnings():
            if not _debugging():
                warnings.simplefilter("ignore")  # what libraries say to programmers
            return _dispatch(list(sys.argv[1:] if argv is None else argv))
    except Terminated as interrupt:
        return _fail(143, str(interrupt) or "interrupted")
    except KeyboardInterrupt as interrupt:
        return _fail(130, str(interrupt) or "interrupted")
    except BrokenPipeError:  # as in `sam2track --help | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except RunFailed as failure:
        return _fail(1, str(failure))
    except (ValueError, OSError) as error:
        return _fail(2, _describe(error))
    except Exception as error:
        message = f"{type(error).__name__}: {_describe(error)}"
        return _fail(1, f"{message} (unexpected; SAM2TRACK_DEBUG=1 shows where)")
    finally:
        signal.signal(signal.SIGTERM, listening)


def _terminate(*_: object) -> None:
    """Answer SIGTERM as Ctrl-C; a forked worker, which inherits this, just ends."""
    if multiprocessing.parent_process() is not None:
        os._exit(143)
    raise Terminated


def _dispatch(argv: list[str]) -> int:
    if "--version" in argv[:1]:
        from importlib.metadata import version

        print(f"sam2track {version('sam2track')}")
        return 0
    if not argv or argv[0] in ("--help", "-h", "help"):
        print(USAGE.format(verbs="\n".join(f"  {verb:<9}  {what}" for verb, what in VERBS.items())))
        return 0 if argv else 2
    verb, arguments = argv[0], argv[1:]
    if verb not in VERBS:
        close = difflib.get_close_matches(verb, VERBS, n=1)
        hint = f"did you mean {close[0]}?" if close else f"verbs are: {', '.join(VERBS)}"
        raise ValueError(f"no verb {verb!r}; {hint}")
    if {"--help", "-h"} & set(arguments):
        from .runners.help import describe

        print(describe(verb))
        return 0
    from .runners.compose import compose_config

    config_file = _take_option(arguments, "--config")
    if {"-m", "--multirun"} & set(arguments):
        from .runners.sweep import sweep

        sweep(verb, arguments, config_file)
        return 0
    config = compose_config(verb, arguments, config_file)
    import_module(f"sam2track.runners.{verb}").run(config)
    return 0


def _take_option(arguments: list[str], name: str) -> str | None:
    """Remove ``--name value`` or ``--name=value`` from the arguments and return its value."""
    for position, argument in enumerate(arguments):
        if argument == name:
            if position + 1 == len(arguments):
                raise ValueError(f"{name} needs a value")
            value = arguments[position + 1]
            del arguments[position : position + 2]
            return value
        if argument.startswith(name + "="):
            del arguments[position]
            return argument.removeprefix(name + "=")
    return None


def _describe(error: Exception) -> str:
    """What an exception says, in one line."""
    if isinstance(error, OSError) and error.strerror:
        where = f": {error.filename}" if error.filename else ""
        return f"{error.strerror}{where}"
    return " ".join(str(error).split()) or type(error).__name__


def _debugging() -> bool:
    return os.environ.get("SAM2TRACK_DEBUG") == "1"


def _fail(status: int, message: str) -> int:
    if _debugging():
        traceback.print_exc()
    print(f"error: {message}", file=sys.stderr)
    return status
