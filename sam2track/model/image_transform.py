"""Converts images, points and masks to the model's square input, and masks back.

Each variant has one for the whole frame; a :class:`Window` shows a part of the frame instead. The
model prepares images with it, prompts are brought to the square with it, and mask logits are
brought back to the frame with it. Everything else works on the square.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Shaped, UInt8
from PIL import Image
from torch import Tensor

Size = tuple[int, int]  # height, width of a frame, in pixels


class ImageTransform(Protocol):
    """A map between a frame of ``H`` x ``W`` pixels and the model's square of ``S`` x ``S``."""

    def image(
        self, image: Shaped[Tensor, "1 3 H W"], outside: Float[Tensor, "3 1 1"]
    ) -> Shaped[Tensor, "1 3 S S"]:
        """An RGB image (0..255) on the square; ``outside``: the padding's colour (0..255)."""
        ...

    def points(self, points: Float[Tensor, "*n 2"], size: Size) -> Float[Tensor, "*n 2"]:
        """Points ``(x, y)`` of the frame in pixels of the square."""
        ...

    def mask(self, mask: Float[Tensor, "R 1 H W"]) -> Float[Tensor, "R 1 S S"]:
        """A soft mask (0..1) of the frame on the square."""
        ...

    def to_frame(self, logits: Float[Tensor, "N h w"], size: Size) -> Float[Tensor, "N _ _"]:
        """Mask logits of the square, at any resolution, as logits that cover the frame exactly.

        The resolution may differ from the frame's: the caller resizes them.
        """
        ...


@dataclass(frozen=True, slots=True)
class Squash:
    """Resizes the whole frame to the square and ignores its aspect ratio (SAM 2).

    Images are resized as Pillow does (bicubic, anti-aliased, rounded to whole values), as the
    released tracker does for the frames of a video.
    """

    side: int  # of the square, in pixels

    def image(
        self, image: Shaped[Tensor, "1 3 H W"], outside: Float[Tensor, "3 1 1"]
    ) -> Shaped[Tensor, "1 3 S S"]:
        return _resize_as_pillow(image, (self.side, self.side), "bicubic")

    def points(self, points: Float[Tensor, "*n 2"], size: Size) -> Float[Tensor, "*n 2"]:
        return points / torch.tensor(size[::-1]).to(points.device) * self.side

    def mask(self, mask: Float[Tensor, "R 1 H W"]) -> Float[Tensor, "R 1 S S"]:
        square = (self.side, self.side)
        if mask.shape[-2:] == square:
            return mask
        return F.interpolate(mask, square, mode="bilinear", antialias=True)

    def to_frame(self, logits: Float[Tensor, "N h w"], size: Size) -> Float[Tensor, "N h w"]:
        return logits


@dataclass(frozen=True, slots=True)
class SmoothSquash(Squash):
    """:class:`Squash` with bilinear interpolation of floating-point numbers.

    So SAM 2's image predictor resizes pictures.
    """

    def image(
        self, image: Shaped[Tensor, "1 3 H W"], outside: Float[Tensor, "3 1 1"]
    ) -> Shaped[Tensor, "1 3 S S"]:
        square = (self.side, self.side)
        if image.shape[-2:] == square:
            return image
        # One channel after the other, since of a large picture not all fit as floats.
        channels = (channel.float() for channel in image.split(1, dim=1))
        resized = [F.interpolate(x, square, mode="bilinear", antialias=True) for x in channels]
        return torch.cat(resized, dim=1)


