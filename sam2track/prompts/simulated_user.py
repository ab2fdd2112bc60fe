"""The simulated user: gives prompts about an object whose true mask is known.

In evaluation a click is at the pixel farthest from a region's border ("deepest"), as in SAM 2
(2408.00714). In training (:mod:`sam2track.prompts.training_prompts`) most clicks are drawn.
"""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
from jaxtyping import Bool

from ..masks.boxes import mask_box
from .prompt import PlacedPrompt, Prompt

PROMPTS = ("mask", "box", "click")


def first_prompt(kind: str, mask: Bool[np.ndarray, "H W"]) -> Prompt:
    """The prompt that begins an object: its mask, the box around it, or one click in its middle.

    Raises:
        ValueError: if the kind is none of these, or the mask is empty.
    """
    if kind == "mask":
        return Prompt.from_mask(mask)
    box = mask_box(mask)
    if box is None:
        raise ValueError("the mask is empty: it has no pixel on the object")
    if kind == "box":
        return Prompt.from_box(box)
    if kind == "click":
        return Prompt.click(*inner_point(mask))
    raise ValueError(f"prompt={kind}: choose one of {', '.join(PROMPTS)}")


def first_prompts(
    kind: str, starts: Mapping[int, Mapping[int, Bool[np.ndarray, "H W"]]]
) -> list[PlacedPrompt]:
    """:func:`first_prompt` for each object, where it first appears.

    Args:
        starts: by frame, the masks of the objects that are new in it.
    """
    return [
        PlacedPrompt(object_id, index, first_prompt(kind, mask))
        for index, masks in starts.items()
        for object_id, mask in masks.items()
    ]


def corrective_click(mask: Bool[np.ndarray, "H W"], truth: Bool[np.ndarray, "H W"]) -> Prompt:
    """A click in the middle of the largest error: label 1 if the mask misses it, 0 if it exceeds.

    Raises:
        ValueError: if there is no error.
    """
    if np.array_equal(mask, truth):
        raise ValueError("the mask is the truth: there is nothing to correct")
    x, y = error_centre(mask, truth)
    return Prompt.click(x, y, int(truth[int(y), int(x)]))


def inner_point(
    region: Bool[np.ndarray, "H W"], random: np.random.Generator | None = None
) -> tuple[float, float]:
    """A pixel ``(x, y)`` of a region that is not empty: the deepest one, or any, if drawn."""
    if random is None:
        return _deepest(region)[1]
    y, x = divmod(int(random.choice(np.flatnonzero(region))), region.shape[1])
    return float(x), float(y)


def error_centre(
    mask: Bool[np.ndarray, "H W"], truth: Bool[np.ndarray, "H W"]
) -> tuple[float, float]:
    """The deepest pixel ``(x, y)`` of what the mask misses or of what it has too much."""
    missed, missed_at = _deepest(truth & ~mask)
    excess, excess_at = _deepest(mask & ~truth)
    return missed_at if missed >= excess else excess_at


def _deepest(region: Bool[np.ndarray, "H W"]) -> tuple[float, tuple[float, float]]:
    """The largest squared distance to the region's border or the frame's, and its first pixel.

    Without any pixel the distance is 0. Squares are whole numbers: OpenCV's roots of equal ones
    differ in the last bit with the address of the array, and so would the pixel.
    """
    padded = np.pad(region.astype(np.uint8), 1)
    distance = cv2.distanceTransform(padded, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1]
    squared = np.rint(distance * distance)
    y, x = np.unravel_index(squared.argmax(), squared.shape)
    return float(squared[y, x]), (float(x), float(y))
