"""Hiera, the backbone of SAM 2's image encoder.

In: images. Out: four feature maps at strides 4, 8, 16 and 32. A hierarchical vision transformer
(Hiera, 2306.00989): attention within windows, except in a few global blocks; where a stage begins,
max-pooling of the queries halves the grid (MViTv2, 2112.01526). The position embedding is the sum
of a window-sized one, tiled, and a coarse one, interpolated (2311.05613).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from ...device import is_eager
from ..attention import mix
from ..derived import derived
from ..layers import MLP, named
from ..onednn import Linear
from .backbone import Backbone


@dataclass(frozen=True, slots=True)
class HieraSpec(Backbone):
    """The sizes of one Hiera."""

    width: int  # channels of the first stage; each further stage doubles them, and the heads
    heads: int  # attention heads of the first stage
    depths: tuple[int, int, int, int]  # blocks in each stage
    global_blocks: tuple[int, ...]  # indices of the blocks that attend to the whole image
    # Side of the attention window in each stage, in tokens
    windows: tuple[int, int, int, int] = (8, 4, 14, 7)
    background: int = 7  # side of the coarse position embedding

    @property
    def channels(self) -> dict[int, int]:
        return {4 * 2**stage: self.width * 2**stage for stage in range(4)}

    def build(self) -> Hiera:
        return Hiera(self)

    def transformers_names(self) -> tuple[tuple[str, str], ...]:
        return ((r"^trunk\.patch_embed\.proj\.", "trunk.patch_embed.projection."),)


def into_windows(
    x: Float[Tensor, "B H W C"], side: int
) -> tuple[Float[Tensor, "B*n side side C"], tuple[int, int]]:
    """Cut a grid into windows, zero-padded at the far edges; also the number of windows (y, x)."""
    x = F.pad(x, (0, 0, 0, -x.shape[2] % side, 0, -x.shape[1] % side))
    count = x.shape[1] // side, x.shape[2] // side
    x = x.unflatten(2, (count[1], side)).unflatten(1, (count[0], side))
    return x.transpose(2, 3).flatten(0, 2), count


def from_windows(
    x: Float[Tensor, "B*n side side C"], count: tuple[int, int], height: int, width: int
) -> Float[Tensor, "B H W C"]:
    """Put windows back together and cut the padding off."""
    x = x.unflatten(0, (-1, *count)).transpose(2, 3)
    return x.flatten(3, 4).flatten(1, 2)[:, :height, :width]


def pool(x: Float[Tensor, "B H W C"]) -> Float[Tensor, "B H/2 W/2 C"]:
    """Maximum over 2 x 2 tokens."""
    return F.max_pool2d(x.permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1)


class PooledAttention(nn.Module):
    """Multi-head self-attention over a grid; where it widens, the queries are pooled."""

    def __init__(self, width_in: int, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.pooled = width != width_in
        self.qkv = Linear(width_in, 3 * width)
        self.proj = Linear(width, width)

    def forward(self, x: Float[Tensor, "B H W I"]) -> Float[Tensor, "B H2 W2 O"]:
        q, k, v = self.qkv(x).chunk(3, dim=-1)
        if self.pooled:
            q = pool(q)
        grid = q.shape[1:3]
        q, k, v = (
            t.flatten(1, 2).unflatten(2, (self.heads, -1)).transpose(1, 2) for t in (q, k, v)
        )
        x = mix(q, k, v)
        return self.proj(x.transpose(1, 2).flatten(2).unflatten(1, grid))


class HieraBlock(nn.Module):
    """Attention within windows (``window`` = 0: the whole grid), then an MLP."""

    def __init__(self, width_in: int, width: int, heads: int, window: int) -> None:
        super().__init__()
        self.window = window
        self.norm1 = nn.LayerNorm(width_in, eps=1e-6)
        self.attn = PooledAttention(width_in, width, heads)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = MLP(width, 4 * width, width, activation=nn.GELU)
        # A stage begins: more channels on half the grid.
        self.proj = Linear(width_in, width) if width_in != width else None

    def forward(self, x: Float[Tensor, "B H W I"]) -> Float[Tensor, "B H2 W2 O"]:
        shortcut, x = x, self.norm1(x)
        if self.proj is not None:
            shortcut = pool(self.proj(x))
        if self.window:
            height, width = shortcut.shape[1:3]
            x, count = into_windows(x, self.window)
            x = from_windows(self.attn(x), count, height, width)
        else:
            x = self.attn(x)
        x = shortcut + x
        return x + self.mlp(self.norm2(x))


class Hiera(nn.Module):
    """The backbone. Returns four maps, finest first."""

    def __init__(self, spec: HieraSpec) -> None:
        super().__init__()
        width, window = spec.width, spec.windows[0]
        starts = list(accumulate(spec.depths, initial=0))[1:-1]  # first block of stages 1, 2, 3
        self.last_blocks = [start - 1 for start in starts] + [sum(spec.depths) - 1]
        # Overlapping 7 x 7 patches at stride 4.
        self.patch_embed = named(proj=nn.Conv2d(3, width, kernel_size=7, stride=4, padding=3))
        self.pos_embed = nn.Parameter(torch.zeros(1, width, spec.background, spec.background))
        self.pos_embed_window = nn.Parameter(torch.zeros(1, width, window, window))
        for embedding in (self.pos_embed, self.pos_embed_window):
            nn.init.trunc_normal_(embedding, std=0.02)
        self.blocks = nn.ModuleList()
        stage = 0
        for index in range(sum(spec.depths)):
            # The first block of a stage still attends within the windows of the stage before:
            # it pools the queries only, so its keys are on the finer grid.
            window = 0 if index in spec.global_blocks else spec.windows[stage]
            stage += index in starts
            width_out = spec.width * 2**stage
            self.blocks.append(HieraBlock(width, width_out, spec.heads * 2**stage, window))
            width = width_out

    def position(self, height: int, width: int) -> Float[Tensor, "1 H W C"]:
        """The position embedding of a grid whose sides are multiples of the first window.

        On a CPU the last one is kept until the weights change. (A recorded CUDA graph would go on
        with the one that was kept when it was recorded.)
        """
        if not (is_eager() and self.pos_embed.is_cpu):
            return self._position(height, width)
        weights = (self.pos_embed, self.pos_embed_window)
        return derived(self, weights, lambda: self._position(height, width), (height, width))

    def _position(self, height: int, width: int) -> Float[Tensor, "1 H W C"]:
        coarse = F.interpolate(self.pos_embed, size=(height, width), mode="bicubic")
        side = self.pos_embed_window.shape[-1]
        fine = self.pos_embed_window.tile(1, 1, height // side, width // side)
        return (coarse + fine).permute(0, 2, 3, 1)

    def forward(self, image: Float[Tensor, "B 3 H W"]) -> list[Float[Tensor, "B _ _ _"]]:
        # Channels last in memory too: else every norm and every window would copy its input.
        x = self.patch_embed(image).permute(0, 2, 3, 1).contiguous()
        x = x + self.position(*x.shape[1:3])
        maps = []
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index in self.last_blocks:
                maps.append(x.permute(0, 3, 1, 2))
        return maps
