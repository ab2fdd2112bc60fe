"""The memory encoder: a frame's features and the object's mask become a spatial memory.

SAM 2 (2408.00714, section 4 and appendix D.1): the mask is brought to stride 16 by convolutions,
added to the features, mixed by two ConvNeXt blocks (2201.03545), and projected to few channels. A
compression turns that map into the T tokens of a :class:`sam2track.types.MemoryFrame`. Memory
attention takes T and the tokens' positions from it, so it does not depend on a grid.
"""

from __future__ import annotations

from typing import Protocol, cast

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from . import onednn
from .attention import grid_places
from .layers import GELU2d, LayerNorm2d, named, sine_position_2d

MASK_SCALE, MASK_BIAS = 20.0, -10.0  # of mask probabilities before they enter


class ConvNeXtBlock(nn.Module):
    """Depth-wise 7 x 7 convolution, then an MLP on each position."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.dwconv = nn.Conv2d(width, width, kernel_size=7, padding=3, groups=width)
        self.norm = LayerNorm2d(width)
        self.pwconv1 = nn.Linear(width, 4 * width)
        self.pwconv2 = nn.Linear(4 * width, width)
        self.gamma = nn.Parameter(torch.full((width,), 1e-6))

    def forward(self, x: Float[Tensor, "R C h w"]) -> Float[Tensor, "R C h w"]:
        y = self.norm(onednn.convolve(x, self.dwconv)).permute(0, 2, 3, 1)
        y = onednn.linear(onednn.linear(y, self.pwconv1, onednn.GELU), self.pwconv2)
        return x + (self.gamma * y).permute(0, 3, 1, 2)


class MemoryEncoder(nn.Module):
    """Fuses a mask with features into a map of ``memory_width`` channels at stride 16."""

    def __init__(self, width: int, memory_width: int) -> None:
        super().__init__()
        # To stride 16: four convolutions, each with four times the channels; then a projection.
        encoder = nn.Sequential()
        for channels in (4, 16, 64, 256):
            encoder.append(nn.Conv2d(channels // 4, channels, 3, stride=2, padding=1))
            encoder.append(LayerNorm2d(channels))
            encoder.append(GELU2d())
        encoder.append(nn.Conv2d(256, width, kernel_size=1))
        self.mask_downsampler = named(encoder=encoder)
        self.pix_feat_proj = nn.Conv2d(width, width, kernel_size=1)
        self.fuser = named(layers=nn.Sequential(ConvNeXtBlock(width), ConvNeXtBlock(width)))
        self.out_proj = nn.Conv2d(width, memory_width, kernel_size=1)

    def forward(
        self, features: Float[Tensor, "#R C h w"], mask: Float[Tensor, "R 1 16*h 16*w"]
    ) -> Float[Tensor, "R D h w"]:
        first, *stages, project = cast(nn.Sequential, self.mask_downsampler.encoder)
        mask = first(mask)  # not fused: its channels would come last, and the few are slow so
        for stage in stages:
            mask = onednn.convolve(mask, stage) if isinstance(stage, nn.Conv2d) else stage(mask)
        x = onednn.pointwise(features, self.pix_feat_proj) + onednn.pointwise(
            mask, cast(nn.Conv2d, project)
        )
        return onednn.pointwise(self.fuser(x), self.out_proj)


class Compression(Protocol):
    """A module that makes tokens of a map: of every cell, or fewer (:mod:`.perceiver`).

    Attributes:
        positions: position embedding of each token, added to its attention key.
        places: position of each token, ``(x, y)`` in cells of the stride-16 grid, for the rotary
            position embedding; (0, 0), which is no rotation, for tokens without a position.
    """

    positions: Float[Tensor, "T D"]
    places: Float[Tensor, "T 2"]

    def __call__(self, memory: Float[Tensor, "R D h w"]) -> Float[Tensor, "R T D"]: ...


class GridCompression(nn.Module):
    """Makes one token of every cell of the map (SAM 2).

    Args:
        memory_width: channels of a memory token.
        grid: side of the stride-16 grid.
    """

    def __init__(self, memory_width: int, grid: int) -> None:
        super().__init__()
        self.positions = sine_position_2d(memory_width, grid, grid).flatten(1).T.contiguous()
        self.places = grid_places(grid, grid)

    def forward(self, memory: Float[Tensor, "R D h w"]) -> Float[Tensor, "R h*w D"]:
        return memory.flatten(2).transpose(1, 2)


def mask_input(
    logits: Float[Tensor, "R 1 h w"], side: int, *, binary: bool
) -> Float[Tensor, "R 1 S S"]:
    """Masks as the memory encoder takes them, ``side`` pixels long: scaled probabilities.

    Args:
        binary: thresholded at the logit 0, as masks from prompts are.
    """
    logits = F.interpolate(logits, (side, side), mode="bilinear")
    mask = (logits > 0).to(logits.dtype) if binary else logits.sigmoid()
    return MASK_SCALE * mask + MASK_BIAS


def appearance(
    stride16: Float[Tensor, "#R C h w"], logits: Float[Tensor, "R M 4*h 4*w"]
) -> Float[Tensor, "R M C"]:
    """What each mask's part of the image looks like: the mean of its features, of length 1.

    The cosine of two of them is their similarity, 1 = alike. Zeros where a mask is empty.
    """
    cells = stride16.float().flatten(2).transpose(1, 2)  # (1 or R, h w, C)
    shares = F.avg_pool2d((logits > 0).float(), 4).flatten(2)  # (R, M, h w)
    return F.normalize(shares @ cells, dim=-1)
