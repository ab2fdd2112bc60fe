"""Prompts of one picture in rows: as many as there are, each kind as one batch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..model import ImageTransform
from ..prompts import Prompt
from ..prompts.prompt import as_numbers
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
        ValueError: if the parts have different numbers of rows, there is nothing in a row, or
            a number makes no sense.
    """

    points: Float[Tensor, "R P 2"]
    labels: Int[Tensor, "R P"]
    boxes: Float[Tensor, "R 4"] | None = None
    logits: Float[Tensor, "R 4*h 4*w"] | None = None

    def __post_init__(self) -> None:
        parts = {"points": self.points, "labels": self.labels}
        parts |= {"boxes": self.boxes, "logits": self.logits}
        for name, part in parts.items():
            if part is not None or name in ("points", "labels"):
                expect(part, Tensor, name, "a tensor; PromptRows.of_points makes one of an array")
        counts = {name: len(part) for name, part in parts.items() if part is not None}
        if len(set(counts.values())) > 1:
            raise ValueError(f"prompts have different numbers of rows: {counts}; give one each")
        if self.points.shape[:2] != self.labels.shape:
            shapes = f"{tuple(self.points.shape)} and {tuple(self.labels.shape)}"
            raise ValueError(f"points and labels are of shapes {shapes}; give one label a point")
        if not self.points.shape[1] and self.boxes is None and self.logits is None:
            raise ValueError("an empty prompt: give points, boxes, or logits")
        for name, part in (("points", self.points), ("boxes", self.boxes)):
            if part is not None and not part.isfinite().all():
                wrong = part.flatten(1)[~part.flatten(1).isfinite().all(1)][0].tolist()
                raise ValueError(f"{name} must be finite, got {wrong}")
        if self.labels.numel() and not -1 <= self.labels.min() <= self.labels.max() <= 3:
            wrong = self.labels[(self.labels < -1) | (self.labels > 3)][0].item()
            raise ValueError(f"label {wrong} is unknown; give 1 = on the object, 0 = not on it")

    def __len__(self) -> int:
        return len(self.points)

    def __getitem__(self, rows: slice) -> PromptRows:
        """Some of the rows."""
        rest = (part if part is None else part[rows] for part in (self.boxes, self.logits))
        return PromptRows(self.points[rows], self.labels[rows], *rest)

    @classmethod
    def of_points(cls, points, labels=None) -> PromptRows:
        """One click in each row: ``points`` (R, 2); or several: (R, P, 2) with labels (R, P)."""
        form = "pairs (x, y): of shape (R, 2) or (R, P, 2)"
        placed = _shaped(points, "points", form, 2, (2, 3))
        placed = placed[:, None] if placed.ndim == 2 else placed
        if labels is None:
            return cls(placed, torch.ones(placed.shape[:2], dtype=torch.long))
        kinds = as_numbers(labels, "labels", "1 (on the object) or 0 (not on it)")
        return cls(placed, torch.as_tensor(kinds, dtype=torch.long))

    @classmethod
    def of_boxes(cls, boxes) -> PromptRows:
        """One box ``(x0, y0, x1, y1)`` in each row: (R, 4)."""
        boxes = _shaped(boxes, "boxes", "(x0, y0, x1, y1): of shape (R, 4)", 4, (2,))
        empty = (boxes[:, 2:] <= boxes[:, :2]).any(1)
        if empty.any():
            place = int(empty.nonzero()[0])
            wrong = f"box {place}, {boxes[place].tolist()}, is empty"
            raise ValueError(f"{wrong}; give [x0, y0, x1, y1] with x0 < x1 and y0 < y1")
        none = torch.zeros(len(boxes), 0, 2)
        return cls(none, torch.zeros(len(boxes), 0, dtype=torch.long), boxes)


def _shaped(
    value: Any, name: str, form: str, last: int, dimensions: tuple[int, ...]
) -> Float[Tensor, "R *n"]:
    """Numbers as a tensor of so many dimensions, the last one of a given size."""
    array = as_numbers(value, name, form).astype(np.float32)
    array = array.reshape(0, last) if array.shape == (0,) else array
    array = array[None] if array.shape == (last,) else array
    if array.ndim not in dimensions or array.shape[-1] != last:
        raise ValueError(f"{name} must be {form}, got shape {array.shape}")
    return torch.from_numpy(array)


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
        check_prompt(prompt, size)
        shape = len(prompt.points), prompt.box is not None, prompt.mask is not None
        groups[shape].append(place)
    if previous is not None and any(with_mask for _, _, with_mask in groups):
        raise ValueError("a mask prompt and previous= are two masks; give one of them")
    grouped = []
    for (_, with_box, with_mask), places in groups.items():
        own = [prompts[place] for place in places]
        logits = None if previous is None else previous[places]
        boxes = [box for prompt in own if (box := prompt.box_in(size)) is not None]
        masks = [prompt.mask for prompt in own if prompt.mask is not None]
        if with_mask:
            found = [mask_logits(mask, transform=transform, device=device) for mask in masks]
            logits = torch.cat(found)
        rows = PromptRows(
            torch.from_numpy(np.stack([p.points for p in own])),
            torch.from_numpy(np.stack([p.labels for p in own])).long(),
            torch.from_numpy(np.stack(boxes)) if with_box else None,
            logits,
        )
        grouped.append((places, rows))
    return grouped
