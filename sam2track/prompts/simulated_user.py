"""The simulated user: gives prompts about an object whose true mask is known.

Evaluation uses the deterministic user, which clicks in the middle of a region. Training uses the
same functions with a random generator (:mod:`sam2track.prompts.training_prompts`). SAM 2
(2408.00714, appendices D.2.2 and on interactive evaluation).
"""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Bool, Float

from ..masks.boxes import mask_box
from ..types import Prompt

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


def corrective_click(mask: Bool[np.ndarray, "H W"], truth: Bool[np.ndarray, "H W"]) -> Prompt:
    """A click in the middle of the largest error: label 1 if the mask misses it, 0 if it exceeds.

    Raises:
        ValueError: if there is no error.
    """
    if np.array_equal(mask, truth):
        raise ValueError("the mask is the truth: there is nothing to correct")
    x, y = error_point(mask, truth)
    return Prompt.click(x, y, int(truth[int(y), int(x)]))


def inner_point(
    region: Bool[np.ndarray, "H W"], random: np.random.Generator | None = None
) -> tuple[float, float]:
    """A pixel ``(x, y)`` of a region that is not empty.

    Args:
        random: draws any pixel of the region; without it, the pixel farthest from the border.
    """
    if random is None:
        return _deepest(region)[1]
    place = int(random.choice(np.flatnonzero(region)))
    return float(place % region.shape[1]), float(place // region.shape[1])


def error_point(
    mask: Bool[np.ndarray, "H W"],
    truth: Bool[np.ndarray, "H W"],
    random: np.random.Generator | None = None,
) -> tuple[float, float]:
    """A pixel ``(x, y)`` where the mask is wrong; the two must differ.

    Args:
        random: draws any wrong pixel. Without it, the middle of the largest error; the largest is
            the one with the pixel that is farthest from the border.
    """
    if random is not None:
        return inner_point(mask ^ truth, random)
    missed, missed_at = _deepest(truth & ~mask)
    excess, excess_at = _deepest(mask & ~truth)
    return missed_at if missed >= excess else excess_at


def jittered_box(
    mask: Bool[np.ndarray, "H W"], random: np.random.Generator, jitter: float
) -> Float[np.ndarray, "4"]:
    """The box ``(x0, y0, x1, y1)`` of a mask that is not empty, each edge moved at random.

    Here the far edges are the last pixels inside.

    Args:
        jitter: how far an edge moves at most, as a share of the box's side.
    """
    x0, y0, x1, y1 = mask_box(mask) or (0, 0, *mask.shape[::-1])
    sides = np.array([x1 - x0, y1 - y0] * 2)
    noise = np.clip(random.normal(0, jitter / 2, 4), -jitter, jitter) * sides
    return np.clip(np.array([x0, y0, x1 - 1, y1 - 1]) + noise, 0, mask.shape[-1] - 1)


def _deepest(region: Bool[np.ndarray, "H W"]) -> tuple[float, tuple[float, float]]:
    """The largest distance of a pixel from the region's border, and that pixel as ``(x, y)``.

    The frame's edge counts as border. Without any pixel the distance is 0.
    """
    padded = np.pad(region.astype(np.uint8), 1)
    distance = cv2.distanceTransform(padded, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1]
    y, x = np.unravel_index(distance.argmax(), distance.shape)
    return float(distance[y, x]), (float(x), float(y))
