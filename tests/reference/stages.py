"""Inputs for each stage of the network on its own, the same for both sides of a comparison.

Noise of unit variance where features go, so that a mistake in one stage cannot hide behind, or be
blamed on, the one before it. The outputs are named alike on both sides: ``encode/stride16``,
``attend/late``, ``decode/clicks/masks``, ...
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .scenarios import clip
from .seeded import noise


@dataclass(frozen=True)
class Widths:
    """What the inputs' shapes follow from."""

    image_size: int
    width: int
    memory_width: int

    @property
    def grid(self) -> int:
        return self.image_size // 16


@dataclass(frozen=True)
class Remembered:
    """One remembered frame."""

    frame: int
    features: Tensor  # (1, D, h, w), bfloat16
    pointer: Tensor  # (1, C)


@dataclass(frozen=True)
class AttendCase:
    """A frame that recalls others: by their numbers, and as slots and offsets."""

    frame: int
    length: int  # of the video, in frames
    direction: int
    anchors: tuple[int, ...]
    others: tuple[int, ...]
    # What the bank should make of it (spatial memories first anchors, then oldest to newest).
    memories: tuple[tuple[int, int], ...]  # (frame, slot)
    pointers: tuple[tuple[int, int], ...]  # (frame, offset)


ATTEND = {
    # The frame after a prompt in a clip shorter than the pointers' span.
    "first": AttendCase(1, 8, 1, (0,), (), ((0, 6),), ((0, 1),)),
    # The seventh frame back, frame 1, is out of the spatial memory but still has its pointer.
    "late": AttendCase(
        8,
        20,
        1,
        (0,),
        (1, 2, 6, 7),
        ((0, 6), (2, 5), (6, 1), (7, 0)),
        ((0, 8), (7, 1), (6, 2), (2, 6), (1, 7)),
    ),
    # An anchor in the future gives its memory but not its pointer.
    "two_anchors": AttendCase(
        4, 20, 1, (0, 9), (2, 3), ((0, 6), (9, 6), (2, 1), (3, 0)), ((0, 4), (3, 1), (2, 2))
    ),
    "reverse": AttendCase(
        4, 20, -1, (7,), (5, 6), ((7, 6), (6, 1), (5, 0)), ((7, 3), (5, 1), (6, 2))
    ),
}

# (x, y, label) as fractions of the input; 2 and 3 are a box's corners.
DECODE = {
    "follow": (),
    "click": ((0.4, 0.6, 1),),
    "clicks": ((0.4, 0.6, 1), (0.7, 0.2, 0), (0.1, 0.9, 0)),
    "box": ((0.2, 0.3, 2), (0.6, 0.7, 3)),
    "box_clicks": ((0.2, 0.3, 2), (0.6, 0.7, 3), (0.5, 0.5, 1), (0.3, 0.6, 0)),
    "refine": ((0.4, 0.6, 1), (0.7, 0.2, 0)),  # with the mask of the click before
}
REFINED = ("refine",)
PRESENCES = (4.0, -4.0)


@dataclass(frozen=True)
class StageInputs:
    """Everything that the stages are fed with."""

    image: Tensor  # (S, S, 3), uint8
    stride16: Tensor  # (1, C, h, w)
    stride8: Tensor  # (1, C/4, 2h, 2w)
    stride4: Tensor  # (1, C/8, 4h, 4w)
    conditioned: Tensor  # (1, C, h, w)
    logits: Tensor  # (1, 1, 4h, 4w), low-resolution mask logits
    mask: Tensor  # (1, 1, S, S), bool
    remembered: dict[int, Remembered]


def stage_inputs(widths: Widths) -> StageInputs:
    """The inputs for a model of these widths."""
    grid, width = widths.grid, widths.width

    def tensor(name: str, *shape: int) -> Tensor:
        return torch.from_numpy(noise(name, shape))

    frames = {frame for case in ATTEND.values() for frame in (*case.anchors, *case.others)}
    shown = clip(1, widths.image_size, widths.image_size)
    return StageInputs(
        image=torch.from_numpy(shown.images[0]),
        stride16=tensor("stride16", 1, width, grid, grid),
        stride8=tensor("stride8", 1, width // 4, 2 * grid, 2 * grid),
        stride4=tensor("stride4", 1, width // 8, 4 * grid, 4 * grid),
        conditioned=tensor("conditioned", 1, width, grid, grid),
        logits=4 * tensor("logits", 1, 1, 4 * grid, 4 * grid),
        mask=torch.from_numpy(shown.masks[0])[None, None],
        remembered={
            frame: Remembered(
                frame,
                tensor(f"memory {frame}", 1, widths.memory_width, grid, grid).bfloat16(),
                tensor(f"pointer {frame}", 1, width),
            )
            for frame in sorted(frames)
        },
    )


def relative_error(ours: Tensor, theirs: Tensor) -> float:
    """The largest difference over the largest value."""
    if ours.shape != theirs.shape:
        raise ValueError(f"shapes differ: {tuple(ours.shape)} and {tuple(theirs.shape)}")
    scale = theirs.abs().max().clamp(min=1e-12)
    return float((ours.float() - theirs.float()).abs().max() / scale)
