"""Command line in, one runner called, exit status out.

``sam2track <verb> key=value ...``: the verb names a configuration (``configs/<verb>.yaml``) and a
runner (``runners/<verb>.py``, its function ``run``). An error is one line on stderr and an
exit status: 2 for wrong input, 1 for an error during the run, 130 for Ctrl-C, 143 for SIGTERM.
With ``SAM2TRACK_DEBUG=1`` the traceback is printed too.
"""

from __future__ import annotations

import difflib
import multiprocessing
import os
import signal
import sys
import warnings
from collections.abc import Sequence

from .runners import Terminated, debugging, outcome_of

VERBS = {
    "track": "follow objects through a video",
    "image": "segment single images",
    "train": "train a tracker, or fine-tune one",
    "pretrain": "train a trunk on pictures without labels",
    "benchmark": "measure a tracker on a dataset",
    "convert": "write a tracker for other runtimes, such as ONNX Runtime",
    "annotate": "annotate many videos in a project",
    "serve": "open a page in the browser to annotate videos",
    "export": "write a project's annotations in the format of another tool",
    "import": "read annotations of another tool into a project",
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
  --help     this text; after a verb, what can be set
  --version  the version
  --shell-completion install=bash  (or zsh, fish) completes what you type, see docs/hydra.md

Set SAM2TRACK_DEBUG=1 for a traceback with an error.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        argv: arguments without the program's name; default: those of the process.

    Returns:
        The exit status: 0, 1 = an error in the run, 2 = wrong input, 130 = Ctrl-C, 143 = SIGTERM.
    """
    listening = signal.signal(signal.SIGTERM, _terminate)
    try:
        with warnings.catch_warnings():
            if not debugging():
                warnings.simplefilter("ignore")  # warnings of libraries for programmers
            return _dispatch(list(sys.argv[1:] if argv is None else argv))
    except BrokenPipeError:  # as in `sam2track --help | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (Exception, KeyboardInterrupt) as error:
        outcome = outcome_of(error)
        print(f"error: {outcome.message}", file=sys.stderr)
        return outcome.status
    finally:
        signal.signal(signal.SIGTERM, listening)


def _terminate(*_: object) -> None:
    """Handle SIGTERM as Ctrl-C; a forked worker, which inherits this, only ends."""
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
    if argv[0] in ("--shell-completion", "-sc"):
        return _complete(argv)
    verb, arguments = argv[0], argv[1:]
    if verb == "train" and "recipe=mae" in arguments:  # its name in version 0.1
        print("note: train recipe=mae is now sam2track pretrain", file=sys.stderr)
        verb, arguments = "pretrain", [word for word in arguments if word != "recipe=mae"]
    if verb not in VERBS:
        close = difflib.get_close_matches(verb, VERBS, n=1)
        hint = f"did you mean {close[0]}?" if close else f"verbs are: {', '.join(VERBS)}"
        raise ValueError(f"no verb {verb!r}; {hint}")
    if {"--help", "-h"} & set(arguments):
        from .runners.help import describe

        print(describe(verb, arguments))
        return 0
    from .runners.application import launch

    return launch(verb, arguments)


def _complete(argv: list[str]) -> int:
    """Tab completion: Hydra completes settings, this function verbs."""
    words = os.environ.get("COMP_LINE", "").split(" ")
    if "query" not in argv[-1]:  # install=bash or uninstall=bash, the same for every verb
        words = ["", next(iter(VERBS)), ""]
    elif len(words) < 3:
        print(" ".join(verb for verb in VERBS if verb.startswith(words[-1])))
        return 0
    elif words[1] not in VERBS:
        return 0
    from .runners.application import launch

    os.environ["COMP_LINE"] = " ".join([words[0], *words[2:]])
    return launch(words[1], argv)
