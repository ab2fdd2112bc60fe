"""BANK: what a policy sees of the candidates before it chooses.

They are on the device, for policies that decide there, and on the host, for who asks.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ..types import Candidates


@dataclass(frozen=True, slots=True, eq=False)
class Sighting:
    """One row's candidates on the host.

    Attributes:
        masks: at stride 4, True on the object.
        scores: predicted IoU of each mask, 0..1.
        presence: logit that the object is in the frame.
    """

    masks: Bool[np.ndarray, "M H W"]
    scores: Float[np.ndarray, " M"]
    presence: float


class Evidence:
    """The candidates of one object, or of all that run on a frame.

    Whoever first asks for :attr:`sightings` waits for the device: those of all objects are copied
    then, in one transfer a frame. A policy that does not ask keeps the host from waiting.
    """

    def __init__(
        self, candidates: Candidates, *, of: Evidence | None = None, start: int = 0
    ) -> None:
        self.candidates = candidates
        self.of = of
        self.start = start

    def rows(self, start: int, stop: int) -> Evidence:
        """The evidence about some rows: one object's."""
        return Evidence(self.candidates.rows(start, stop), of=self, start=start)

    @cached_property
    def sightings(self) -> list[Sighting]:
        """The candidates of each row, on the host."""
        if self.of is not None:
            return self.of.sightings[self.start : self.start + len(self.candidates.scores)]
        rows, masks = self.candidates.masks.shape[:2]
        parts = [
            (self.candidates.masks > 0).to(torch.uint8).flatten(1),
            _as_bytes(self.candidates.scores),
            _as_bytes(self.candidates.presence),
        ]
        lengths = [part.shape[1] for part in parts]
        packed = torch.cat(parts, dim=1).cpu()
        pixels, scores, presence = packed.split(lengths, dim=1)
        return [
            Sighting(
                pixels[row].view(masks, *self.candidates.masks.shape[2:]).bool().numpy(),
                scores[row].clone().view(torch.float32).numpy(),
                float(presence[row].clone().view(torch.float32)),
            )
            for row in range(rows)
        ]


def _as_bytes(values: Float[Tensor, "R n"]) -> Tensor:
    return values.float().contiguous().view(torch.uint8)
