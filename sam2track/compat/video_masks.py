"""Mask logits of several objects at the video's size, as the official predictor gives them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from ..masks import fill_holes
from ..masks.upscaling import resize_logits
from ..model import SAM2
from ..model.sam2 import ABSENT
from ..types import FrameOutcome, WindowBox

OVERLAPPED = -10.0  # highest logit of an object where another one covers it
Masks = Float[Tensor, "N 1 H W"]
# By the session's object ids: low-resolution logits, and the window that they cover.
Shown = Mapping[int, tuple[Float[Tensor, "h w"], WindowBox | None]]


def shown_of(outcome: FrameOutcome) -> Shown:
    """The objects of an outcome."""
    windows = outcome.windows or (None,) * len(outcome.object_ids)
    parts = zip(outcome.object_ids, outcome.logits, windows, strict=True)
    return {number: (logits, window) for number, logits, window in parts}


@torch.no_grad()
def full_logits(
    model: SAM2, shown: Shown, numbers: Sequence[int], size: tuple[int, int], hole_area: int
) -> Masks:
    """Objects in the order of ``numbers`` at the video's size; -1024 for those not shown.

    Args:
        size: height and width of the video.
        hole_area: holes of up to that many low-resolution pixels are filled; 0 = none.
    """
    masks = torch.full((len(numbers), *size), ABSENT, device=model.device)
    for row, number in enumerate(numbers):
        if number in shown:
            logits, window = shown[number]
            frame = model.transform_of(window).to_frame(fill_holes(logits[None], hole_area), size)
            masks[row] = resize_logits(frame, size)[0]
    return masks[:, None]


def without_overlaps(masks: Masks) -> Masks:
    """Each pixel belongs to the object with the highest logit; to others it gives at most -10."""
    highest = masks.argmax(0, keepdim=True)
    rows = torch.arange(len(masks), device=masks.device)[:, None, None, None]
    return torch.where(rows == highest, masks, masks.clamp(max=OVERLAPPED))
