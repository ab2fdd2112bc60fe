"""Mistakes that are put into memory while training, so that the tracker learns not to repeat them.

Room: TRAIN. On long videos small mistakes add up: a head is lost once, is missing from every memory
after that, and is never found again; or a mask takes in a neighbour, and keeps it. Training clips
are too short for that. So in a share of the rows, from some frame on, what is remembered of each
tracked frame is not what was predicted: a part on one side of the object is cut off, or a region
beside it is added. The prompted frames are remembered as they are, and the loss asks for the whole
object: what the anchor shows must outweigh what recent memories lack.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

SURE = 6.0  # logit of what is cut off or added


@dataclass(frozen=True, slots=True)
class Mistake:
    """One row's mistake; it stays on the same side of the object.

    Attributes:
        start: the frame from which on it is made.
        added: whether a region is added; otherwise one is cut off.
        angle: the side of the object, radians.
        amount: share of the object that is cut off, or size of what is added.
    """

    start: int
    added: bool
    angle: float
    amount: float

    @classmethod
    def draw(cls, share: float, frames: int, random: np.random.Generator) -> Mistake | None:
        """A random mistake in a ``share`` of the rows of clips so long; otherwise None."""
        if frames < 3 or random.random() >= share:
            return None
        return cls(
            int(random.integers(1, frames - 1)),
            bool(random.random() < 0.35),
            float(random.uniform(0, 2 * np.pi)),
            float(random.uniform(0.15, 0.5)),
        )

    def __call__(self, logits: Float[Tensor, "h w"], index: int) -> Float[Tensor, "h w"]:
        """The mask that is remembered of a frame, from the one that was predicted."""
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
