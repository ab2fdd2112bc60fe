"""Necks: they bring the backbone's maps to one width: the feature pyramid, and the neck of one map.

In: maps at strides 16 and, if the backbone has them, 4, 8 and 32. Out: the same without stride
32, which is fused into stride 16. Stride 16 is conditioned on memory; strides 4 and 8 keep detail
for the mask decoder only (SAM 2, 2408.00714, appendix D.1). A pyramid as in FPN
(1612.03144), without its output convolutions. The neck of a backbone with stride 16 alone is
:class:`ConvNeck`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from . import onednn
from .layers import LayerNorm2d, named

NOTHING: Mapping[int, nn.Conv2d] = {}


class Neck(nn.Module):
    """The pyramid.

    Args:
        channels: of the backbone, by stride, finest first.
        width: channels of the output.
    """

    def __init__(self, channels: Mapping[int, int], width: int) -> None:
        super().__init__()
        self.strides = tuple(channels)
        # Coarsest first, as in the released weights.
        coarse_first = [*channels.values()][::-1]
        self.convs = nn.ModuleList(named(conv=nn.Conv2d(c, width, 1)) for c in coarse_first)

    def forward(
        self,
        maps: list[Float[Tensor, "B _ _ _"]],
        after: Mapping[int, nn.Conv2d] = NOTHING,
    ) -> dict[int, Float[Tensor, "B _ _ _"]]:
        """The pyramid's maps by stride.

        Args:
            maps: the backbone's.
            after: convolutions of one pixel that follow at some strides.
        """
        convs = (cast(nn.Conv2d, own.conv) for own in self.convs)
        found = zip(reversed(self.strides), convs, reversed(maps), strict=True)
        levels = {stride: onednn.chain(x, conv, after.get(stride)) for stride, conv, x in found}
        if 32 in levels:
            coarse = F.interpolate(levels.pop(32).float(), scale_factor=2.0, mode="nearest")
            levels[16] = levels[16] + coarse
        return levels


class ConvNeck(nn.Sequential):
    """Brings the single map of a ViT, at stride 16, to the output's width (ViTDet, 2203.16527).

    SAM and EfficientTAM have it.

    Args:
        channels: of the backbone, by stride.
        width: channels of the output.
    """

    def __init__(self, channels: Mapping[int, int], width: int) -> None:
        super().__init__(
            nn.Conv2d(channels[16], width, 1, bias=False),
            LayerNorm2d(width),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            LayerNorm2d(width),
        )

    def forward(
        self, input: list[Float[Tensor, "B _ h w"]], after: Mapping[int, nn.Conv2d] = NOTHING
    ) -> dict[int, Float[Tensor, "B C h w"]]:
        """The map by its stride; nothing follows at stride 16."""
        (x,) = input
        return {16: super().forward(x)}
