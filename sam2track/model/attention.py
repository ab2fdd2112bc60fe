"""Attention over token sequences, plain and with two-dimensional rotary position embedding.

RoPE (2104.09864) in its axial two-dimensional form (2403.13298). It is computed in real arithmetic
where it is exported, compiled or trained, and with complex numbers otherwise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from ..device import is_eager
from . import onednn
from .onednn import Linear

FEW_KEYS = 32  # with fewer, a softmax along the keys is slow on a CPU
MANY_QUERIES = 1024  # with fewer, PyTorch's fused attention in fp32 is as fast as blocks


@dataclass(frozen=True, slots=True)
class Pooling:
    """Memory tokens are averaged over squares of the grid (EfficientTAM, 2411.18933, section 3.2).

    Keys are averaged after rotation, values before projection. An averaged token stands for
    ``side**2`` tokens, so the logarithm of that is added to its attention logits.
    """

    side: int = 1  # of the squares, in tokens; 1 = no pooling
    # The logarithm is added to every channel of the averaged keys instead, as in the training of
    # `efficienttam_ti_2` and `efficienttam_s_2`
    shifts_keys: bool = False

    @property
    def gain(self) -> float:
        """The logarithm of the number of tokens that one stands for."""
        return 2 * math.log(self.side)

    def average(self, x: Float[Tensor, "*batch n*T D"], tokens: int) -> Float[Tensor, "*batch _ D"]:
        """The tokens of n memories of a square grid of ``tokens`` cells, averaged over squares."""
        side = math.isqrt(tokens)
        maps = x.unflatten(-2, (-1, side, side)).flatten(0, -4).permute(0, 3, 1, 2)
        pooled = F.avg_pool2d(maps, self.side).permute(0, 2, 3, 1)
        return pooled.reshape(*x.shape[:-2], -1, x.shape[-1])


NO_POOLING = Pooling()


class Attention(nn.Module):
    """Multi-head attention, optionally with a narrower inner width.

    Args:
        width: channels of the queries and of the result.
        heads: attention heads.
        inner: channels of the projected queries, keys and values; default ``width``.
        memory_width: channels of the keys and values; default ``width``.
        pooling: of the tokens of memories.
    """

    def __init__(
        self,
        width: int,
        heads: int,
        *,
        inner: int | None = None,
        memory_width: int | None = None,
        pooling: Pooling = NO_POOLING,
    ) -> None:
        super().__init__()
        inner, memory_width = inner or width, memory_width or width
        self.heads = heads
        self.pooling = pooling
        self.q_proj = Linear(width, inner)
        self.k_proj = Linear(memory_width, inner)
        self.v_proj = Linear(memory_width, inner)
        self.out_proj = Linear(inner, width)

    def split(self, x: Float[Tensor, "B L I"]) -> Float[Tensor, "B heads L I/heads"]:
        return x.unflatten(2, (self.heads, -1)).transpose(1, 2)

    def forward(
        self,
        q: Float[Tensor, "B Lq C"],
        k: Float[Tensor, "B Lk K"],
        v: Float[Tensor, "B Lk K"],
        rotations: tuple[Rotation, Rotation] | None = None,
        unplaced: int = 0,
        weights: Float[Tensor, "B Lk-unplaced"] | None = None,
        bias: Float[Tensor, "B Lk"] | None = None,
    ) -> Float[Tensor, "B Lq C"]:
        """Attend.

        With rotations (of the queries, of the keys) the keys are those of n memories one after
        another, all rotated in the same way, then ``unplaced`` tokens, which are not rotated.
        ``weights`` multiply the keys of the memories. A single memory is not pooled, as in the
        released code. ``bias`` is added to the logits of each key, without rotations.
        """
        lowered = (0, 0.0)
        q, k = self.split(self.q_proj(q)), self.split(self.k_proj(k))
        if rotations is not None:
            q = rotations[0](q)
            placed, rest = k.split((k.shape[2] - unplaced, unplaced), dim=2)
            in_place = takes_blocks(k)  # then k, which was made here, is not copied
            placed = rotations[1].rotate_(placed) if in_place else rotations[1](placed)
            if weights is not None:
                placed = (placed * weights[:, None, :, None]).to(k.dtype)
                in_place = False
            if self.pooling.side > 1 and placed.shape[2] > q.shape[2]:
                placed, v = self._pooled(placed, v, len(rotations[1].cos))
                if not self.pooling.shifts_keys:
                    # The same as a higher logit of all pooled tokens, and these are few.
                    lowered = (unplaced, self.pooling.gain)
                in_place = False
            if not in_place:
                k = torch.cat((placed, rest), dim=2) if unplaced else placed
        # Attention is applied to narrow values, such as memory tokens, before projection: a third
        # less time. The result is the same, since the weights of a query sum to one.
        narrow = self.heads == 1 and self.v_proj.in_features < self.v_proj.out_features
        if narrow and takes_blocks(q):
            x = self.v_proj(mix_by_blocks(q, k, v[:, None].to(q.dtype), lowered=lowered))
        else:
            v = self.split(self.v_proj(v))
            if bias is None:
                x = mix(q, k, v, lowered=lowered)
            else:
                x = F.scaled_dot_product_attention(q, k, v, attn_mask=bias[:, None, None])
        return self.out_proj(x.transpose(1, 2).flatten(2))

    def _pooled(
        self, placed: Float[Tensor, "B heads n*T D"], v: Float[Tensor, "B Lk K"], tokens: int
    ) -> tuple[Float[Tensor, "B heads _ D"], Float[Tensor, "B _ K"]]:
        """Rotated keys of memories, and the values of all tokens, with the memories' averaged."""
        memories, rest = v[:, : placed.shape[2]], v[:, placed.shape[2] :]
        placed = self.pooling.average(placed, tokens)
        if self.pooling.shifts_keys:
            placed = placed + self.pooling.gain
        return placed, torch.cat((self.pooling.average(memories, tokens), rest), dim=1)


