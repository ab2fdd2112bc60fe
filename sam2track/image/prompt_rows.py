"""Prompts of one picture in rows: as many as there are, each kind as one batch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..model import ImageTransform
from ..prompts import Prompt
from ..prompts.tokens import check_prompt, mask_logits
from ..types import expect


@dataclass(frozen=True, slots=True, eq=False)
class PromptRows:
    """R prompts of one shape on one picture: each row is decoded on its own.

    Attributes:
        points: clicks ``(x, y)`` in pixels of the picture; P may be 0.
        labels: one per click: 1 = on the object, 0 = not on it, -1 = no click (padding).
        boxes: ``(x0, y0, x1, y1)`` in pixels of the picture, or None.
        logits: low-resolution mask logits of an earlier prediction, or None.

    Raises:
        ValueError: if the parts have different numbers of rows, or there is nothing in a row.
    """

    points: Float[Tensor, "R P 2"]
    labels: Int[Tensor, "R P"]
    boxes: Float[Tensor, "R 4"] | None = None
    logits: Float[Tensor, "R 4*h 4*w"] | None = None

    def __post_init__(self) -> None:
        parts = {"points": self.points, "labels": self.labels}
        parts |= {"boxes": self.boxes, "logits": self.logits}
        counts = {name: len(part) for name, part in parts.items() if part is not None}
        if len(set(counts.values())) > 1:
            raise ValueError(f"prompts have different numbers of rows: {counts}; give one each")
        if self.points.shape[:2] != self.labels.shape:
            shapes = f"{tuple(self.points.shape)} and {tuple(self.labels.shape)}"
            raise ValueError(f"points and labels are of shapes {shapes}; give one label a point")
        if not self.points.shape[1] and self.boxes is None and self.logits is None:
            raise ValueError("an empty prompt: give points, boxes, or logits")

    def __len__(self) -> int:
        return len(self.points)

    def __getitem__(self, rows: slice) -> PromptRows:
        """Some of the rows."""
        rest = (part if part is None else part[rows] for part in (self.boxes, self.logits))
        return PromptRows(self.points[rows], self.labels[rows], *rest)

    @classmethod
    def of_points(cls, points, labels=None) -> PromptRows:
        """One click in each row: ``points`` (R, 2); or several: (R, P, 2) with labels (R, P)."""
        placed = torch.as_tensor(np.asarray(points), dtype=torch.float32)
        placed = placed[:, None] if placed.ndim == 2 else placed
        if labels is None:
            return cls(placed, torch.ones(placed.shape[:2], dtype=torch.long))
        return cls(placed, torch.as_tensor(np.asarray(labels), dtype=torch.long))

    @classmethod
    def of_boxes(cls, boxes) -> PromptRows:
        """One box ``(x0, y0, x1, y1)`` in each row: (R, 4)."""
        boxes = torch.as_tensor(np.asarray(boxes), dtype=torch.float32).reshape(-1, 4)
        none = torch.zeros(len(boxes), 0, 2)
        return cls(none, torch.zeros(len(boxes), 0, dtype=torch.long), boxes)


def group_prompts(
    prompts: Sequence[Prompt],
    size: tuple[int, int],
    *,
    transform: ImageTransform,
    device: torch.device,
    previous: Float[Tensor, "R 4*h 4*w"] | None = None,
) -> list[tuple[list[int], PromptRows]]:
    """Prompts as rows, those of one shape together; with each prompt's place in ``prompts``.

    Prompts of different shapes are not padded to one: that would change the masks.

    Raises:
        ValueError: for a prompt outside the picture, or a mask of another size.
    """
    groups: defaultdict[tuple[int, bool, bool], list[int]] = defaultdict(list)
    for place, prompt in enumerate(prompts):
        expect(prompt, Prompt, "the prompt", "a Prompt, such as Prompt.click(x, y)")
        check_prompt(prompt, size)
        shape = len(prompt.points), prompt.box is not None, prompt.mask is not None
        groups[shape].append(place)
    if previous is not None and any(with_mask for _, _, with_mask in groups):
        raise ValueError("a mask prompt and previous= are two masks; give one of them")
    grouped = []
    for (_, with_box, with_mask), places in groups.items():
        own = [prompts[place] for place in places]
        logits = None if previous is None else previous[places]
        masks = [prompt.mask for prompt in own if prompt.mask is not None]
        if with_mask:
            found = [mask_logits(mask, transform=transform, device=device) for mask in masks]
            logits = torch.cat(found)
        rows = PromptRows(
            torch.from_numpy(np.stack([p.points for p in own])),
            torch.from_numpy(np.stack([p.labels for p in own])).long(),
            _clipped(own, size) if with_box else None,
            logits,
        )
        grouped.append((places, rows))
    return grouped


def _clipped(prompts: Sequence[Prompt], size: tuple[int, int]) -> Float[Tensor, "R 4"]:
    """Their boxes, as far as they lie in the picture."""
    boxes = np.stack([p.box for p in prompts if p.box is not None])
    return torch.from_numpy(boxes.clip(0, np.array((*size[::-1], *size[::-1]), np.float32)))
