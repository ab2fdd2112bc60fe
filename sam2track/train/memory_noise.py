"""Mistakes that are put into memory while training, so that the tracker learns to correct them.

On long videos small mistakes add up. A part of an object is missed once, is missing from every
memory after that, and is never found again. Or a mask takes in a neighbour and keeps it. Training
clips are too short for that. So for a share of the rows (one row = one object of one clip), from
some frame on, a changed mask is memorised: a part on one side of the object is cut off, or a region
beside it is added. Prompted frames are memorised unchanged, and the losses ask for the whole
object. So the network learns to trust the prompted frame more than recent memories.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

SURE = 6.0  # absolute logit of the changed pixels


@dataclass(frozen=True, slots=True)
class Mistake:
    """The mistake in one row's memories; it stays on the same side of the object."""

    start: int  # the first frame with the mistake
    added: bool  # whether a region is added; otherwise a part is cut off
    angle: float  # the side of the object, radians
    amount: float  # share of the object that is cut off, or size of the added region

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


def put_mistakes(
    logits: Float[Tensor, "R h w"], mistakes: Sequence[Mistake | None], index: int
) -> Float[Tensor, "R h w"]:
    """The mask logits to memorise for a frame, from those that were predicted; one mistake a row.

    Rows without a mistake, before it starts, or without a predicted object stay as they are.
    """
    begun = [mistake if mistake and index >= mistake.start else None for mistake in mistakes]
    if not any(begun):
        return logits
    values = [(m.added, m.angle, m.amount) if m else (False, 0.0, 0.0) for m in begun]
    added, angle, amount = torch.tensor(values, device=logits.device)[..., None, None].unbind(1)
    active = torch.tensor([m is not None for m in begun], device=logits.device)[:, None, None]
    inside = logits > 0
    active = active & inside.any((1, 2), keepdim=True)
    count = inside.sum((1, 2), keepdim=True).clamp(min=1)
    height, width = logits.shape[-2:]
    y = torch.arange(height, device=logits.device, dtype=torch.float32)[:, None]
    x = torch.arange(width, device=logits.device, dtype=torch.float32)
    x = x - (inside * x).sum((1, 2), keepdim=True) / count
    y = y - (inside * y).sum((1, 2), keepdim=True) / count
    along = x * angle.cos() + y * angle.sin()  # distance from the object's centre to its side
    ordered = along.masked_fill(~inside, -torch.inf).flatten(1).sort(1).values
    rank = height * width - count + (1 - amount) * (count - 1)  # in the sorted pixels
    cut = along > ordered.gather(1, rank.long()[..., 0])[..., None]
    across = y * angle.cos() - x * angle.sin()
    radius = count.sqrt() * (0.3 + amount)
    beside = (along - ordered[:, -1:, None] - 0.5 * radius) ** 2 + across**2 < radius**2
    changed = torch.where(added > 0, logits.clamp(min=SURE), logits.clamp(max=-SURE))
    return torch.where(active & torch.where(added > 0, beside, cut), changed, logits)
