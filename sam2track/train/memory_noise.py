"""Mistakes that are put into memory while training, so that the tracker learns to correct them.

On long videos small mistakes add up. A part of an object is missed once, is missing from every
memory after that, and is never found again. Or a mask takes in a neighbour and keeps it. Training
clips are too short for that. So for a share of the rows (one row = one object of one clip), from
some frame on, a changed mask is memorised: a part on one side of the object is cut off, or a region
beside it is added. Prompted frames are memorised unchanged, and the losses ask for the whole
object. So the network learns to trust the prompted frame more than recent memories.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

SURE = 6.0  # absolute logit of the changed pixels


@dataclass(frozen=True, slots=True)
class Mistake:
    """The mistake in one row's memories; it stays on the same side of the object.

    Attributes:
        start: the first frame with the mistake.
        added: whether a region is added; otherwise a part is cut off.
        angle: the side of the object, radians.
        amount: share of the object that is cut off, or size of the added region.
    """

    start: int
    added: bool
    angle: float
    amount: float

    @classmethod
    def draw(cls, share: float, frames: int, random: np.random.Generator) -> Mistake | None:
        """With chance ``share`` a random mistake for a clip of ``frames``; otherwise None."""
        if frames < 3 or random.random() >= share:
            return None
        return cls(
            int(random.integers(1, frames - 1)),
            bool(random.random() < 0.35),
            float(random.uniform(0, 2 * np.pi)),
            float(random.uniform(0.15, 0.5)),
        )

    def __call__(self, logits: Float[Tensor, "h w"], index: int) -> Float[Tensor, "h w"]:
        """The mask logits to memorise for a frame, from those that were predicted."""
        inside = logits > 0
        if index < self.start or not inside.any():
            return logits
        place = self._place(inside)
        limit = torch.full_like(logits, SURE)
        if self.added:
            return torch.where(place, torch.maximum(logits, limit), logits)
        return torch.where(place, torch.minimum(logits, -limit), logits)

    def _place(self, inside: Bool[Tensor, "h w"]) -> Bool[Tensor, "h w"]:
        """Where the mask is changed."""
        height, width = inside.shape
        y, x = torch.meshgrid(
            torch.arange(height, device=inside.device, dtype=torch.float32),
            torch.arange(width, device=inside.device, dtype=torch.float32),
            indexing="ij",
        )
        x, y = x - x[inside].mean(), y - y[inside].mean()
        along = x * float(np.cos(self.angle)) + y * float(np.sin(self.angle))
        if not self.added:
            return along > torch.quantile(along[inside], 1 - self.amount)
        across = y * float(np.cos(self.angle)) - x * float(np.sin(self.angle))
        far = along[inside].max()
        radius = inside.sum().float().sqrt() * (0.3 + self.amount)
        return (along - far - 0.5 * radius) ** 2 + across**2 < radius**2
