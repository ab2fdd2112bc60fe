"""The plain vision transformer of SAM's image encoder.

In: images. Out: one feature map at stride 16. A ViT (2010.11929) with attention within windows,
except in four global blocks (ViTDet, 2203.16527), and relative positions that are the sum of one
for y and one for x (MViTv2, 2112.01526, section 4.1).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from ..attention import mix_by_blocks, takes_blocks
from ..layers import MLP, named
from ..onednn import Linear
from .backbone import Backbone
from .hiera import from_windows, into_windows

PATCH = 16  # pixels


@dataclass(frozen=True, slots=True)
class ViTSpec(Backbone):
    """The sizes of one ViT. The names of SAM's tensors are in ``weights/sam_names.py``."""

    width: int  # channels
    depth: int  # blocks
    heads: int  # attention heads
    global_blocks: tuple[int, ...]  # indices of the blocks that attend to the whole image
    grid: int = 64  # side of the grid of tokens that it was made for
    window: int = 14  # side of the attention window in the other blocks, in tokens

    @property
    def channels(self) -> dict[int, int]:
        return {PATCH: self.width}

    def build(self) -> ViT:
        return ViT(self)


class ViT(nn.Module):
    """The backbone. Returns a list of one map. Image sides must be multiples of 16."""

    def __init__(self, spec: ViTSpec) -> None:
        super().__init__()
        patches = nn.Conv2d(3, spec.width, kernel_size=PATCH, stride=PATCH)
        self.patch_embed = named(proj=patches)
        self.pos_embed = nn.Parameter(torch.zeros(1, spec.grid, spec.grid, spec.width))
        nn.init.trunc_normal_(self.pos_embed, std=0.02)
        windows = [0 if index in spec.global_blocks else spec.window for index in range(spec.depth)]
        self.blocks = nn.ModuleList(
            ViTBlock(spec.width, spec.heads, window, window or spec.grid) for window in windows
        )

    def position(self, height: int, width: int) -> Float[Tensor, "1 H W C"]:
        """The position embedding of a grid; interpolated if it is not the one it was made for."""
        if (height, width) == self.pos_embed.shape[1:3]:
            return self.pos_embed
        channels_first = self.pos_embed.permute(0, 3, 1, 2)
        resized = F.interpolate(channels_first, (height, width), mode="bicubic")
        return resized.permute(0, 2, 3, 1)

    def forward(self, image: Float[Tensor, "B 3 H W"]) -> list[Float[Tensor, "B C H/16 W/16"]]:
        x = self.patch_embed(image).permute(0, 2, 3, 1)
        x = x + self.position(x.shape[1], x.shape[2])
        for block in self.blocks:
            x = block(x)
        return [x.permute(0, 3, 1, 2)]


class ViTBlock(nn.Module):
    """Attention within windows (``window`` = 0: the whole grid), then an MLP.

    ``reach`` is the side of the grid that its relative positions were made for.
    """

    def __init__(self, width: int, heads: int, window: int, reach: int) -> None:
        super().__init__()
        self.window = window
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.attn = RelativeAttention(width, heads, reach)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = MLP(width, 4 * width, width, activation=nn.GELU)

    def forward(self, x: Float[Tensor, "B H W C"]) -> Float[Tensor, "B H W C"]:
        height, width = x.shape[1:3]
        y = self.norm1(x)
        if self.window:
            y, count = into_windows(y, self.window)
            y = from_windows(self.attn(y), count, height, width)
        else:
            y = self.attn(y)
        x = x + y
        return x + self.mlp(self.norm2(x))


class RelativeAttention(nn.Module):
    """Multi-head self-attention over a grid, with an embedding of the distance in y and in x.

    What a query says of the distance to a key, ``q . rel_y[dy] + q . rel_x[dx]``, is added to
    ``q . k``. Here it becomes part of that product: the query is extended by what it says of every
    row and every column, and the key by a 1 at its own row and column. So attention needs no matrix
    of additions, which for the whole grid is larger than the picture's features by far.
    """

    def __init__(self, width: int, heads: int, reach: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = Linear(width, 3 * width)
        self.proj = Linear(width, width)
        self.rel_pos_h = nn.Parameter(torch.zeros(2 * reach - 1, width // heads))
        self.rel_pos_w = nn.Parameter(torch.zeros(2 * reach - 1, width // heads))

    def forward(self, x: Float[Tensor, "B H W C"]) -> Float[Tensor, "B H W C"]:
        height, width = x.shape[1:3]
        q, k, v = self.qkv(x).unflatten(3, (3, self.heads, -1)).permute(3, 0, 4, 1, 2, 5)
        rows = torch.einsum("bnhwc,hkc->bnhwk", q, distances(self.rel_pos_h, height).to(q.dtype))
        columns = torch.einsum("bnhwc,wkc->bnhwk", q, distances(self.rel_pos_w, width).to(q.dtype))
        q = torch.cat((q * q.shape[-1] ** -0.5, rows, columns), dim=-1).flatten(2, 3)
        own_row = torch.eye(height, dtype=k.dtype, device=k.device)[:, None]
        own_column = torch.eye(width, dtype=k.dtype, device=k.device)[None]
        places = (own_row.expand(-1, width, -1), own_column.expand(height, -1, -1))
        places = (place.expand(*k.shape[:4], -1) for place in places)
        k = torch.cat((k, *places), dim=-1).flatten(2, 3)
        v = v.flatten(2, 3)
        if takes_blocks(q):
            x = mix_by_blocks(q, k, v, scale=1.0)
        else:
            x = F.scaled_dot_product_attention(q, k, v, scale=1.0)
        return self.proj(x.transpose(1, 2).flatten(2).unflatten(1, (height, width)))


def distances(table: Float[Tensor, "L D"], side: int) -> Float[Tensor, "side side D"]:
    """From each of ``side`` queries to each key, the embedding of their distance.

    The table holds distances from -n to n; for another side it is interpolated.
    """
    if len(table) != 2 * side - 1:
        table = F.interpolate(table.T[None].float(), 2 * side - 1, mode="linear")[0].T
    place = torch.arange(side, device=table.device)
    return table[place[:, None] - place + side - 1]
