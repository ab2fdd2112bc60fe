"""One mask against the true one: J (region) and F (boundary).

In: two masks ``(H, W)`` of one object on one frame, and the pixels that are ignored. Out: two
numbers in 0..1. Masks are cropped to the object first, which does not change the results.

Perazzi et al., "A Benchmark Dataset and Evaluation Methodology for Video Object Segmentation",
CVPR 2016, section 4.
"""

from __future__ import annotations

import math
from functools import lru_cache

import cv2
import numpy as np
from jaxtyping import Bool, UInt8

TOLERANCE = 0.008  # largest distance of matching boundaries, as a fraction of the diagonal

Mask = Bool[np.ndarray, "H W"]
Cropped = UInt8[np.ndarray, "h w"]  # 0 and 1


def region(mask: Mask, truth: Mask, void: Mask | None = None) -> float:
    """J: intersection over union, 0..1; 1 if both masks are empty.

    Args:
        mask: True on the predicted object.
        truth: True on the true object.
        void: True where a pixel is background in both.

    Raises:
        ValueError: if the sizes differ.
    """
    return cropped_region(*_prepare(mask, truth, void))


def boundary(
    mask: Mask, truth: Mask, void: Mask | None = None, *, tolerance: float = TOLERANCE
) -> float:
    """F: harmonic mean of the boundary's precision and recall, 0..1.

    A boundary pixel is matched if the other mask has one within :func:`boundary_radius`. F is 1 if
    neither mask has a boundary (both are empty, or cover the frame) and 0 if only one has.
    Arguments and errors are those of :func:`region`; ``tolerance`` is a fraction of the frame's
    diagonal.
    """
    return cropped_boundary(*_prepare(mask, truth, void), boundary_radius(truth.shape, tolerance))


def boundary_radius(size: tuple[int, ...], tolerance: float = TOLERANCE) -> int:
    """The distance in pixels within which boundaries match on a frame of ``size`` (H, W)."""
    return math.ceil(tolerance * float(np.linalg.norm(size)))


def boundary_map(mask: Mask | Cropped) -> Mask | Cropped:
    """Where a mask differs from its right, lower or lower-right neighbour.

    The line is one pixel wide and lies half a pixel towards the origin. The last row looks only
    right, the last column only down: the frame's edge is no boundary.
    """
    line = np.zeros_like(mask)
    line[:, :-1] = mask[:, :-1] ^ mask[:, 1:]
    line[:-1] |= mask[:-1] ^ mask[1:]
    line[:-1, :-1] |= mask[:-1, :-1] ^ mask[1:, 1:]
    return line


def crop(
    mask: UInt8[np.ndarray, "H W"], truth: UInt8[np.ndarray, "H W"]
) -> tuple[UInt8[np.ndarray, "h w"], UInt8[np.ndarray, "h w"]]:
    """Two label maps or 0/1 masks (views of them), cut to where either is not zero.

    One pixel more on each side keeps every boundary pixel; nothing further away can match one, so
    no margin for the radius is needed. Where the cut is the frame's edge, it stays the edge.

    Raises:
        ValueError: if the sizes differ.
    """
    if mask.shape != truth.shape:
        raise ValueError(
            f"the mask is {mask.shape} but the truth is {truth.shape} (height, width); "
            "score masks at the size of the annotation"
        )
    boxes = [cv2.boundingRect(array) for array in (mask, truth)]
    boxes = [box for box in boxes if box[2]] or boxes
    x0, y0 = (max(min(box[axis] for box in boxes) - 1, 0) for axis in (0, 1))
    x1, y1 = (max(box[axis] + box[axis + 2] for box in boxes) + 1 for axis in (0, 1))
    return mask[y0:y1, x0:x1], truth[y0:y1, x0:x1]


def _prepare(mask: Mask, truth: Mask, void: Mask | None) -> tuple[Cropped, Cropped]:
    """Both masks as 0/1 bytes, without their void, cropped."""
    if void is not None:
        if void.shape != truth.shape:
            raise ValueError(f"void is {void.shape} but the truth is {truth.shape} (height, width)")
        if mask.shape == truth.shape:  # otherwise crop says so
            mask, truth = mask & ~void, truth & ~void
    return crop(mask.view(np.uint8), truth.view(np.uint8))


def cropped_region(mask: Cropped, truth: Cropped) -> float:
    """J of two masks that :func:`crop` may have cut."""
    union = cv2.countNonZero(cv2.bitwise_or(mask, truth))
    return cv2.countNonZero(cv2.bitwise_and(mask, truth)) / union if union else 1.0


def cropped_boundary(mask: Cropped, truth: Cropped, radius: int) -> float:
    """F of two masks that :func:`crop` may have cut; ``radius`` is the whole frame's."""
    mask_line, truth_line = boundary_map(mask), boundary_map(truth)
    mask_length, truth_length = cv2.countNonZero(mask_line), cv2.countNonZero(truth_line)
    if not mask_length or not truth_length:
        return float(mask_length == truth_length)
    precision = _matched(mask_line, truth_line, radius) / mask_length
    recall = _matched(truth_line, mask_line, radius) / truth_length
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _matched(line: Cropped, other: Cropped, radius: int) -> int:
    """How many pixels of a line lie within ``radius`` of the other line."""
    # The largest square in the disk decides most pixels, and is much faster than the disk.
    side = 2 * int(radius / math.sqrt(2)) + 1
    far = cv2.subtract(line, cv2.dilate(other, np.ones((side, side), np.uint8)))  # not below 0
    x, y, width, height = cv2.boundingRect(far)
    near = other[max(y - radius, 0) : y + height + radius, max(x - radius, 0) : x + width + radius]
    top, left = min(y, radius), min(x, radius)
    reached = cv2.dilate(near, _disk(radius))[top : top + height, left : left + width]
    missed = cv2.countNonZero(cv2.subtract(far[y : y + height, x : x + width], reached))
    return cv2.countNonZero(line) - missed


@lru_cache(maxsize=8)
def _disk(radius: int) -> UInt8[np.ndarray, "d d"]:
    """Offsets whose length is at most ``radius``."""
    offsets = np.arange(-radius, radius + 1) ** 2
    return (offsets[:, None] + offsets <= radius**2).astype(np.uint8)
