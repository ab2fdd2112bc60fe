"""Points, boxes and masks as the official calls take them, as ours."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ..image import PromptRows
from ..prompts import Prompt
from ..prompts.prompt import as_numbers
from ..prompts.tokens import BOX_CORNERS


def as_prompt(
    points: Any, labels: Any, box: Any, size: tuple[int, int], *, in_pixels: bool
) -> Prompt:
    """Clicks and a box for one object on a frame of a video.

    A click outside the frame counts as one on its edge. Two points with the labels 2 and 3 are a
    box; points with the label -1 are left out.

    Args:
        points, labels, box: arrays, lists or tensors; the points may have a leading dimension of 1.
        size: height and width of the frame.
        in_pixels: else coordinates are in 0..1 of the frame.

    Raises:
        ValueError: if a part is missing, or does not fit the others.
    """
    if (points is None) != (labels is None):
        raise ValueError("points without labels, or labels without points; give both")
    if points is None and box is None:
        raise ValueError("neither points nor a box; give at least one of them")
    width_height = np.array(size[::-1], np.float32)
    scale = np.float32(1) if in_pixels else width_height
    placed = _array([] if points is None else points, "points", 2).reshape(-1, 2) * scale
    kinds = _array([] if labels is None else labels, "labels").reshape(-1).astype(np.int32)
    if len(placed) != len(kinds):
        raise ValueError(f"points: {len(placed)}, labels: {len(kinds)}; give one for each point")
    corners = np.isin(kinds, BOX_CORNERS)
    if box is not None:
        box = (_array(box, "box", 4).reshape(-1, 2) * scale).ravel()
    elif corners.sum() == 2:
        box = placed[corners].ravel()
    clicks = (kinds == 0) | (kinds == 1)
    edge = np.nextafter(width_height, np.float32(0))
    return Prompt(placed[clicks].clip(0, edge), kinds[clicks], box)


def as_mask(mask: Any, size: tuple[int, int]) -> Bool[np.ndarray, "H W"]:
    """A mask ``(h, w)`` of any type and size as one of the frame's size, or ValueError."""
    array = mask.detach().cpu().numpy() if isinstance(mask, Tensor) else np.asarray(mask)
    if array.ndim != 2:
        raise ValueError(f"the mask is of shape {array.shape}; give (height, width)")
    on_object = array != 0 if not isinstance(mask, Tensor) else array >= 0.5
    if on_object.shape == size:
        return on_object
    soft = cv2.resize(on_object.astype(np.float32), size[::-1], interpolation=cv2.INTER_LINEAR)
    return soft >= 0.5


def as_rows(
    points: Any,
    labels: Any,
    boxes: Any,
    logits: Any,
    scale: tuple[float, float] = (1.0, 1.0),
) -> PromptRows:
    """Prompts on a single picture, R rows.

    Args:
        points, labels: ``(P, 2)`` and ``(P,)``, or ``(R, P, 2)`` and ``(R, P)``.
        boxes: ``(4,)`` or ``(R, 4)``.
        logits: of an earlier mask, ``(1, 4h, 4w)`` or ``(R, 1, 4h, 4w)``.
        scale: what ``x`` and ``y`` are multiplied by to give pixels.

    Raises:
        ValueError: if a part is missing, or the numbers of rows differ.
    """
    if points is not None and labels is None:
        raise ValueError("points without labels; give one label for each point, 1 or 0")
    factor = torch.tensor(scale)
    if points is not None:
        points = torch.from_numpy(_array(points, "points", 2)) * factor
        points = points if points.ndim == 3 else points.reshape(1, -1, 2)
        labels = torch.from_numpy(_array(labels, "labels")).long()
        if labels.numel() != len(points) * points.shape[1]:
            shapes = f"{tuple(points.shape)} and {tuple(labels.shape)}"
            raise ValueError(f"points and labels are of shapes {shapes}; give one label a point")
        labels = labels.reshape(points.shape[:2])
    if boxes is not None:
        boxes = torch.from_numpy(_array(boxes, "box", 4))
        boxes = (boxes.reshape(-1, 2, 2) * factor).flatten(1)
    if logits is not None:
        logits = torch.from_numpy(_array(logits, "mask_input"))
        logits = logits.reshape(-1, *logits.shape[-2:])
    rows = max(len(part) for part in (points, boxes, logits, [None]) if part is not None)
    if any(part is not None and not len(part) for part in (points, boxes, logits)):
        raise ValueError("an empty prompt: give at least one point, box or mask")
    if points is None:
        points, labels = torch.zeros(rows, 0, 2), torch.zeros(rows, 0, dtype=torch.long)
    if logits is not None and len(logits) == 1:
        logits = logits.expand(rows, -1, -1)
    return PromptRows(points, labels, boxes, logits)


def _array(value: Any, name: str, group: int = 1) -> Float[np.ndarray, "*n"]:
    """Numbers of any kind; ValueError if they are none, or do not come in groups of that size."""
    value = value.detach().float().cpu() if isinstance(value, Tensor) else value
    array = as_numbers(value, name, "an array of numbers").astype(np.float32)
    if array.size % group:
        raise ValueError(f"{name} is of shape {array.shape}; the last dimension must be {group}")
    return array
