"""A plain vision transformer, the backbone of EfficientTAM.

In: images. Out: one map, at stride 16. ViT (2010.11929) as a backbone for detection (ViTDet,
2203.16527): attention within windows, except in a few global blocks. The position embedding is that
of pre-training on small images, interpolated.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from ..layers import named
from .backbone import Backbone
from .hiera import HieraBlock

STRIDE = 16


@dataclass(frozen=True, slots=True)
class PlainViTSpec(Backbone):
    """The sizes of one plain ViT."""

    width: int  # channels
    heads: int  # attention heads
    depth: int = 12  # blocks
    # Indices of the blocks that attend to the whole image
    global_blocks: tuple[int, ...] = (2, 5, 8, 11)
    window: int = 14  # side of the attention window of the others, in tokens
    pretrained: int = 14  # side of the grid of the position embedding

    @property
    def channels(self) -> dict[int, int]:
        return {STRIDE: self.width}

    def build(self) -> PlainViT:
        return PlainViT(self)


class PlainViT(nn.Module):
    """The backbone. Returns a list of one map."""

    def __init__(self, spec: PlainViTSpec) -> None:
        super().__init__()
        self.patch_embed = named(proj=nn.Conv2d(3, spec.width, STRIDE, stride=STRIDE))
        # Its first place was that of a class token, which is not used.
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + spec.pretrained**2, spec.width))
        nn.init.trunc_normal_(self.pos_embed, std=0.02)
        self.blocks = nn.ModuleList(
            HieraBlock(
                spec.width,
                spec.width,
                spec.heads,
                0 if index in spec.global_blocks else spec.window,
            )
            for index in range(spec.depth)
        )

    def position(self, height: int, width: int) -> Float[Tensor, "1 H W C"]:
        """The position embedding of a grid."""
        side = round((self.pos_embed.shape[1] - 1) ** 0.5)
        small = self.pos_embed[:, 1:].unflatten(1, (side, side)).permute(0, 3, 1, 2)
        if (height, width) != (side, side):
            small = F.interpolate(small, size=(height, width), mode="bicubic")
        return small.permute(0, 2, 3, 1)

    def forward(self, image: Float[Tensor, "B 3 H W"]) -> list[Float[Tensor, "B _ _ _"]]:
        x = self.patch_embed(image).permute(0, 2, 3, 1)
        x = x + self.position(*x.shape[1:3])
        for block in self.blocks:
            x = block(x)
        return [x.permute(0, 3, 1, 2)]
