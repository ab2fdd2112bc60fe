"""ENCODE: the feature pyramid that brings the trunk's maps to one width.

Four maps enter (strides 4 to 32), three leave (strides 4, 8, 16). SAM 2 (2408.00714, appendix D.1):
strides 16 and 32 are fused into the embedding that memory conditions; strides 4 and 8 keep
detail for the mask decoder alone. A pyramid as in FPN (1612.03144) without its output convolutions.
"""

from __future__ import annotations

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn


class Lateral(nn.Module):
    """A 1 x 1 convolution, in a module of its own as the released weights have it."""

    def __init__(self, channels_in: int, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels_in, channels, kernel_size=1)

    def forward(self, x: Float[Tensor, "B I H W"]) -> Float[Tensor, "B C H W"]:
        return self.conv(x)


class Neck(nn.Module):
    """The pyramid; ``channels`` are the trunk's, finest first."""

    def __init__(self, channels: tuple[int, ...], width: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList(Lateral(c, width) for c in reversed(channels))  # coarsest first

    def forward(self, maps: list[Float[Tensor, "B _ _ _"]]) -> list[Float[Tensor, "B C _ _"]]:
        stride32, stride16, stride8, stride4 = (
            conv(x) for conv, x in zip(self.convs, reversed(maps), strict=True)
        )
        stride16 = stride16 + F.interpolate(stride32.float(), scale_factor=2.0, mode="nearest")
        return [stride4, stride8, stride16]