def mix(
    q: Float[Tensor, "B heads Lq D"],
    k: Float[Tensor, "B heads Lk D"],
    v: Float[Tensor, "B heads Lk D"],
    *,
    lowered: tuple[int, float] = (0, 0.0),
) -> Float[Tensor, "B heads Lq D"]:
    """Values weighted by how well their keys match each query (1706.03762, equation 1).

    ``lowered`` = (n, x) lowers the logits of the last n keys by x.
    """
    if not takes_blocks(q) or not (q.dtype == torch.bfloat16 or _is_long_fp32(q)):
        bias = None
        if lowered[0]:
            bias = q.new_zeros(1, k.shape[2])
            bias[:, -lowered[0] :] = -lowered[1]
        # takes up to twice the time in bf16
        return F.scaled_dot_product_attention(q, k, v, attn_mask=bias)
    if k.shape[2] >= FEW_KEYS or lowered[0]:
        return mix_by_blocks(q, k, v, lowered=lowered)
    # The weights are computed transposed, so that the softmax is fast.
    weights = torch.softmax(k @ (q * q.shape[3] ** -0.5).transpose(2, 3), dim=2)
    return weights.transpose(2, 3) @ v


def takes_blocks(q: Tensor) -> bool:
    """Whether :func:`mix_by_blocks` may be used: on a CPU, without gradients."""
    return q.device.type == "cpu" and not torch.is_grad_enabled()


def mix_by_blocks(
    q: Float[Tensor, "B heads Lq D"],
    k: Float[Tensor, "B heads Lk D"],
    v: Float[Tensor, "B heads Lk K"],
    *,
    queries: int = 256,
    scale: float | None = None,
    lowered: tuple[int, float] = (0, 0.0),
) -> Float[Tensor, "B heads Lq K"]:
    """:func:`mix` in blocks of queries, so that the weights stay small. Not for gradients.

    Values may be narrower than keys, which PyTorch's own kernel for CPUs does not allow. Products
    of queries and keys are multiplied by ``scale``, by default ``D ** -0.5``.
    """
    batch = q.shape[:2]
    factor: float = q.shape[3] ** -0.5 if scale is None else scale
    by_onednn = _is_long_fp32(q)
    q, k, v = (q * factor).flatten(0, 1), k.flatten(0, 1), v.flatten(0, 1)
    if by_onednn:
        return _mix_by_onednn(q, k, v, *lowered).unflatten(0, batch)
    k = k.transpose(1, 2)
    if len(k) > 1 and q.shape[1] > queries:
        k = k.contiguous()  # else each of the blocks' products would copy it
    # All blocks share one buffer: a new one for each block takes a seventh of the time. (matmul
    # with four dimensions would write to a buffer of its own, and copy it.)
    buffer = q.new_empty(len(q), min(queries, q.shape[1]), k.shape[2])
    mixed = q.new_empty(*q.shape[:2], v.shape[2])
    for block, result in zip(q.split(queries, dim=1), mixed.split(queries, dim=1), strict=True):
        weights = buffer[:, : block.shape[1]]
        torch.bmm(block, k, out=weights)
        if lowered[0]:
            weights[..., -lowered[0] :] -= lowered[1]
        torch.softmax(weights, dim=2, out=weights)
        torch.bmm(weights, v, out=result)
    return mixed.unflatten(0, batch)


