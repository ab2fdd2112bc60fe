"""Names that have moved since version 0.1: the old ones still work, and warn."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def moved(module: str, names: Mapping[str, str]) -> Callable[[str], Any]:
    """The ``__getattr__`` of a module from which names have moved.

    Args:
        module: its name.
        names: for each old name in it the full new one.
    """

    def find(name: str) -> Any:
        if name not in names:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        place, _, now = names[name].rpartition(".")
        say_moved(f"{module}.{name}", names[name], level=3)
        return getattr(import_module(place), now)

    return find


def say_moved(old: str, new: str, *, level: int = 3) -> None:
    """Warn that a name has moved; ``level`` calls up is who used it."""
    warnings.warn(f"{old} is now {new}", DeprecationWarning, stacklevel=level)