@dataclass(frozen=True, slots=True)
class PadLongSide:
    """Scales the longer side to the square's and pads the far edges (SAM).

    Images are resized by Pillow (bilinear, anti-aliased, rounded to whole values), as by SAM's own
    predictor; those on another device than the CPU are resized there, nearly the same.
    """

    side: int  # of the square, in pixels

    def inner(self, size: Size) -> Size:
        """Height and width of the frame on the square, at least one pixel each."""
        scale = self.side / max(size)
        height, width = (max(int(length * scale + 0.5), 1) for length in size)
        return height, width

    def image(
        self, image: Shaped[Tensor, "1 3 H W"], outside: Float[Tensor, "3 1 1"]
    ) -> Float[Tensor, "1 3 S S"]:
        inner = self.inner((image.shape[2], image.shape[3]))
        if image.device.type == "cpu" and image.dtype == torch.uint8:
            picture = Image.fromarray(image[0].permute(1, 2, 0).contiguous().numpy())
            resized = picture.resize((inner[1], inner[0]), Image.Resampling.BILINEAR)
            image = torch.from_numpy(np.array(resized)).permute(2, 0, 1)[None]
        else:
            image = _resize_as_pillow(image, inner, "bilinear")
        return self._pad(image - outside) + outside

    def points(self, points: Float[Tensor, "*n 2"], size: Size) -> Float[Tensor, "*n 2"]:
        height, width = self.inner(size)
        return points * torch.tensor((width / size[1], height / size[0])).to(points)

    def mask(self, mask: Float[Tensor, "R 1 H W"]) -> Float[Tensor, "R 1 S S"]:
        inner = self.inner((mask.shape[2], mask.shape[3]))
        return self._pad(F.interpolate(mask, inner, mode="bilinear", antialias=True))

    def to_frame(self, logits: Float[Tensor, "N h w"], size: Size) -> Float[Tensor, "N _ _"]:
        height, width = self.inner(size)
        square = F.interpolate(logits[None], (self.side, self.side), mode="bilinear")[0]
        return square[:, :height, :width]

    def _pad(self, x: Float[Tensor, "*n H W"]) -> Float[Tensor, "*n S S"]:
        return F.pad(x, (0, self.side - x.shape[-1], 0, self.side - x.shape[-2]))


def _resize_as_pillow(
    image: Shaped[Tensor, "1 3 H W"], size: Size, mode: str
) -> Shaped[Tensor, "1 3 h w"]:
    if image.shape[-2:] == size:
        return image
    if image.is_cuda:  # no 8-bit kernel there
        image = image.float()
    image = F.interpolate(image, size=size, mode=mode, antialias=True)
    return image.clamp(0, 255).round() if image.is_floating_point() else image


def prepare_image(
    image: UInt8[Tensor, "H W 3"],
    transform: ImageTransform,
    mean: Float[Tensor, "3 1 1"],
    std: Float[Tensor, "3 1 1"],
) -> Float[Tensor, "1 3 S S"]:
    """An RGB image as the encoder takes it: a square, normalised (``mean``, ``std`` of 0..1)."""
    image = image.to(mean.device, non_blocking=True).permute(2, 0, 1)[None]
    image = transform.image(image, outside=255 * mean)
    return (image.float() / 255 - mean) / std


OUTSIDE = -1024.0  # mask logit where a window does not look


@dataclass(frozen=True, slots=True)
class Window:
    """Stretches a part of the frame to the square; what lies outside it is not seen."""

    side: int  # of the square, in pixels
    # x0, y0, x1, y1: the part, in frame pixels, far edges exclusive; it lies in the frame
    x0: int
    y0: int
    x1: int
    y1: int

    def image(
        self, image: Shaped[Tensor, "1 3 H W"], outside: Float[Tensor, "3 1 1"]
    ) -> Shaped[Tensor, "1 3 S S"]:
        return Squash(self.side).image(self._cut(image), outside)

    def points(self, points: Float[Tensor, "*n 2"], size: Size) -> Float[Tensor, "*n 2"]:
        first = torch.tensor((self.x0, self.y0))
        return (points - first) / (torch.tensor((self.x1, self.y1)) - first) * self.side

    def mask(self, mask: Float[Tensor, "R 1 H W"]) -> Float[Tensor, "R 1 S S"]:
        return Squash(self.side).mask(self._cut(mask))

    def to_frame(self, logits: Float[Tensor, "N h w"], size: Size) -> Float[Tensor, "N H W"]:
        shape = (self.y1 - self.y0, self.x1 - self.x0)
        frame = logits.new_full((len(logits), *size), OUTSIDE)
        frame[:, self.y0 : self.y1, self.x0 : self.x1] = F.interpolate(
            logits[None], shape, mode="bilinear"
        )[0]
        return frame

    def _cut(self, x: Shaped[Tensor, "*n H W"]) -> Shaped[Tensor, "*n _ _"]:
        return x[..., self.y0 : self.y1, self.x0 : self.x1]


def look_through(
    logits: Float[Tensor, "1 1 h w"], seen: ImageTransform, wanted: ImageTransform, size: Size
) -> Float[Tensor, "1 1 h w"]:
    """Mask logits of one square on the square of another transform of the same frame."""
    if seen == wanted:
        return logits
    frame = seen.to_frame(logits[0], size)[None]
    frame = F.interpolate(frame, size, mode="bilinear") if frame.shape[-2:] != size else frame
    return F.interpolate(wanted.mask(frame), logits.shape[-2:], mode="bilinear", antialias=True)
