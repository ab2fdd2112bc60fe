"""Brings mask logits to the video's size.

Logits on the model's grid go in, masks in video pixels come out, with the object that each pixel
belongs to.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from .boxes import mask_box
from .regions import FILLED

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

    @classmethod
    def over(cls, masks: Bool[Tensor, "N H W"]) -> VideoMasks:
        """Masks that are empty yet."""
        size, device = masks.shape[1:], masks.device
        owner = torch.full(size, -1, dtype=torch.int16, device=device)
        return cls(masks, owner, torch.zeros(size, device=device))

    def part(self, where: Window) -> VideoMasks:
        """A part of the picture; what is drawn there is drawn here."""
        masks = self.masks[(slice(None), *where)]
        return VideoMasks(masks, self.owner[where], self.confidence[where])

    def put(self, drawn: VideoMasks, rows: Sequence[int]) -> None:
        """Put masks of the same size into these rows, in place, without waiting for a device."""
        higher = drawn.confidence > self.confidence
        numbers = torch.tensor([*rows, -1], dtype=torch.int16)
        owner = numbers.to(drawn.owner.device, non_blocking=True)[drawn.owner.long()]
        self.owner.copy_(torch.where(higher, owner, self.owner))
        torch.maximum(self.confidence, drawn.confidence, out=self.confidence)
        for row, mask in zip(rows, drawn.masks, strict=True):
            self.masks[row] = mask


def concatenate(
    parts: Sequence[VideoMasks], masks: Bool[Tensor, "N H W"] | None = None
) -> VideoMasks:
    """The masks of several groups of objects as those of one group, in the same order.

    Args:
        masks: those of all, if they are one tensor already.
    """
    first, *rest = parts
    if not rest:
        return first
    owner, confidence, count = first.owner, first.confidence, len(first.masks)
    for part in rest:
        higher = part.confidence > confidence
        owner = torch.where(higher, part.owner + count, owner)
        confidence = torch.maximum(confidence, part.confidence)
        count += len(part.masks)
    masks = torch.cat([part.masks for part in parts]) if masks is None else masks
    return VideoMasks(masks, owner, confidence)


def upscale(
    logits: Float[Tensor, "N h w"],
    size: tuple[int, int],
    speck_area: float = 0,
    *,
    onto: VideoMasks | None = None,
    rows: Sequence[int] | None = None,
) -> VideoMasks:
    """Bilinear interpolation to the video's size; confidence is the logit.

    On a CPU by OpenCV, which for eight objects takes half of PyTorch's time. OpenCV is also used
    for other devices if specks are to be removed; the masks are on the host then.

    Args:
        logits: above 0 on the object.
        size: height and width of the video, in pixels.
        speck_area: see :func:`tidy`, in pixels of ``logits``.
        onto, rows: see :func:`combine`.
    """

    def bilinear(own: Tensor, _: Window, pixels: Window) -> np.ndarray:
        full = cv2.resize(own.numpy(), size[::-1], interpolation=cv2.INTER_LINEAR)
        return np.ascontiguousarray(full[pixels])

    if logits.device.type == "cpu" or speck_area:
        return combine(
            logits, size, bilinear, margin=1, speck_area=speck_area, onto=onto, rows=rows
        )
    full = F.interpolate(logits[None], size, mode="bilinear")[0]
    highest, owner = full.max(0)
    owner = torch.where(highest > 0, owner, -1).to(torch.int16)
    drawn = VideoMasks(full > 0, owner, highest.clamp(min=0))
    if onto is None:
        return drawn
    onto.put(drawn, range(len(logits)) if rows is None else rows)
    return onto


def resize_logits(logits: Float[Tensor, "N h w"], size: tuple[int, int]) -> Float[Tensor, "N H W"]:
    """Bilinear interpolation to a size (height, width); by OpenCV on a CPU, as it is faster."""
    if logits.shape[1:] == size:
        return logits
    if logits.device.type != "cpu":
        return F.interpolate(logits[None], size, mode="bilinear")[0]
    full = torch.empty(len(logits), *size)
    for own, made in zip(logits.numpy(), full.numpy(), strict=True):
        cv2.resize(own, size[::-1], dst=made, interpolation=cv2.INTER_LINEAR)
    return full


def combine(
    logits: Float[Tensor, "N h w"],
    size: tuple[int, int],
    confidence: Callable[[Float[Tensor, "h w"], Window, Window], Float[np.ndarray, "y x"]],
    *,
    margin: int,
    speck_area: float = 0,
    hole_area: float = 0,
    onto: VideoMasks | None = None,
    rows: Sequence[int] | None = None,
) -> VideoMasks:
    """The masks of objects, computed one after another, on the host.

    Args:
        logits: above 0 on the object.
        size: height and width of the video, in pixels.
        confidence: is given an object's logits, the window around it with the margin, and the
            pixels that this covers; returns the confidence there, which may be changed later.
            Outside the window there is no object.
        margin: around an object, in pixels of ``logits``.
        speck_area, hole_area: see :func:`tidy`, in pixels of ``logits``; 0 = none.
        onto: masks on the host that these are drawn onto, in place; None = new ones.
        rows: the rows that they are there; None = the first ones. They are empty yet.
    """
    grid = logits.shape[1:]
    if onto is None:
        onto = VideoMasks.over(torch.zeros(len(logits), *size, dtype=torch.bool))
    masks, owner, highest = (x.numpy() for x in (onto.masks, onto.owner, onto.confidence))
    cell = size[0] * size[1] / (grid[0] * grid[1])
    places = range(len(logits)) if rows is None else rows
    for place, own in zip(places, logits.float().cpu(), strict=True):
        box = mask_box(own.numpy() > 0)
        if box is None:
            continue
        down, ys = _around(box[1], box[3], margin, grid[0], size[0])
        across, xs = _around(box[0], box[2], margin, grid[1], size[1])
        where = ys, xs
        value = confidence(own, (down, across), where)
        if speck_area or hole_area:
            tidy(value, speck_area * cell, hole_area * cell)
        np.greater(value, 0, out=masks[place][where])
        np.copyto(owner[where], place, where=value > highest[where])
        np.maximum(highest[where], value, out=highest[where])
    return onto


def _around(first: int, stop: int, margin: int, cells: int, pixels: int) -> tuple[slice, slice]:
    """Cells ``first`` to ``stop`` with a margin, and the pixels that they cover, at least one."""
    first, stop = max(0, first - margin), min(cells, stop + margin)
    begin = min(round(first * pixels / cells), pixels - 1)
    return slice(first, stop), slice(begin, max(round(stop * pixels / cells), begin + 1))


def tidy(value: Float[np.ndarray, "h w"], speck_area: float, hole_area: float = 0) -> None:
    """Remove the small parts of a mask, and fill its small holes, in place.

    Small parts and holes come less from the model than from upscaling: a thin object is divided
    where it is narrower than a pixel of the grid, and the guided filter finds the object's colours
    beside it, and those of the background in it. The largest part always stays.

    Args:
        value: above 0 on the object; becomes -1 on parts that are removed, a little above 0 in
            holes that are filled.
        speck_area: 8-connected parts of up to that many pixels, including their holes, are removed.
        hole_area: 4-connected holes of up to that many pixels, including what lies in them, are
            filled.
    """
    # Finding contours takes a tenth of the time of labelling every pixel.
    contours, hierarchy = cv2.findContours(
        (value > 0).view(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE
    )
    if len(contours) < 2:
        return
    parents = hierarchy[0, :, 3].tolist()  # of a hole: the part that it is in; of a part: -1
    # Contours run through the centres of the object's pixels, those of holes around the hole; one
    # pixel is no step long. So Pick's theorem gives the pixels inside a contour (of a hole: all its
    # own), and with its steps those of a part.
    steps = [len(contour) if len(contour) > 1 else 0 for contour in contours]
    insides = [cv2.contourArea(c) - n / 2 + 1 for c, n in zip(contours, steps, strict=True)]
    parts = {i: insides[i] + steps[i] for i, parent in enumerate(parents) if parent < 0}
    limit = min(speck_area, max(parts.values()) - 0.5)
    specks = {part for part, area in parts.items() if area <= limit}
    cv2.drawContours(value, [contours[part] for part in specks], -1, -1.0, cv2.FILLED)
    holes = [
        contours[hole]
        for hole, parent in enumerate(parents)
        if parent >= 0 and parent not in specks and insides[hole] <= hole_area
    ]
    if holes:
        filled = cv2.drawContours(np.zeros(value.shape, np.uint8), holes, -1, 1, cv2.FILLED)
        value[(filled > 0) & (value <= 0)] = FILLED
