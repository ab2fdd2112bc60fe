"""Removes small holes and islands of masks: on the model's grid, and at the picture's size."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

FILLED = 0.1  # logit of a filled hole: foreground, barely


def fill_holes(logits: Float[Tensor, "N h w"], area: int) -> Float[Tensor, "N h w"]:
    """Make background holes of up to ``area`` low-resolution pixels foreground; 0 = none."""
    if area <= 0:
        return logits
    find = small_holes_on_cpu if logits.device.type == "cpu" else small_holes
    return torch.where(find(logits <= 0, area), FILLED, logits)


def small_holes(background: Bool[Tensor, "N h w"], area: int) -> Bool[Tensor, "N h w"]:
    """The 8-connected background regions of at most ``area`` pixels.

    Every pixel takes the highest label within ``area`` steps through the background. In a small
    region all pixels then have the same label. In a large region they do not, or more than ``area``
    pixels do. Tensor operations only: they run on every device, without synchronisation.
    """
    count, height, width = background.shape
    first = torch.arange(1, count * height * width + 1, device=background.device, dtype=torch.int32)
    labels = first.view_as(background) * background
    for _ in range(area):
        labels = _highest_near(labels) * background
    highest = _highest_near(labels)
    lowest = -_highest_near(-torch.where(background, labels, len(first) + 1))
    differs = background & ((highest != labels) | (lowest != labels))
    ids = labels.flatten().long()
    zeros = torch.zeros(len(ids) + 1, device=background.device, dtype=torch.long)
    sizes = zeros.scatter_add(0, ids, torch.ones_like(ids))
    differences = zeros.scatter_add(0, ids, differs.flatten().long())
    hole = (sizes <= area) & (differences == 0)
    return hole[ids].view_as(background) & background


def small_holes_on_cpu(background: Bool[Tensor, "N h w"], area: int) -> Bool[Tensor, "N h w"]:
    """:func:`small_holes` by OpenCV, in a tenth of the time."""
    holes = np.zeros(background.shape, bool)
    for own, found in zip(background.numpy(), holes, strict=True):
        _, labels, regions, _ = cv2.connectedComponentsWithStats(own.view(np.uint8))
        small = regions[:, cv2.CC_STAT_AREA] <= area
        small[0] = False  # the foreground
        if small.any():
            np.take(small, labels, out=found)
    return torch.from_numpy(holes)


def _highest_near(labels: Int[Tensor, "N h w"]) -> Int[Tensor, "N h w"]:
    """The highest of each pixel and its eight neighbours; PyTorch does not pool integers."""
    for dim in (1, 2):
        before, labels, few = labels, labels.clone(), labels.shape[dim] - 1
        for to, from_ in ((1, 0), (0, 1)):
            side = labels.narrow(dim, to, few)
            torch.maximum(side, before.narrow(dim, from_, few), out=side)
    return labels


def remove_small_regions(mask: Bool[np.ndarray, "H W"], area: float) -> Bool[np.ndarray, "H W"]:
    """Fill holes, then remove islands, that have fewer than ``area`` pixels (8-connected).

    Background between the mask and the picture's border counts as a hole too. If every island is
    small, the largest stays. A mask without such regions is returned as it is.
    """
    holes = _small(~mask, area)
    filled = mask if holes is None else mask | holes
    islands = _small(filled, area, spare_largest=True)
    return filled if islands is None else filled & ~islands


def _small(
    region: Bool[np.ndarray, "H W"], area: float, *, spare_largest: bool = False
) -> Bool[np.ndarray, "H W"] | None:
    """The parts of a region that have fewer than ``area`` pixels; None if there is none."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(region.view(np.uint8), connectivity=8)
    areas = stats[:, cv2.CC_STAT_AREA]
    small = areas < area
    small[0] = False  # what is outside the region
    if spare_largest and len(small) > 1 and small[1:].all():
        small[1 + areas[1:].argmax()] = False
    return small[np.asarray(labels, np.intp)] if small.any() else None
