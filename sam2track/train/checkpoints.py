"""Checkpoints on disk: written whole or not at all, and read without executing anything.

``last.pt`` holds plain tensors, numbers and settings.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from ..files import whole_file

LAST, WEIGHTS = "last.pt", "weights.safetensors"

# Settings that may change when a run is resumed: they do not change what is learnt.
CHANGEABLE = ("out", "device", "steps", "workers", "threads", "checkpointing", "evaluate")
CHANGEABLE += ("save_every", "pictures_every")


class NotSaved(RuntimeError):
    """A checkpoint could not be written; the one before is as it was."""


@contextmanager
def saving(step: int, out: Path) -> Iterator[None]:
    """While a step is saved: an error of the disk becomes :class:`NotSaved`."""
    try:
        yield
    except OSError as error:
        raise NotSaved(
            f"step {step} could not be saved in {out}: {error.strerror or error}; what was saved "
            "before is valid: make room, and the same command goes on from there"
        ) from error


def save_state(state: dict[str, Any], path: Path) -> None:
    """Write a checkpoint; OSError if it cannot be written, and what was at ``path`` stays."""
    with whole_file(path) as temporary:
        try:
            torch.save(state, temporary)
        except RuntimeError as error:  # how PyTorch's writer says that the disk is full
            raise OSError(str(error).splitlines()[0]) from error


def load_state(path: Path) -> dict[str, Any]:
    """Read a checkpoint, onto the CPU; ValueError if the file is not one."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError, OSError):
        raise ValueError(
            f"{path} is no checkpoint of a run, or is damaged; begin again with another out="
        ) from None
    if not isinstance(state, dict) or "step" not in state or "settings" not in state:
        raise ValueError(f"{path} is no checkpoint of this version; begin again with another out=")
    return state


def check_settings(now: Mapping[str, Any], stored: Mapping[str, Any], out: Path) -> None:
    """Refuse, with a ValueError, to resume a run with other settings than it began with."""

    def shown(settings: Mapping[str, Any], name: str) -> Any:
        value = settings.get(name, "not set")
        return "null" if value is None else value

    differ = [
        f"{name}={shown(now, name)} (was {shown(stored, name)})"
        for name in sorted(now.keys() | stored.keys())
        if name.split(".")[0] not in CHANGEABLE and now.get(name) != stored.get(name)
    ]
    if differ:
        raise ValueError(
            f"{out} holds a run with other settings: {', '.join(differ)}. Go on with those it was "
            f"begun with, or {new_run(now, out)}"
        )


def new_run(settings: Mapping[str, Any], out: Path) -> str:
    """How to begin a new run with the weights in ``out``; the end of an error message."""
    key = "trunk" if "mae.hidden" in settings else "checkpoint"
    return f"begin a new out= with {key}={out / WEIGHTS}"
