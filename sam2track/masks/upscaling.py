"""TRACK: from the model's logits to what the user sees. Nothing here reaches the memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """Masks at the video's size.

    Attributes:
        masks: True on the object.
        owner: the object that is surest of a pixel, a position in ``masks``; -1 = none.
        highest: how sure, as a logit or squashed to -1..1; above 0 where there is an owner, else 0.
    """

    masks: Bool[Tensor, "N H W"]
    owner: Int[Tensor, "H W"]
    highest: Float[Tensor, "H W"]

    def to(self, device: torch.device) -> Drawn:
        """The same on a device."""
        return Drawn(self.masks.to(device), self.owner.to(device), self.highest.to(device))


class Canvas:
    """Where objects are drawn one after another, on the host.

    Args:
        count: how many.
        size: height and width of the video, in pixels.
    """

    def __init__(self, count: int, size: tuple[int, ...]) -> None:
        self.masks = np.zeros((count, *size), bool)
        self.owner = np.full(size, -1, np.int16)
        self.highest = np.zeros(size, np.float32)

    def draw(
        self,
        place: int,
        value: Float[np.ndarray, "h w"],
        rows: slice = slice(None),
        columns: slice = slice(None),
    ) -> None:
        """One object's sureness in some rows and columns; elsewhere it is not."""
        where = rows, columns
        np.greater(value, 0, out=self.masks[place][where])
        np.copyto(self.owner[where], place, where=value > self.highest[where])
        np.maximum(self.highest[where], value, out=self.highest[where])

    def drawn(self) -> Drawn:
        """All of them."""
        return Drawn(*map(torch.from_numpy, (self.masks, self.owner, self.highest)))


def joined(parts: Sequence[Drawn]) -> Drawn:
    """Some objects and others, drawn alike."""
    first, *rest = parts
    if not rest:
        return first
    owner, highest, count = first.owner, first.highest, len(first.masks)
    for part in rest:
        surer = part.highest > highest
        owner = torch.where(surer, part.owner + count, owner)
        highest = torch.maximum(highest, part.highest)
        count += len(part.masks)
    return Drawn(torch.cat([part.masks for part in parts]), owner, highest)


def to_video(logits: Float[Tensor, "N h w"], size: tuple[int, int]) -> Drawn:
    """Masks at the video's size; the surest of a pixel has the highest logit.

    Bilinear. On a CPU by OpenCV, which for eight objects takes half of PyTorch's time.
    """
    if logits.device.type == "cpu":
        return _to_video_by_opencv(logits, size)
    full = F.interpolate(logits[None], size, mode="bilinear")[0]
    highest, owner = full.max(0)
    owner = torch.where(highest > 0, owner, -1).to(torch.int16)
    return Drawn(full > 0, owner, highest.clamp(min=0))


def _to_video_by_opencv(logits: Float[Tensor, "N h w"], size: tuple[int, int]) -> Drawn:
    canvas = Canvas(len(logits), size)
    for place, low in enumerate(logits.float().numpy()):
        canvas.draw(place, cv2.resize(low, size[::-1], interpolation=cv2.INTER_LINEAR))
    return canvas.drawn()
