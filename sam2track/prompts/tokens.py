"""Converts prompts in video pixels to inputs of the model.

No other module converts video pixels to pixels of the model's square input.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ..model import ImageTransform
from ..types import PromptTokens
from .prompt import Prompt

BOX_CORNERS = (2, 3)  # labels of a box's first and second corner
LARGEST_LOGIT = 32.0  # of a mask that is input again


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
    """Clicks and box as one row for the prompt encoder; a box goes first, as two points.

    Args:
        size: height and width of the frame.
        transform: how a frame becomes the model's square input.
        previous: logits of the mask that is being corrected.
    """
    height, width = size
    points, labels = prompt.points, prompt.labels
    if prompt.box is not None:
        corners = prompt.box.reshape(2, 2).clip((0, 0), (width, height))
        points = np.concatenate((corners, points))
        labels = np.concatenate((np.array(BOX_CORNERS, labels.dtype), labels))
    coords = transform.points(torch.as_tensor(points, dtype=torch.float32), size)
    return PromptTokens(
        coords=coords[None].to(device, non_blocking=True),
        labels=torch.as_tensor(labels, dtype=torch.long)[None].to(device, non_blocking=True),
        mask=None if previous is None else previous.clamp(-LARGEST_LOGIT, LARGEST_LOGIT),
    )


def mask_prompt(
    mask: Bool[np.ndarray, "H W"], *, transform: ImageTransform, device: torch.device
) -> Bool[Tensor, "1 1 S S"]:
    """A mask at the model's size; of a mask that is too thin the strongest part is kept."""
    soft = torch.from_numpy(mask).to(device, torch.float32, non_blocking=True)[None, None]
    soft = transform.mask(soft)
    return soft >= (soft.amax() / 2).clamp(max=0.5)
