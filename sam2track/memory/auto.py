"""The memory policy that suits a model, by its card."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from .fifo import FifoMemory
from .protocol import MemoryFactory
from .redetect import RedetectMemory


@dataclass(frozen=True, slots=True, kw_only=True)
class AutoSettings:
    """Options that the policies of all cards have.

    Attributes:
        recent: remembered frames attended to; None = as the card says.
        pointers: object pointers attended to, not counting those of anchors.
    """

    recent: int | None = None
    pointers: int = 16

    def of(self, policy: str, recent: int) -> MemoryFactory:
        """What a card names: see :class:`sam2track.model.variants.Variant`."""
        made = {"fifo": FifoMemory, "redetect": RedetectMemory}[policy]
        recent = recent if self.recent is None else self.recent
        return partial(made, recent=recent, pointers=self.pointers)
