"""Masked autoencoding: a trunk learns from pictures without labels by filling in what is hidden.

What enters: pictures, and which squares of them are hidden. What leaves: the hidden pixels as the
network guesses them, and how far off they are. MAE (2111.06377) in one way for every trunk: a
square of 32 x 32 pixels is the unit that is hidden, as for Hiera (2306.00989, section 3), so that
it is whole cells at all strides; and before any convolution that is wider than a pixel, its input
is zeroed wherever the picture is hidden, as in SparK (2301.03580, section 3.1). A convolutional
trunk thereby computes at visible places what sparse convolutions would; Hiera sees, at each hidden
place, its patch embedding's bias and the position: a learned mask token, as in SimMIM (2111.09886).
Nothing is built into the trunk, so what was learned is the trunk, as the tracker uses it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, UInt8
from torch import Tensor, nn

from ..model.layers import LayerNorm2d, sine_position_2d
from ..model.variants import Variant

UNIT = 32  # side of what is hidden at once, pixels
PATCH = 16  # side of what is predicted at once, pixels
HEAD = 32  # channels of an attention head in the decoder


def draw_hidden(
    rng: np.random.Generator, pictures: int, side: int, *, ratio: float
) -> Bool[Tensor, "B side side"]:
    """Which units of each picture are hidden: in each the same number, at random places.

    Args:
        side: units along a side of a picture.
        ratio: share that is hidden, 0..1; rounded to whole units, but never none or all of them.
    """
    units = side * side
    count = min(max(round(ratio * units), 1), units - 1)
    order = rng.random((pictures, units)).argsort(axis=1)
    return torch.from_numpy(order < count).reshape(pictures, side, side)


class MaskedAutoencoder(nn.Module):
    """A trunk and a light decoder, which is thrown away afterwards.

    The trunk's four maps are brought to stride 16 and added up, as Hiera's pre-training does; a few
    transformer layers then look at the whole picture.

    Args:
        variant: whose trunk it is, and how that trunk's pictures are normalised.
        width: channels of the decoder, a multiple of 32.
        layers: transformer layers in it.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, variant: Variant, *, width: int = 128, layers: int = 2) -> None:
        super().__init__()
        self.variant = variant
        self.trunk = variant.trunk.build()
        first, second, third, fourth = variant.trunk.channels.values()
        self.narrow = nn.ModuleList(
            (
                nn.Conv2d(first, width, 4, stride=4),
                nn.Conv2d(second, width, 2, stride=2),
                nn.Conv2d(third, width, 1),
                nn.Conv2d(fourth, width, 1),
            )
        )
        self.norm = LayerNorm2d(width)
        self.hidden = nn.Parameter(torch.zeros(width, 1, 1))  # tells hidden places from visible
        nn.init.trunc_normal_(self.hidden, std=0.02)
        layer = nn.TransformerEncoderLayer(
            width,
            width // HEAD,
            4 * width,
            dropout=0.0,
            activation=F.gelu,
            batch_first=True,
            norm_first=True,
        )
        self.decoder = nn.TransformerEncoder(
            layer, layers, norm=nn.LayerNorm(width), enable_nested_tensor=False
        )
        self.pixels = nn.Linear(width, 3 * PATCH * PATCH)
        mean, std = torch.tensor(variant.mean), torch.tensor(variant.std)
        self.register_buffer("mean", mean[:, None, None], persistent=False)
        self.register_buffer("std", std[:, None, None], persistent=False)

    def forward(
        self, pictures: UInt8[Tensor, "B 3 S S"], hidden: Bool[Tensor, "B u u"]
    ) -> Float[Tensor, "B P 3*16*16"]:
        """Each 16 x 16 patch's pixels, in the patch's own normalisation (:func:`targets`).

        Args:
            pictures: RGB; S is a multiple of 32.
            hidden: the units that the trunk must not see.
        """
        images = (pictures.float() / 255 - self.mean) / self.std
        with hiding(self.trunk, hidden):
            maps = self.trunk(images)
        *finer, coarse = (conv(x) for conv, x in zip(self.narrow, maps, strict=True))
        x = self.norm(sum(finer) + F.interpolate(coarse, scale_factor=2.0, mode="nearest"))
        x = x + _spread(hidden, x) * self.hidden
        x = x + sine_position_2d(*x.shape[1:]).to(x)
        return self.pixels(self.decoder(x.flatten(2).transpose(1, 2)))