def _is_long_fp32(q: Float[Tensor, "B heads Lq D"]) -> bool:
    """Whether attention is by the blocks of :func:`_mix_by_onednn`."""
    if q.dtype != torch.float32 or not (onednn.can_fuse(q, q) and onednn.beats_mkl()):
        return False
    return q.shape[2] >= MANY_QUERIES  # last, since exporters would make a rule of it


def _mix_by_onednn(
    q: Float[Tensor, "B Lq D"],
    k: Float[Tensor, "B Lk D"],
    v: Float[Tensor, "B Lk K"],
    last: int,
    less: float,
    queries: int = 128,
) -> Float[Tensor, "B Lq K"]:
    """:func:`mix_by_blocks` in fp32 by oneDNN; logits of the ``last`` keys are ``less`` lower."""
    mixed = q.new_empty(*q.shape[:2], v.shape[2])
    for one_q, one_k, one_v, one_mixed in zip(q, k, v, mixed, strict=True):
        keys, values = (onednn.packed(x, queries) for x in (one_k, one_v.T))
        for block, result in zip(one_q.split(queries), one_mixed.split(queries), strict=True):
            weights = onednn.product(block, keys)
            if last:
                weights[:, -last:] -= less
            torch.softmax(weights, dim=1, out=weights)
            result.copy_(onednn.product(weights, values))
    return mixed


def grid_places(height: int, width: int) -> Float[Tensor, "h*w 2"]:
    """The places ``(x, y)`` of a grid's cells, row by row, in cells."""
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return torch.stack((x, y), dim=-1).flatten(0, 1).float()


class Rotation(nn.Module):
    """Rotates channel pairs by angles that grow with x (first half) and with y (second half).

    Args:
        channels: of the queries or keys.
        places: ``(x, y)`` of T tokens, usually in cells of the stride-16 grid. (0, 0) is no
            rotation.
    """

    cos: Tensor
    sin: Tensor

    def __init__(self, channels: int, places: Float[Tensor, "T 2"]) -> None:
        super().__init__()
        frequency = 10000.0 ** -(torch.arange(0, channels, 4, dtype=torch.float32) / channels)
        angle = torch.cat((places[:, :1] * frequency, places[:, 1:] * frequency), dim=1)
        self.register_buffer("cos", angle.cos(), persistent=False)  # (T, channels / 2)
        self.register_buffer("sin", angle.sin(), persistent=False)

    def forward(self, x: Float[Tensor, "B heads n*T D"]) -> Float[Tensor, "B heads n*T D"]:
        """Rotate n times T tokens."""
        if is_eager():
            return self.rotate_(x.clone())
        pairs = x.float().unflatten(2, (-1, len(self.cos))).unflatten(-1, (-1, 2))
        even, odd = pairs.unbind(-1)  # (B, heads, n, T, D / 2)
        x0, x1 = even * self.cos - odd * self.sin, even * self.sin + odd * self.cos
        rotated = torch.stack((x0, x1), dim=-1)
        return rotated.flatten(4).flatten(2, 3).to(x.dtype)

    def rotate_(self, x: Float[Tensor, "B heads n*T D"]) -> Float[Tensor, "B heads n*T D"]:
        """Rotate in place, without gradients.

        With complex numbers, which compilers and exporters do not support: several times as fast.
        """
        factor = torch.complex(self.cos.float(), self.sin.float())
        memories = x.unflatten(2, (-1, len(factor)))
        # On a CPU T tokens at a time, which stay in its cache.
        for one in memories.unbind(2) if x.device.type == "cpu" else (memories,):
            pairs = torch.view_as_complex(one.float().unflatten(-1, (-1, 2)))
            one.copy_(torch.view_as_real(pairs * factor).flatten(-2))
        return x
