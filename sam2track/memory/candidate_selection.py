"""Selectors: which of an object's candidate masks is taken.

A policy has two halves. A selector takes the mask; the memory decides which frames are kept and
recalled. Any selector goes with any memory that has the option ``selector``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from jaxtyping import Bool

from ..types import Choice
from .host_candidates import FrameCandidates, HostCandidates


@dataclass(frozen=True, slots=True, eq=False)
class Selection:
    """The mask that was taken, on the host.

    Attributes:
        candidates: all of the row's candidates.
        pick: which one was taken.
        present: whether the object counts as present in the frame.
        motion: IoU of the mask's box with the expected box, 0..1; None = no box was expected.
    """

    candidates: HostCandidates
    pick: int
    present: bool
    motion: float | None = None

    @property
    def score(self) -> float:
        """Predicted IoU, 0..1."""
        return float(self.candidates.scores[self.pick])

    @property
    def presence(self) -> float:
        """Logit that the object is in the frame."""
        return self.candidates.presence

    @property
    def mask(self) -> Bool[np.ndarray, "H W"]:
        """The mask at stride 4; empty if the object is absent."""
        return self.candidates.masks[self.pick] & self.present

    def choice(self) -> Choice:
        """The same for the session."""
        parts = ([0], [self.pick], [self.present])
        return Choice(*(torch.tensor(part) for part in parts))


class Selector(Protocol):
    """Takes a candidate. It may keep state: there is one instance per object."""

    def select(self, candidates: FrameCandidates, index: int, direction: int) -> Selection:
        """Take one of the candidates of an object's only row."""
        ...


SelectorFactory = Callable[[], Selector]  # makes an object's selector


class BestScoreSelector:
    """SAM 2's choice: the highest predicted IoU; present where the logit is above 0."""

    def select(self, candidates: FrameCandidates, index: int, direction: int) -> Selection:
        row = candidates.on_host[0]
        return Selection(row, int(row.scores.argmax()), row.presence > 0)
