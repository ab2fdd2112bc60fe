"""Brings mask logits to the video's size.

Logits on the model's grid go in, masks in video pixels come out, with the object that each pixel
belongs to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from .boxes import mask_box

Window = tuple[slice, slice]  # rows and columns


@dataclass(frozen=True, slots=True, eq=False)
class VideoMasks:
    """Masks at the video's size.

    Attributes:
        masks: True on the object.
        owner: the object with the highest confidence, a position in ``masks``; -1 = none.
        confidence: the highest of all objects', as a logit or squashed to -1..1; above 0 where
            there is an owner, else 0.
    """

    masks: Bool[Tensor, "N H W"]
    owner: Int[Tensor, "H W"]
    confidence: Float[Tensor, "H W"]

    def to(self, device: torch.device) -> VideoMasks:
        """The same on a device."""
        return VideoMasks(self.masks.to(device), self.owner.to(device), self.confidence.to(device))


class MaskCanvas:
    """Collects the masks of objects one after another, on the host.

    Args:
        grid: number of objects, height and width of their logits.
        size: height and width of the video, in pixels.
        speck_area: see :func:`remove_specks`, in pixels of the logits; 0 = leave them.
    """

    def __init__(self, grid: Sequence[int], size: tuple[int, int], speck_area: float) -> None:
        self.masks = np.zeros((grid[0], *size), bool)
        self.owner = np.full(size, -1, np.int16)
        self.confidence = np.zeros(size, np.float32)
        self.speck_area = speck_area * size[0] * size[1] / (grid[1] * grid[2])

    def add(self, place: int, value: Float[np.ndarray, "h w"], where: Window) -> None:
        """Add one object, whose confidence is ``value`` in a window; it is nowhere else.

        ``value`` may be changed.
        """
        if self.speck_area:
            remove_specks(value, self.speck_area)
        np.greater(value, 0, out=self.masks[place][where])
        np.copyto(self.owner[where], place, where=value > self.confidence[where])
        np.maximum(self.confidence[where], value, out=self.confidence[where])

    def video_masks(self) -> VideoMasks:
        """All objects that were added."""
        return VideoMasks(*map(torch.from_numpy, (self.masks, self.owner, self.confidence)))


def concatenate(parts: Sequence[VideoMasks]) -> VideoMasks:
    """The masks of several groups of objects as those of one group, in the same order."""
    first, *rest = parts
    if not rest:
        return first
    owner, confidence, count = first.owner, first.confidence, len(first.masks)
    for part in rest:
        higher = part.confidence > confidence
        owner = torch.where(higher, part.owner + count, owner)
        confidence = torch.maximum(confidence, part.confidence)
        count += len(part.masks)
    return VideoMasks(torch.cat([part.masks for part in parts]), owner, confidence)


def upscale(
    logits: Float[Tensor, "N h w"], size: tuple[int, int], speck_area: float = 0
) -> VideoMasks:
    """Bilinear interpolation to the video's size; confidence is the logit.

    On a CPU by OpenCV, which for eight objects takes half of PyTorch's time. So also on any device
    where specks are to be removed, which OpenCV does.

    Args:
        logits: above 0 on the object.
        size: height and width of the video, in pixels.
        speck_area: see :func:`remove_specks`, in pixels of ``logits``.
    """
    if logits.device.type == "cpu" or speck_area:
        canvas = MaskCanvas(logits.shape, size, speck_area)
        for place, low in enumerate(logits.float().cpu().numpy()):
            if (windows := object_windows(low, size, margin=1)) is not None:
                full = cv2.resize(low, size[::-1], interpolation=cv2.INTER_LINEAR)
                canvas.add(place, np.ascontiguousarray(full[windows[1]]), windows[1])
        return canvas.video_masks().to(logits.device)
    full = F.interpolate(logits[None], size, mode="bilinear")[0]
    highest, owner = full.max(0)
    owner = torch.where(highest > 0, owner, -1).to(torch.int16)
    return VideoMasks(full > 0, owner, highest.clamp(min=0))


def object_windows(
    logits: Float[np.ndarray, "h w"], size: Sequence[int], margin: int
) -> tuple[Window, Window] | None:
    """The cells around an object with a margin, and the pixels that they cover; None = no object.

    Args:
        logits: above 0 on the object.
        size: height and width of the video, in pixels.
        margin: in cells, which are the pixels of ``logits``.
    """
    box = mask_box(logits > 0)
    if box is None:
        return None
    rows, ys = _around(box[1], box[3], margin, logits.shape[0], size[0])
    columns, xs = _around(box[0], box[2], margin, logits.shape[1], size[1])
    return (rows, columns), (ys, xs)


def _around(first: int, stop: int, margin: int, cells: int, pixels: int) -> tuple[slice, slice]:
    """Cells ``first`` to ``stop`` with a margin, and the pixels that they cover, at least one."""
    first, stop = max(0, first - margin), min(cells, stop + margin)
    begin = min(round(first * pixels / cells), pixels - 1)
    return slice(first, stop), slice(begin, max(round(stop * pixels / cells), begin + 1))


def remove_specks(value: Float[np.ndarray, "h w"], area: float) -> None:
    """Remove the small parts of a mask, in place; the largest part stays, however small.

    Such parts come less from the model's logits than from making them larger: a thin thing breaks
    up where it is narrower than a pixel of the grid, and the guided filter finds the object's
    colours beside it.

    Args:
        value: above 0 on the object; becomes -1 on parts that are removed.
        area: 8-connected parts of up to that many pixels are removed, holes in them counted in.
    """
    # Contours take a tenth of the time of labelling every pixel.
    contours, hierarchy = cv2.findContours(
        (value > 0).view(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE
    )
    parts = [c for place, c in enumerate(contours) if hierarchy[0, place, 3] < 0]  # no holes
    # Pick's theorem, as contours run through the centres of pixels; one pixel is no step long.
    steps = [len(part) if len(part) > 1 else 0 for part in parts]
    areas = [cv2.contourArea(part) + n / 2 + 1 for part, n in zip(parts, steps, strict=True)]
    limit = min(area, max(areas, default=0) - 0.5)
    specks = [part for part, own in zip(parts, areas, strict=True) if own <= limit]
    cv2.drawContours(value, specks, -1, -1.0, cv2.FILLED)
