"""The model that propagates, and what is written down about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ..files import digest_of, hash_file
from ..memory import AutoSettings, MemoryFactory
from ..model import load_model
from ..model.exported import DESCRIPTION
from ..model.variants import Variant, find_variant
from ..model.weights import find_weights
from ..track import Rendering, Session, TrackingSession


@dataclass(frozen=True)
class Engine:
    """A model that is ready to track; made by :func:`load_engine`.

    Attributes:
        start: makes a session for a video of ``length=`` frames.
        model: its name.
        weights: SHA-256 of its file.
        settings: all others that results depend on, as JSON takes them.
    """

    start: Callable[..., Session]
    model: str
    weights: str
    settings: Mapping[str, Any]

    @cached_property
    def key(self) -> str:
        """A hash of model, weights and settings. The version of this package is not part of it."""
        return digest_of([self.model, self.weights, self.settings])

    @property
    def version(self) -> str:
        """Of this package."""
        return version("sam2track")


def load_engine(
    model: str = "nano",
    checkpoint: str | Path | None = None,
    *,
    device: str = "auto",
    precision: str = "auto",
    compile: bool = False,
    memory_pool: int | None = None,
    memory: MemoryFactory | AutoSettings | None = None,
    rendering: Rendering | None = None,
    settings: Mapping[str, Any] | None = None,
    **session: Any,
) -> Engine:
    """Load a model for :meth:`Project.propagate`.

    Args:
        model, checkpoint, device, precision, compile, memory_pool: see
            :func:`sam2track.load_model`.
        memory, rendering: see :class:`sam2track.TrackingSession`, as ``session``: its other
            arguments.
        settings: how these are written down; default: their names and values.

    Raises:
        ValueError: an unknown model, device or precision, or other weights.
    """
    card = find_variant(model)  # before its weights are looked for
    path = find_weights(model, checkpoint)
    loaded = load_model(
        model, path, device=device, precision=precision, compile=compile, memory_pool=memory_pool
    )
    rendering = rendering or Rendering()
    if settings is None:
        described = {
            "memory": _described(memory or AutoSettings(), card),
            "memory_pool": memory_pool,
        }
        settings = {**described, "rendering": repr(rendering), **session}
    # What "auto" stands for differs between machines.
    told = {**settings, "precision": str(loaded.precision).removeprefix("torch.")}
    start = partial(TrackingSession, loaded, memory=memory, rendering=rendering, **session)
    file = Path(path) / DESCRIPTION if Path(path).is_dir() else Path(path)
    return Engine(start, model, hash_file(file).hexdigest(), told)


def _described(memory: MemoryFactory | AutoSettings, card: Variant) -> str:
    """The policy with its options."""
    if isinstance(memory, AutoSettings):
        memory = memory.of(card.memory, card.recent)
    if isinstance(memory, partial):
        return f"{memory.func.__name__}{memory.args}{dict(sorted(memory.keywords.items()))}"
    return getattr(memory, "__name__", repr(memory))
