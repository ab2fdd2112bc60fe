"""Removes small holes and islands from masks, at the picture's size."""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Bool


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
