"""Masks as one closed line, for formats whose objects are polygons of a single ring.

Two ways of drawing are used by the readers of such formats, and each needs its own line:

- *edges*: the line runs along the edges of pixels, and a pixel is inside if its centre is
  (pycocotools, CVAT, Datumaro).
- *centres*: the line runs through the centres of the outermost pixels, which count as inside
  (``cv2.fillPoly``: Ultralytics, supervision).

Holes and separate parts are joined to the rest by a line there and back. Along edges it covers no
pixel, so every mask is kept exactly. Through centres it covers the pixels that it crosses: a hole
is reached over pixels of the mask, but separate parts are joined by a line one pixel wide.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from jaxtyping import Bool, Int
from pycocotools import mask as coco

from ...masks import mask_box


def edge_ring(mask: Bool[np.ndarray, "H W"]) -> Int[np.ndarray, "P 2"]:
    """A mask that is not empty as one line along the edges of pixels, ``(x, y)``."""
    # Each pixel becomes 2x2; the outermost of these, halved and rounded up, are the corners.
    corner, part = _cut(mask)
    rings = [
        _without_repeats((ring + 1) // 2) for ring in _contours(part.repeat(2, 0).repeat(2, 1))
    ]
    return _straighten(_join(rings)) + corner


def centre_ring(mask: Bool[np.ndarray, "H W"]) -> Int[np.ndarray, "P 2"]:
    """A mask that is not empty as one line through the centres of its outermost pixels."""
    corner, part = _cut(mask)
    ring = _join(_contours(part)) + corner
    return np.resize(ring, (3, 2)) if len(ring) < 3 else ring


def fill_edges(ring: np.ndarray, size: tuple[int, int]) -> Bool[np.ndarray, "H W"]:
    """The pixels whose centre is inside a line ``(P, 2)``."""
    polygons: Any = [ring.reshape(-1).astype(float).tolist()]
    return coco.decode(coco.merge(coco.frPyObjects(polygons, *size))).astype(bool)


def fill_centres(ring: np.ndarray, size: tuple[int, int]) -> Bool[np.ndarray, "H W"]:
    """The pixels inside a line ``(P, 2)`` and on it; coordinates are cut to whole numbers."""
    canvas = np.zeros(size, np.uint8)
    cv2.fillPoly(canvas, [ring.astype(np.int32)], 1)
    return canvas.astype(bool)


def _cut(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The corner ``(x, y)`` of a mask's box, and the mask in it as ``uint8``."""
    box = mask_box(mask)
    if box is None:
        raise ValueError("an empty mask has no outline; leave it out")
    return np.array(box[:2]), np.ascontiguousarray(mask[box[1] : box[3], box[0] : box[2]], np.uint8)


def _contours(picture: np.ndarray) -> list[Int[np.ndarray, "P 2"]]:
    found, _ = cv2.findContours(picture, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    return [ring.reshape(-1, 2) for ring in found]


def _without_repeats(ring: np.ndarray) -> np.ndarray:
    return ring[(ring != np.roll(ring, 1, 0)).any(1)]


def _straighten(ring: np.ndarray) -> np.ndarray:
    """Without the points in the middle of straight lines."""
    before, after = ring - np.roll(ring, 1, 0), np.roll(ring, -1, 0) - ring
    turns = (np.sign(before) != np.sign(after)).any(1) | (before * after < 0).any(1)
    return ring[turns] if turns.sum() >= 3 else ring


def _join(rings: Sequence[np.ndarray]) -> Int[np.ndarray, "P 2"]:
    """One ring from several: the nearest one that is left is joined at the nearest points.

    Nearest first, because then no line crosses another ring.
    """
    whole, rest = rings[0], list(rings[1:])
    nearest = [_nearest(ring, whole) for ring in rest]
    while rest:
        place = min(range(len(rest)), key=lambda k: nearest[k][0])
        ring, (_, start, corner) = rest.pop(place), nearest.pop(place)
        at = int((whole == corner).all(1).argmax())
        loop = np.roll(ring, -start, 0)
        whole = np.concatenate([whole[: at + 1], loop, loop[:1], whole[at:]])
        better = [_nearest(other, ring) for other in rest]
        nearest = [min(a, b, key=lambda one: one[0]) for a, b in zip(nearest, better, strict=True)]
    return whole


def _nearest(ring: np.ndarray, whole: np.ndarray) -> tuple[float, int, np.ndarray]:
    """The squared distance between two rings, where it is in the first, and the other's point."""
    best, start, end = np.inf, 0, 0
    step = max(1, 4_000_000 // len(whole))  # so that the distances fit in memory
    for first in range(0, len(ring), step):
        difference = ring[first : first + step, None].astype(np.int64) - whole[None]
        distance = (difference**2).sum(-1)
        place = int(distance.argmin())
        if distance.flat[place] < best:
            best = float(distance.flat[place])
            start, end = first + place // len(whole), place % len(whole)
    return best, start, whole[end]
