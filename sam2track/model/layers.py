"""Small pieces that several parts of the model share."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Mapping
from itertools import pairwise
from typing import cast

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from . import onednn
from .onednn import Linear


class LayerNorm2d(nn.Module):
    """Layer normalisation over the channels of an image-shaped tensor (ConvNeXt, 2201.03545)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.eps = 1e-6

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C H W"]:
        if len(self.weight) > 16 or torch.is_grad_enabled():
            x = x.permute(0, 2, 3, 1)
            x = F.layer_norm(x, x.shape[-1:], self.weight, self.bias, self.eps)
            return x.permute(0, 3, 1, 2)
        # PyTorch's layer norm takes twice as long on a CPU for few channels.
        centred = x.float()
        centred = centred - centred.mean(1, keepdim=True)
        spread = (centred.square().mean(1, keepdim=True) + self.eps).sqrt()
        normal = centred / spread * self.weight[:, None, None] + self.bias[:, None, None]
        return normal.to(x.dtype)


class GELU2d(nn.Module):
    """GELU of an image-shaped tensor: PyTorch's, which is quick only where memory is in the order
    of the axes."""

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C H W"]:
        if x.is_contiguous():
            return F.gelu(x)
        return F.gelu(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class MLP(nn.Module):
    """Linear layers with an activation between them."""

    def __init__(self, *widths: int, activation: type[nn.Module] = nn.ReLU) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Linear(a, b) for a, b in pairwise(widths))
        self.activation = activation()

    def forward(self, x: Float[Tensor, "*batch I"]) -> Float[Tensor, "*batch O"]:
        *hidden, last = self.layers
        activation = onednn.GELU if isinstance(self.activation, nn.GELU) else onednn.RELU
        for layer in hidden:
            x = onednn.linear(x, cast(nn.Linear, layer), activation)
        return last(x)


def named(**parts: nn.Module) -> nn.Sequential:
    """Modules one after another, under the names that they have in the released weights."""
    return nn.Sequential(OrderedDict(parts))


def fold_batch_norm(
    weight: Float[Tensor, "O I k k"], norm: Mapping[str, Tensor], eps: float
) -> tuple[Float[Tensor, "O I k k"], Float[Tensor, " O"]]:
    """Weight and bias of one convolution that equals a convolution and the batch norm after it."""
    scale = norm["weight"] / (norm["running_var"] + eps).sqrt()
    return weight * scale[:, None, None, None], norm["bias"] - norm["running_mean"] * scale


def sine_frequencies(dim: int) -> Float[Tensor, " dim"]:
    """``10000^(2 floor(i/2) / dim)``: wavelengths in pairs (1706.03762, section 3.5)."""
    pair = torch.arange(dim, dtype=torch.float32) // 2
    return 10000.0 ** (2 * pair / dim)


def sine_position_2d(channels: int, height: int, width: int) -> Float[Tensor, "channels H W"]:
    """Sine position encoding of a grid, as in DETR (2005.12872): first y, then x.

    Positions run from 1 to the side and are scaled to 0..2 pi; sine and cosine alternate.
    """
    wavelengths = sine_frequencies(channels // 2)

    def encode(length: int) -> Float[Tensor, "length channels/2"]:
        position = torch.arange(1, length + 1, dtype=torch.float32)
        phase = (position / (length + 1e-6) * 2 * math.pi)[:, None] / wavelengths
        return torch.stack((phase[:, 0::2].sin(), phase[:, 1::2].cos()), dim=2).flatten(1)

    y = encode(height)[:, None].expand(-1, width, -1)
    x = encode(width)[None].expand(height, -1, -1)
    return torch.cat((y, x), dim=2).permute(2, 0, 1).contiguous()


def sine_position_1d(
    position: Float[Tensor, "*batch"], channels: int
) -> Float[Tensor, "*batch channels"]:
    """Sine encoding of a scalar: all sines, then all cosines."""
    frequencies = sine_frequencies(channels // 2).to(position.device, non_blocking=True)
    phase = position[..., None] / frequencies
    return torch.cat((phase.sin(), phase.cos()), dim=-1)


def lower_weights(model: nn.Module, precision: torch.dtype) -> None:
    """Convert once the weights that autocast would convert at every call."""
    for module in model.modules():
        if isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            module.to(precision)
