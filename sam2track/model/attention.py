"""Attention over token sequences, plain and with two-dimensional rotary positions.

Rotary position embedding (RoPE, 2104.09864) in its axial two-dimensional form (2403.13298),
in real arithmetic where it is exported, compiled or trained.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

FEW = 32  # keys


class Heads(nn.Module):
    """What every multi-head attention has: its projections, optionally to a narrower inner width.

    Args:
        width: channels of the queries and of the result.
        heads: attention heads.
        inner: channels within; default ``width``.
        memory_width: channels of the keys and values; default ``width``.
    """

    def __init__(
        self,
        width: int,
        heads: int,
        *,
        inner: int | None = None,
        memory_width: int | None = None,
    ) -> None:
        super().__init__()
        inner = inner or width
        memory_width = memory_width or width
        self.heads = heads
        self.q_proj = nn.Linear(width, inner)
        self.k_proj = nn.Linear(memory_width, inner)
        self.v_proj = nn.Linear(memory_width, inner)
        self.out_proj = nn.Linear(inner, width)

    def split(self, x: Float[Tensor, "B L I"]) -> Float[Tensor, "B heads L I/heads"]:
        return x.unflatten(2, (self.heads, -1)).transpose(1, 2)


class Attention(Heads):
    """Plain attention."""

    def forward(
        self,
        q: Float[Tensor, "B Lq C"],
        k: Float[Tensor, "B Lk K"],
        v: Float[Tensor, "B Lk K"],
    ) -> Float[Tensor, "B Lq C"]:
        q, k, v = self.split(self.q_proj(q)), self.split(self.k_proj(k)), self.split(self.v_proj(v))
        return self.out_proj(mix(q, k, v).transpose(1, 2).flatten(2))


class RotaryAttention(Heads):
    """Attention whose queries and keys are rotated by their place on a grid.

    The keys are whole grids one after another (each rotated alike), then tokens without a place,
    which are not rotated.
    """

    def forward(
        self,
        q: Float[Tensor, "B Lq C"],
        k: Float[Tensor, "B Lk K"],
        v: Float[Tensor, "B Lk K"],
        *,
        rotation: Rotation,
        unplaced: int = 0,
        weights: Float[Tensor, "B Lk"] | None = None,
    ) -> Float[Tensor, "B Lq C"]:
        q, k = rotation(self.split(self.q_proj(q))), self.split(self.k_proj(k))
        placed, rest = k.split((k.shape[2] - unplaced, unplaced), dim=2)
        k = torch.cat((rotation(placed), rest), dim=2) if unplaced else rotation(placed)
        if weights is not None:
            k = (k * weights[:, None, :, None]).to(k.dtype)
        if self.narrow_values and takes_blocks(q):
            x = self.v_proj(mix_by_blocks(q, k, v[:, None].to(q.dtype)))
        else:
            x = mix(q, k, self.split(self.v_proj(v)))
        return self.out_proj(x.transpose(1, 2).flatten(2))

    @property
    def narrow_values(self) -> bool:
        """Whether values are better mixed before they are projected, to the same result.

        The weights of a query sum to one, so its mean of projected values is the projection of
        their mean; of memory tokens that are a quarter as wide as the keys, that saves a third.
        """
        return self.heads == 1 and self.v_proj.in_features < self.v_proj.out_features


def mix(
    q: Float[Tensor, "B heads Lq D"],
    k: Float[Tensor, "B heads Lk D"],
    v: Float[Tensor, "B heads Lk D"],
) -> Float[Tensor, "B heads Lq D"]:
    """Values mixed by how their keys match each query (1706.03762, equation 1)."""
    if q.dtype == torch.bfloat16 and takes_blocks(q):  # PyTorch's kernel takes up to twice the time
        return mix_few(q, k, v) if k.shape[2] < FEW else mix_by_blocks(q, k, v)
    return F.scaled_dot_product_attention(q, k, v)


def takes_blocks(q: Tensor) -> bool:
    """Whether :func:`mix_by_blocks` may be used: on a CPU, without gradients."""
    return q.device.type == "cpu" and not torch.is_grad_enabled()


def mix_few(
    q: Float[Tensor, "B heads Lq D"],
    k: Float[Tensor, "B heads Lk D"],
    v: Float[Tensor, "B heads Lk D"],
) -> Float[Tensor, "B heads Lq D"]:
    """The same for few keys: a row of weights is too short for a softmax along it to be fast."""
    weights = torch.softmax(k @ (q * q.shape[3] ** -0.5).transpose(2, 3), dim=2)
    return weights.transpose(2, 3) @ v


def mix_by_blocks(
    q: Float[Tensor, "B heads Lq D"],
    k: Float[Tensor, "B heads Lk D"],
    v: Float[Tensor, "B heads Lk K"],
    *,
    queries: int = 256,
) -> Float[Tensor, "B heads Lq K"]:
    """The same in blocks of queries, so that the weights stay small. Not for gradients.

    PyTorch's own kernel for CPUs wants values as wide as keys.
    """
    k = k.transpose(2, 3)
    blocks = (q * q.shape[3] ** -0.5).split(queries, dim=2)
    # All blocks write to one place: to fetch fresh memory for each takes a seventh of the time.
    place = q.new_empty(*blocks[0].shape[:3], k.shape[3])
    mixed = []
    for block in blocks:
        weights = place[:, :, : block.shape[2]]
        torch.matmul(block, k, out=weights)
        torch.softmax(weights, dim=3, out=weights)
        mixed.append(weights @ v)
    return torch.cat(mixed, dim=2)


class Rotation(nn.Module):
    """Turns channel pairs by angles that grow with x (first half) and with y (second half)."""

    cos: Tensor
    sin: Tensor

    def __init__(self, channels: int, height: int, width: int, theta: float = 10000.0) -> None:
        super().__init__()
        frequency = theta ** -(torch.arange(0, channels, 4, dtype=torch.float32) / channels)
        y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
        angle = torch.cat((x.reshape(-1, 1) * frequency, y.reshape(-1, 1) * frequency), dim=1)
        self.register_buffer("cos", angle.cos(), persistent=False)  # (h*w, channels / 2)
        self.register_buffer("sin", angle.sin(), persistent=False)

    def forward(self, x: Float[Tensor, "B heads n*h*w D"]) -> Float[Tensor, "B heads n*h*w D"]:
        pairs = x.float().unflatten(2, (-1, len(self.cos))).unflatten(-1, (-1, 2))
        if torch.compiler.is_compiling() or torch.is_grad_enabled():
            even, odd = pairs.unbind(-1)  # (B, heads, n, h*w, D / 2)
            turned = torch.stack(
                (even * self.cos - odd * self.sin, even * self.sin + odd * self.cos), dim=-1
            )
        else:
            # The same as one product of complex numbers: several times as fast, but compilers and
            # exporters know complex numbers badly.
            turn = torch.complex(self.cos.float(), self.sin.float())
            turned = torch.view_as_real(torch.view_as_complex(pairs) * turn)
        return turned.flatten(4).flatten(2, 3).to(x.dtype)
