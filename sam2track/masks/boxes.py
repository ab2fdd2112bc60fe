"""Boxes around masks."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

SPECK = 0.25  # pieces smaller than this fraction of the largest piece are ignored


def mask_box(mask: Bool[np.ndarray, "H W"]) -> tuple[int, int, int, int] | None:
    """The tight box ``(x0, y0, x1, y1)`` of a mask, far edges exclusive; None if it is empty."""
    rows = np.flatnonzero(mask.any(axis=1))
    if not len(rows):
        return None
    y0, y1 = int(rows[0]), int(rows[-1]) + 1
    columns = np.flatnonzero(mask[y0:y1].any(axis=0))
    return int(columns[0]), y0, int(columns[-1]) + 1, y1


def main_box(mask: Bool[np.ndarray, "H W"], trim: float) -> tuple[int, int, int, int] | None:
    """The box of the main part of a mask, which a few wrong pixels do not enlarge.

    Small pieces are ignored (``SPECK``). Then rows and columns on each side are cut off while at
    most the fraction ``trim`` of the remaining pixels lies in them; of a pointed object this is its
    tip. 0 = :func:`mask_box`.
    """
    if not trim or not mask.any():
        return mask_box(mask)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.view(np.uint8), connectivity=8)
    areas = stats[:, cv2.CC_STAT_AREA]
    large = areas >= SPECK * areas[1:].max()
    large[0] = False  # the background
    main = large[labels]
    (x0, x1), (y0, y1) = (_trimmed(main.sum(axis), trim) for axis in (0, 1))
    return x0, y0, x1, y1


def _trimmed(counts: Int[np.ndarray, " N"], trim: float) -> tuple[int, int]:
    """The first line, and the one after the last, of the trimmed range."""
    shares = counts.cumsum() / counts.sum()
    first, last = np.searchsorted(shares, trim, side="right"), np.searchsorted(shares, 1 - trim)
    return int(first), int(last) + 1


def mask_boxes(masks: Bool[Tensor, "*n H W"]) -> Int[Tensor, "*n 4"]:
    """First and last column and row of masks, ``(x0, y0, x1, y1)``; zeros for an empty mask."""
    edges = []
    for used in (masks.any(-2), masks.any(-1)):  # columns, rows
        places = torch.arange(used.shape[-1], device=used.device)
        first = torch.where(used, places, used.shape[-1]).amin(-1)
        edges += [first, torch.where(used, places, -1).amax(-1)]
    x0, x1, y0, y1 = edges
    return torch.stack((x0, y0, x1, y1), dim=-1) * (x1 >= 0)[..., None]


def box_iou(
    boxes: Float[np.ndarray, "*n 4"], others: Float[np.ndarray, "*n 4"]
) -> Float[np.ndarray, "*n"]:
    """Intersection over union of boxes ``(x0, y0, x1, y1)`` in pairs, 0..1; 0 if both are empty."""
    low = np.maximum(boxes[..., :2], others[..., :2])
    high = np.minimum(boxes[..., 2:], others[..., 2:])
    shared = np.maximum(high - low, 0).prod(-1)
    areas = [(b[..., 2:] - b[..., :2]).prod(-1) for b in (boxes, others)]
    union = areas[0] + areas[1] - shared
    return np.clip(np.divide(shared, union, out=np.zeros(union.shape), where=union > 0), 0, 1)


def suppress(
    boxes: Float[np.ndarray, "N 4"], scores: Float[np.ndarray, " N"], most: float
) -> Int[np.ndarray, " K"]:
    """Non-maximum suppression: which boxes stay, the one with the highest score first.

    A box is dropped if its IoU with a box of a higher score that stays is above ``most``. Of equal
    scores the earlier box counts as the higher.
    """
    order = np.argsort(-scores, kind="stable")
    kept = []
    while len(order):
        kept.append(order[0])
        overlaps = box_iou(boxes[order[1:]], boxes[order[0]])
        order = order[1:][overlaps.astype(np.float64) <= most]
    return np.array(kept, np.intp)
