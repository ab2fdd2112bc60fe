"""Small holes in masks are filled, on the model's grid."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

FILLED = 0.1  # logit of a filled hole: foreground, barely


def small_holes(background: Bool[Tensor, "N h w"], area: int) -> Bool[Tensor, "N h w"]:
    """The 8-connected background regions of at most ``area`` pixels.

    Every pixel takes the highest label within ``area`` steps through the background. Within a
    small region all then agree; in a large one there are few labels that meet no other, and their
    regions are larger than ``area``. Plain tensor operations: every device, no synchronisation.
    """
    count, height, width = background.shape
    first = torch.arange(1, count * height * width + 1, device=background.device, dtype=torch.int32)
    labels = first.view_as(background) * background
    for _ in range(area):
        labels = _highest_near(labels) * background
    wider = _highest_near(labels)
    lowest = torch.where(background, labels, len(first) + 1)
    lower = -_highest_near(-lowest)
    disputed = background & ((wider != labels) | (lower != labels))
    ids = labels.flatten().long()
    zeros = torch.zeros(len(ids) + 1, device=background.device, dtype=torch.long)
    sizes = zeros.scatter_add(0, ids, torch.ones_like(ids))
    disputes = zeros.scatter_add(0, ids, disputed.flatten().long())
    hole = (sizes <= area) & (disputes == 0)
    return hole[ids].view_as(background) & background


def _highest_near(labels: Int[Tensor, "N h w"]) -> Int[Tensor, "N h w"]:
    """The highest of each pixel and its eight neighbours; PyTorch pools no integers."""
    for dim in (1, 2):
        before, labels, few = labels, labels.clone(), labels.shape[dim] - 1
        for to, from_ in ((1, 0), (0, 1)):
            side = labels.narrow(dim, to, few)
            torch.maximum(side, before.narrow(dim, from_, few), out=side)
    return labels


def fill_holes(logits: Float[Tensor, "N h w"], area: int) -> Float[Tensor, "N h w"]:
    """Make background holes of up to ``area`` low-resolution pixels foreground; 0 = leave them."""
    if area <= 0:
        return logits
    return torch.where(small_holes(logits <= 0, area), FILLED, logits)