@contextmanager
def hiding(trunk: nn.Module, hidden: Bool[Tensor, "B u u"]) -> Iterator[None]:
    """While it lasts, no convolution of the trunk that is wider than a pixel sees a hidden unit."""

    def hide(module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        (x,) = inputs
        return (x * ~_spread(hidden, x),)

    hooks = [
        module.register_forward_pre_hook(hide)
        for module in trunk.modules()
        if isinstance(module, nn.Conv2d) and max(module.kernel_size) > 1
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _spread(
    hidden: Bool[Tensor, "B u u"], like: Float[Tensor, "B C h w"]
) -> Bool[Tensor, "B 1 h w"]:
    """Hidden units at the resolution of a map."""
    scale = like.shape[-1] // hidden.shape[-1]
    return hidden.repeat_interleave(scale, 1).repeat_interleave(scale, 2)[:, None]


def patches(images: Float[Tensor, "B 3 S S"]) -> Float[Tensor, "B P 3*16*16"]:
    """Pictures cut into patches of 16 x 16, row by row; in each the channel varies slowest."""
    return F.unfold(images, PATCH, stride=PATCH).transpose(1, 2)


def targets(pictures: UInt8[Tensor, "B 3 S S"]) -> Float[Tensor, "B P 3*16*16"]:
    """What is to be predicted: patches, each with mean 0 and variance 1 (MAE, section 4.1)."""
    pixels = patches(pictures.float() / 255)
    return (pixels - _mean(pixels)) / _deviation(pixels)


def reconstruction_loss(
    predicted: Float[Tensor, "B P 3*16*16"],
    pictures: UInt8[Tensor, "B 3 S S"],
    hidden: Bool[Tensor, "B u u"],
) -> Float[Tensor, ""]:
    """Mean squared error over the pixels of hidden patches; 1 is what a guess of the mean gets."""
    errors = (predicted.float() - targets(pictures)).square().mean(2)  # (B, P)
    chosen = hidden.repeat_interleave(UNIT // PATCH, 1).repeat_interleave(UNIT // PATCH, 2)
    return errors[chosen.flatten(1)].mean()


@torch.no_grad()
def reconstruct(
    predicted: Float[Tensor, "B P 3*16*16"],
    pictures: UInt8[Tensor, "B 3 S S"],
    hidden: Bool[Tensor, "B u u"],
) -> UInt8[Tensor, "3 B*S 3*S"]:
    """For the eye: a row for each picture; what was seen, what was filled in, what was there.

    A patch's own mean and contrast are given back to the guess, as MAE's figures do.
    """
    true = pictures.float() / 255
    pixels = patches(true)
    guessed = predicted.float() * _deviation(pixels) + _mean(pixels)
    guessed = F.fold(guessed.transpose(1, 2), true.shape[-2:], PATCH, stride=PATCH)
    gone = _spread(hidden, true)
    seen = torch.where(gone, 0.5, true)
    filled = torch.where(gone, guessed, true)
    rows = torch.cat((seen, filled, true), dim=3).clamp(0, 1)  # (B, 3, S, 3 S)
    return (rows * 255).round().to(torch.uint8).permute(1, 0, 2, 3).flatten(1, 2)


def _mean(pixels: Float[Tensor, "B P _"]) -> Float[Tensor, "B P 1"]:
    return pixels.mean(2, keepdim=True)


def _deviation(pixels: Float[Tensor, "B P _"]) -> Float[Tensor, "B P 1"]:
    return (pixels.var(2, keepdim=True, correction=0) + 1e-6).sqrt()
