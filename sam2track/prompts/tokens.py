"""Converts prompts in video pixels to inputs of the model.

No other module converts video pixels to pixels of the model's square input.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ..model import ImageTransform
from ..model.prompt_encoder import LARGEST_LOGIT
from ..model.sam2 import CERTAIN
from ..types import PromptTokens
from .prompt import Prompt

BOX_CORNERS = (2, 3)  # labels of a box's first and second corner


def check_prompt(prompt: Prompt, size: tuple[int, int]) -> None:
    """Whether a prompt fits a frame of ``size`` = (H, W).

    Raises:
        ValueError: for a click or a box outside the frame, or a mask of another size.
    """
    height, width = size
    outside = f"outside the frame, which is {width} wide and {height} high"
    for x, y in prompt.points.tolist():
        if not (0 <= x < width and 0 <= y < height):
            ranges = f"x goes from 0 to {width - 1}, y from 0 to {height - 1}"
            raise ValueError(f"the click ({x:g}, {y:g}) is {outside}; {ranges}")
    if prompt.box is not None:
        x0, y0, x1, y1 = prompt.box.tolist()
        if x0 >= width or y0 >= height or x1 <= 0 or y1 <= 0:
            raise ValueError(f"the box [{x0:g}, {y0:g}, {x1:g}, {y1:g}] lies {outside}")
    if prompt.mask is not None and prompt.mask.shape != (height, width):
        found = f"{prompt.mask.shape[1]} x {prompt.mask.shape[0]} pixels"
        raise ValueError(f"the mask is {found}, but the frame {width} x {height}; give that size")


def merge_prompts(earlier: Prompt | None, later: Prompt) -> Prompt:
    """Both prompts as one: clicks add up, a later box replaces the earlier, a mask replaces all."""
    if earlier is None or later.mask is not None or earlier.mask is not None:
        return later
    return Prompt(
        points=np.concatenate((earlier.points, later.points)),
        labels=np.concatenate((earlier.labels, later.labels)),
        box=earlier.box if later.box is None else later.box,
    )


def prompt_tokens(
    prompt: Prompt,
    size: tuple[int, int],
    *,
    transform: ImageTransform,
    device: torch.device,
    previous: Float[Tensor, "1 1 _ _"] | None = None,
) -> PromptTokens:
    """Clicks and box as one row for the prompt encoder; ``previous`` is the mask that they correct.

    The other arguments are those of :func:`batch_tokens`.
    """
    box = prompt.box_in(size)
    return batch_tokens(
        torch.from_numpy(prompt.points)[None],
        torch.from_numpy(prompt.labels)[None],
        None if box is None else torch.from_numpy(box)[None],
        size,
        transform=transform,
        device=device,
        mask=None if previous is None else previous[:, 0].clamp(-LARGEST_LOGIT, LARGEST_LOGIT),
    )


def mask_prompt(
    mask: Bool[np.ndarray, "H W"], *, transform: ImageTransform, device: torch.device
) -> Bool[Tensor, "1 1 S S"]:
    """A mask at the model's size; of a mask that is too thin the strongest part is kept."""
    soft = torch.from_numpy(mask).to(device, torch.float32, non_blocking=True)[None, None]
    soft = transform.mask(soft)
    return soft >= (soft.amax() / 2).clamp(max=0.5)


def mask_logits(
    mask: Bool[np.ndarray, "H W"], *, transform: ImageTransform, device: torch.device
) -> Float[Tensor, "1 4*h 4*w"]:
    """A mask of a frame as logits at stride 4 of the square: what the decoder might have given."""
    soft = mask_prompt(mask, transform=transform, device=device).float()
    side = soft.shape[-1] // 4
    logits = F.interpolate(2 * soft - 1, (side, side), mode="bilinear", antialias=True)
    return CERTAIN * logits[0]


def batch_tokens(
    points: Float[Tensor, "R P 2"],
    labels: Int[Tensor, "R P"],
    boxes: Float[Tensor, "R 4"] | None,
    size: tuple[int, int],
    *,
    transform: ImageTransform,
    device: torch.device,
    mask: Float[Tensor, "R _ _"] | None = None,
) -> PromptTokens:
    """Prompts of one shape, in frame pixels, as rows for the prompt encoder; a box goes first.

    Args:
        labels: 1 = on the object, 0 = not on it, -1 = no click.
        size: height and width of the frame.
        transform: how a frame becomes the model's square input.
        mask: logits at stride 4 of an earlier mask.
    """
    if boxes is not None:
        points = torch.cat((boxes.unflatten(1, (2, 2)), points), dim=1)
        corners = torch.tensor(BOX_CORNERS, device=labels.device).expand(len(boxes), -1)
        labels = torch.cat((corners, labels), dim=1)
    return PromptTokens(
        coords=transform.points(points, size).to(device, non_blocking=True),
        labels=labels.to(device, torch.long, non_blocking=True),
        mask=None if mask is None else mask.to(device, torch.float32)[:, None],
    )
