"""TRACK: from the model's logits to what the user sees. Nothing here reaches the memory."""

from __future__ import annotations

import torch
import torch.nn.functional as F
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
    first = torch.arange(1, count * height * width + 1, device=background.device)
    # float64 counts exactly as far as 2^53, and max-pooling takes no integers
    labels = first.view_as(background).double() * background
    for _ in range(area):
        labels = F.max_pool2d(labels[:, None], 3, stride=1, padding=1)[:, 0] * background
    wider = F.max_pool2d(labels[:, None], 3, stride=1, padding=1)[:, 0]
    lowest = torch.where(background, labels, torch.inf)
    lower = -F.max_pool2d(-lowest[:, None], 3, stride=1, padding=1)[:, 0]
    disputed = background & ((wider != labels) | (lower != labels))
    ids = labels.long().flatten()
    zeros = torch.zeros(len(ids) + 1, device=background.device, dtype=torch.long)
    sizes = zeros.scatter_add(0, ids, torch.ones_like(ids))
    disputes = zeros.scatter_add(0, ids, disputed.flatten().long())
    hole = (sizes <= area) & (disputes == 0)
    return hole[ids].view_as(background) & background


def fill_holes(logits: Float[Tensor, "N h w"], area: int) -> Float[Tensor, "N h w"]:
    """Make background holes of up to ``area`` low-resolution pixels foreground; 0 = leave them."""
    if area <= 0:
        return logits
    return torch.where(small_holes(logits <= 0, area), FILLED, logits)


def to_video(
    logits: Float[Tensor, "N h w"], size: tuple[int, int]
) -> tuple[Bool[Tensor, "N H W"], Int[Tensor, "H W"]]:
    """Masks at the video's size, and which object owns a pixel (the highest logit; -1 = none)."""
    full = F.interpolate(logits[None], size, mode="bilinear")[0]
    masks = full > 0
    if len(full) == 1:
        return masks, masks[0].to(torch.int16) - 1
    highest, owner = full.max(0)
    return masks, torch.where(highest > 0, owner, -1).to(torch.int16)
