"""A user, simulated: masks, boxes and clicks on the first frame, clicks where a mask is wrong.

SAM 2 (2408.00714, appendix D.2). Coordinates are pixels of the model's square input.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ..track.prompts import BOX_CORNERS
from ..types import PromptTokens, mask_box


def inner_point(
    region: Bool[np.ndarray, "S S"], random: np.random.Generator, *, centre: bool
) -> tuple[float, float]:
    """A pixel ``(x, y)`` of a region that is not empty: any, or the farthest from its border."""
    if centre:
        padded = np.pad(region.astype(np.uint8), 1)
        distance = cv2.distanceTransform(padded, cv2.DIST_L2, 3)[1:-1, 1:-1]
        place = int(distance.argmax())
    else:
        place = int(random.choice(np.flatnonzero(region)))
    return float(place % region.shape[1]), float(place // region.shape[1])


def click_tokens(
    masks: Bool[Tensor, "R S S"], random: np.random.Generator, device: torch.device
) -> PromptTokens:
    """One click inside each mask, half of them at its centre."""
    points = [
        inner_point(mask, random, centre=random.random() < 0.5) for mask in masks.cpu().numpy()
    ]
    coords = torch.tensor(points, dtype=torch.float32, device=device)[:, None]
    return PromptTokens(coords, torch.ones(len(points), 1, dtype=torch.long, device=device))


def box_tokens(
    masks: Bool[Tensor, "R S S"],
    random: np.random.Generator,
    device: torch.device,
    *,
    jitter: float = 0.1,
) -> PromptTokens:
    """A box around each mask, its edges off by up to ``jitter`` of its sides."""
    boxes = []
    for mask in masks.cpu().numpy():
        x0, y0, x1, y1 = mask_box(mask) or (0, 0, *mask.shape[::-1])
        sides = np.array([x1 - x0, y1 - y0] * 2)
        noise = np.clip(random.normal(0, jitter / 2, 4), -jitter, jitter) * sides
        boxes.append(np.clip(np.array([x0, y0, x1 - 1, y1 - 1]) + noise, 0, mask.shape[-1] - 1))
    coords = torch.tensor(np.array(boxes), dtype=torch.float32, device=device).view(-1, 2, 2)
    labels = torch.tensor(BOX_CORNERS, device=device).expand(len(boxes), 2)
    return PromptTokens(coords, labels)


def corrected(
    prompts: PromptTokens | None,
    logits: Float[Tensor, "R 1 _ _"],
    masks: Bool[Tensor, "R S S"],
    random: np.random.Generator,
) -> PromptTokens:
    """The prompts with one more click where the predicted mask is wrong, and that mask itself.

    Args:
        prompts: what was said so far, or None.
        logits: the prediction at stride 4.
        masks: the truth.
    """
    side = masks.shape[-1]
    predicted = torch.nn.functional.interpolate(logits, (side, side), mode="bilinear")[:, 0] > 0
    points, labels = [], []
    for wrong, true in zip((predicted ^ masks).cpu().numpy(), masks.cpu().numpy(), strict=True):
        # A perfect mask is confirmed by a click off the object, as in the paper.
        region = wrong if wrong.any() else ~true if not true.all() else true
        x, y = inner_point(region, random, centre=random.random() < 0.5)
        points.append((x, y))
        labels.append(int(true[int(y), int(x)]))
    coords = torch.tensor(points, dtype=torch.float32, device=logits.device)[:, None]
    kinds = torch.tensor(labels, dtype=torch.long, device=logits.device)[:, None]
    if prompts is not None:
        coords = torch.cat((prompts.coords, coords), dim=1)
        kinds = torch.cat((prompts.labels, kinds), dim=1)
    return PromptTokens(coords, kinds, mask=logits.detach().clamp(-32, 32))
