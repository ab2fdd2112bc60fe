"""A user, simulated: what is said about an object whose true mask is known.

Room: TRACK. Masks enter, prompts leave.
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
    """What begins an object: its mask, the box around it, or one click on its middle.

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
        _, (x, y) = _inmost(mask)
        return Prompt.click(x, y)
    raise ValueError(f"prompt={kind}: choose one of {', '.join(PROMPTS)}")


def corrective_click(mask: Bool[np.ndarray, "H W"], truth: Bool[np.ndarray, "H W"]) -> Prompt:
    """A click at the middle of the largest error: where the mask misses (1) or exceeds (0).

    The largest is the one with the pixel that lies deepest inside (SAM 2, appendix on evaluation).

    Raises:
        ValueError: if there is no error.
    """
    missed, missed_at = _inmost(truth & ~mask)
    excess, excess_at = _inmost(mask & ~truth)
    if not missed and not excess:
        raise ValueError("the mask is the truth: there is nothing to correct")
    return Prompt.click(*missed_at, 1) if missed >= excess else Prompt.click(*excess_at, 0)


def _inmost(mask: Bool[np.ndarray, "H W"]) -> tuple[float, tuple[float, float]]:
    """How far the pixel deepest inside is from the edge, and where it is, as ``(x, y)``.

    The frame's edge counts as the mask's; without any pixel the distance is 0.
    """
    padded = np.pad(mask.astype(np.uint8), 1)
    distance = cv2.distanceTransform(padded, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1]
    y, x = np.unravel_index(distance.argmax(), distance.shape)
    return float(distance[y, x]), (float(x), float(y))


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
