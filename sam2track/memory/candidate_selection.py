"""An object's candidate masks as a policy sees them, and selectors, which choose one of them.

A policy has two parts. A selector chooses the mask; the memory decides which frames are kept and
recalled. Any selector can be used with any memory that has the option ``selector``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ..types import Candidates, Choice


@dataclass(frozen=True, slots=True, eq=False)
class HostCandidates:
    """One row's candidates on the host.

    Attributes:
        masks: at stride 4, True on the object.
        scores: predicted IoU of each mask, 0..1.
        presence: logit that the object is in the frame.
    """

    masks: Bool[np.ndarray, "M H W"]
    scores: Float[np.ndarray, " M"]
    presence: float

    def effective_score(self, pick: int) -> float:
        """Presence times quality, as of SAM 3: ``(2 sigmoid(presence) - 1) * predicted IoU``, 0..1.

        0 where the object is not present.
        """
        return math.tanh(max(self.presence, 0.0) / 2) * float(self.scores[pick])


@dataclass(eq=False)
class FrameCandidates:
    """The candidates of one frame: of all objects, or of one (:meth:`rows`).

    The first read of :attr:`on_host` waits for the device and copies those of all objects. A policy
    that only reads :attr:`on_device` never waits for it.
    """

    on_device: Candidates
    whole: FrameCandidates | None = None
    start: int = 0
    look: Callable[[], Float[Tensor, "R M C"]] | None = None

    def rows(self, start: int, stop: int) -> FrameCandidates:
        """The candidates of some rows: one object's."""
        return FrameCandidates(self.on_device.rows(start, stop), self, start)

    @cached_property
    def appearances(self) -> list[Float[np.ndarray, "M C"]] | None:
        """What the masks of each row look like: see :meth:`sam2track.model.sam2.SAM2.appearance`;
        None if nobody gave ``look``, which computes it."""
        if self.whole is not None:
            every = self.whole.appearances
            return every and every[self.start : self.start + len(self.on_device.scores)]
        return None if self.look is None else [*self.look().float().cpu().numpy()]

    @cached_property
    def on_host(self) -> list[HostCandidates]:
        """The candidates of each row."""
        if self.whole is not None:
            return self.whole.on_host[self.start : self.start + len(self.on_device.scores)]
        found = self.on_device
        masks = (found.masks > 0).cpu().numpy()
        scores = found.scores.detach().float().cpu().numpy()
        presence = found.presence[:, 0].tolist()
        return [HostCandidates(*row) for row in zip(masks, scores, presence, strict=True)]


@dataclass(frozen=True, slots=True, eq=False)
class Selection:
    """The mask that was chosen, on the host.

    Attributes:
        candidates: all of the row's candidates.
        pick: the index of the chosen one.
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
    def effective_score(self) -> float:
        """See :meth:`HostCandidates.effective_score`."""
        return self.candidates.effective_score(self.pick)

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
    """Chooses a candidate. It may keep state: there is one instance per object."""

    def select(self, candidates: FrameCandidates, index: int, direction: int) -> Selection:
        """Choose one of the candidates of an object's only row."""
        ...


SelectorFactory = Callable[[], Selector]  # makes an object's selector


class BestScoreSelector:
    """SAM 2's choice: the highest predicted IoU; present where the logit is above 0."""

    def select(self, candidates: FrameCandidates, index: int, direction: int) -> Selection:
        row = candidates.on_host[0]
        return Selection(row, int(row.scores.argmax()), row.presence > 0)
