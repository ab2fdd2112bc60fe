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
    outlines = _contours(part.repeat(2, 0).repeat(2, 1))
    rings = [_straighten(_without_repeats((ring + 1) // 2)) for ring in outlines]
    return _straighten(_join(rings)) + corner


def centre_ring(mask: Bool[np.ndarray, "H W"]) -> Int[np.ndarray, "P 2"]:
    """A mask that is not empty as one line through the centres of its outermost pixels."""
    corner, part = _cut(mask)
    ring = _straighten(_join(_contours(part))) + corner
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
    turn = before[:, 0] * after[:, 1] != before[:, 1] * after[:, 0]
    turn |= (before * after).sum(1) <= 0  # back on the same line
    return ring[turn] if turn.sum() >= 3 else ring


def _join(rings: Sequence[np.ndarray]) -> Int[np.ndarray, "P 2"]:
    """One ring from several: the nearest one that is left is joined at the nearest points.

    Nearest first, because then no line crosses another ring.
    """
    line = rings[0]
    points = np.concatenate(rings).astype(np.int64)
    owner = np.repeat(np.arange(len(rings)), [len(ring) for ring in rings])
    first = np.searchsorted(owner, np.arange(len(rings)))
    left = owner > 0  # points of rings that are not joined yet
    distance = np.full(len(points), np.iinfo(np.int64).max)  # to the line
    end = np.zeros_like(points)  # the point of the line that is nearest
    added = points[~left]
    while left.any():
        _approach(points, np.flatnonzero(left), added, distance, end)
        place = int(np.where(left, distance, np.iinfo(np.int64).max).argmin())
        ring = rings[owner[place]]
        loop = np.roll(ring, first[owner[place]] - place, 0)
        at = int((line == end[place]).all(1).argmax())
        line = np.concatenate([line[: at + 1], loop, loop[:1], line[at:]])
        left &= owner != owner[place]
        added = ring.astype(np.int64)
    return line


def _approach(
    points: np.ndarray,
    places: np.ndarray,
    added: np.ndarray,
    distance: np.ndarray,
    end: np.ndarray,
) -> None:
    """Update, in place, the squared distances of some points to a line that has grown."""
    step = max(1, 1_000_000 // len(added))  # so that the distances fit in memory
    for start in range(0, len(places), step):
        own = places[start : start + step]
        apart = ((points[own, None] - added[None]) ** 2).sum(-1)
        nearest = apart.argmin(1)
        apart = apart[np.arange(len(own)), nearest]
        nearer = apart < distance[own]
        distance[own[nearer]] = apart[nearer]
        end[own[nearer]] = added[nearest[nearer]]
