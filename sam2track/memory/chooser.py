"""BANK: which of an object's candidates is taken: one half of a policy.

The other half, which frames are kept and recalled, is a memory's own; so that any chooser goes with
any memory that takes one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from jaxtyping import Bool

from ..types import Choice
from .evidence import Evidence, Sighting


@dataclass(frozen=True, slots=True, eq=False)
class Chosen:
    """The mask that was taken, and what a memory judges it by. On the host.

    Attributes:
        sighting: all candidates.
        pick: which one was taken.
        present: whether the object is taken to be in the frame.
        motion: how well it fits where the object was expected, 0..1; None = nothing expected.
    """

    sighting: Sighting
    pick: int
    present: bool
    motion: float | None = None

    @property
    def score(self) -> float:
        """Predicted IoU, 0..1."""
        return float(self.sighting.scores[self.pick])

    @property
    def presence(self) -> float:
        """Logit that the object is in the frame."""
        return self.sighting.presence

    @property
    def mask(self) -> Bool[np.ndarray, "H W"]:
        """The mask at stride 4; empty if the object is absent."""
        return self.sighting.masks[self.pick] & self.present

    def choice(self) -> Choice:
        """The same for the session."""
        return Choice(
            torch.zeros(1, dtype=torch.long),
            torch.tensor([self.pick]),
            torch.tensor([self.present]),
        )


class Chooser(Protocol):
    """Takes a candidate; may keep state, one instance an object."""

    def choose(self, evidence: Evidence, index: int, direction: int) -> Chosen:
        """Take one of the candidates of an object's only row."""
        ...


class ChooserFactory(Protocol):
    """Makes an object's chooser."""

    def __call__(self) -> Chooser: ...


class BestChooser:
    """SAM 2's choice: the highest predicted IoU; present where the logit is above 0."""

    def choose(self, evidence: Evidence, index: int, direction: int) -> Chosen:
        sighting = evidence.sightings[0]
        return Chosen(sighting, int(sighting.scores.argmax()), sighting.presence > 0)
