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
        recent: remembered frames attended to.
        pointers: object pointers attended to, not counting those of anchors.
    """

    recent: int = 6
    pointers: int = 16

    def of(self, policy: str) -> MemoryFactory:
        """The policy that a card names: see :class:`sam2track.model.variants.Variant`."""
        made = {"fifo": FifoMemory, "redetect": RedetectMemory}[policy]
        return partial(made, recent=self.recent, pointers=self.pointers)
