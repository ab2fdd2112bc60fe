"""The four parts of SAM 2 as modules from tensors to tensors, as they are exported.

Memories, pointers and points that are not there are masked, so that a graph of fixed shapes gives
the same results. :mod:`.signatures` says what goes in and comes out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from ..model import SAM2
from ..model.attention import Attention, Rotation
from ..model.exported import UNUSED
from ..model.layers import sine_position_1d
from ..model.memory_attention import MemoryAttentionLayer
from ..model.memory_encoder import MASK_BIAS, MASK_SCALE
from ..types import FrameFeatures, PromptTokens

QUERIES = 256  # so many attend at a time, since the weights of all would take half a gigabyte


class ImageEncoder(nn.Module):
    """:meth:`SAM2.encode`."""

    def __init__(self, model: SAM2) -> None:
        super().__init__()
        self.trunk, self.neck = model.trunk, model.neck
        self.stride4, self.stride8 = model.mask_decoder.conv_s0, model.mask_decoder.conv_s1

    def forward(self, image: Float[Tensor, "1 3 S S"]) -> tuple[Tensor, ...]:
        pyramid = self.neck(self.trunk(image))
        if self.stride4 is None or self.stride8 is None:
            return (pyramid[16],)
        return pyramid[16], self.stride8(pyramid[8]), self.stride4(pyramid[4])


class MaskDecoder(nn.Module):
    """:meth:`SAM2.predict`, with pointers for tokens."""

    def __init__(self, model: SAM2) -> None:
        super().__init__()
        self.prompt_encoder, self.mask_decoder = model.prompt_encoder, model.mask_decoder
        self.pointer_projection = model.pointer_projection

    def forward(
        self,
        conditioned: Float[Tensor, "R C h w"],
        coords: Float[Tensor, "R P 2"],
        labels: Int[Tensor, "R P"],
        mask: Float[Tensor, "R 1 4*h 4*w"],
        mask_given: Float[Tensor, " R"],
        stride8: Float[Tensor, "R _ _ _"] | None = None,
        stride4: Float[Tensor, "R _ _ _"] | None = None,
    ) -> tuple[Tensor, ...]:
        sparse, dense, position = self.prompt_encoder(PromptTokens(coords, labels))
        given = self.prompt_encoder.mask_downscaling(mask)
        dense = torch.where(mask_given[:, None, None, None] > 0, given, dense)
        unused = labels == UNUSED
        # The token that the prompt encoder adds is used, unless there is no point at all.
        unused = torch.cat((unused, unused.all(1, keepdim=True)), dim=1)
        features = FrameFeatures(conditioned, stride8, stride4)
        found = self.mask_decoder(conditioned, features, sparse, dense, position, unused=unused)
        return found.masks, found.scores, self.pointer_projection(found.tokens), found.presence


class MemoryEncoder(nn.Module):
    """:meth:`SAM2.spatial_memory`."""

    def __init__(self, model: SAM2) -> None:
        super().__init__()
        self.memory_encoder, self.compression = model.memory_encoder, model.compression
        self.absent_memory = model.absent_memory

    def forward(
        self,
        stride16: Float[Tensor, "R C h w"],
        logits: Float[Tensor, "R 1 4*h 4*w"],
        presence: Float[Tensor, "R 1"],
        from_prompt: Float[Tensor, " R"],
    ) -> tuple[Tensor, ...]:
        logits = F.interpolate(logits, scale_factor=4.0, mode="bilinear")
        binary = from_prompt[:, None, None, None] > 0
        mask = torch.where(binary, (logits > 0).to(logits.dtype), logits.sigmoid())
        memory = self.memory_encoder(stride16, MASK_SCALE * mask + MASK_BIAS)
        if self.absent_memory is not None:
            absent = (presence <= 0)[..., None, None]
            memory = memory + absent * self.absent_memory[..., None, None]
        return (self.compression(memory),)


class MemoryAttention(nn.Module):
    """:meth:`SAM2.condition`, with recalls as tensors."""

    def __init__(self, model: SAM2) -> None:
        super().__init__()
        self.tokens, self.attention = model.memory_tokens, model.memory_attention

    def forward(
        self,
        stride16: Float[Tensor, "R C h w"],
        memories: Float[Tensor, "R N T D"],
        slots: Int[Tensor, "R N"],
        weights: Float[Tensor, "R N"],
        memory_mask: Float[Tensor, "R N"],
        pointers: Float[Tensor, "R P C"],
        distances: Float[Tensor, "R P"],
        pointer_mask: Float[Tensor, "R P"],
    ) -> tuple[Tensor, ...]:
        tokens, width = memories.shape[2:]
        # Fewer channels than a pointer has, so that one becomes several tokens.
        parts = pointers.shape[2] // width
        split = pointers.unflatten(2, (parts, width)).flatten(1, 2)
        values = torch.cat((memories.flatten(1, 2), split), dim=1)  # (R, N T + P parts, D)
        places = self.tokens.temporal[:, 0, 0][slots][:, :, None] + self.tokens.positions
        ago = torch.zeros_like(split)
        if self.tokens.pointer_position is not None:
            ago = self.tokens.pointer_position(sine_position_1d(distances, self.tokens.width))
            ago = _repeat(ago, parts)
        keys = values + torch.cat((places.flatten(1, 2), ago), dim=1)
        bias = torch.cat((_repeat(memory_mask, tokens), _repeat(pointer_mask, parts)), dim=1)
        scales = _repeat(weights, tokens)[..., None]  # (R, N T, 1)
        x = stride16.flatten(2).transpose(1, 2) + 0.1 * self.attention.position
        for layer in cast("Sequence[MemoryAttentionLayer]", self.attention.layers):
            y = layer.norm1(x)
            q, k = layer.self_attn.q_proj(y), layer.self_attn.k_proj(y)
            rotation = self.attention.rotation
            q, k = rotate(q, rotation), rotate(k, rotation)
            x = x + attend(layer.self_attn, q, k, y, None)
            attention = layer.cross_attn_image
            q = rotate(attention.q_proj(layer.norm2(x)), rotation)
            k = attention.k_proj(keys)
            placed, rest = k[:, : -split.shape[1]], k[:, -split.shape[1] :]
            placed = rotate(placed, self.attention.key_rotation) * scales
            x = x + attend(attention, q, torch.cat((placed, rest), dim=1), values, bias)
            x = x + layer.linear2(F.relu(layer.linear1(layer.norm3(x))))
        x = self.attention.norm(x).transpose(1, 2)
        return (x.unflatten(2, stride16.shape[2:]),)


def _repeat(x: Float[Tensor, "R n *c"], times: int) -> Float[Tensor, "R n*times *c"]:
    """Each entry of the second axis several times, one after another."""
    return x[:, :, None].expand(-1, -1, times, *x.shape[2:]).flatten(1, 2)


def rotate(x: Float[Tensor, "R n*T C"], rotation: Rotation) -> Float[Tensor, "R n*T C"]:
    """:class:`Rotation` in real arithmetic."""
    pairs = x.unflatten(1, (-1, len(rotation.cos))).unflatten(-1, (-1, 2))
    even, odd = pairs.unbind(-1)  # (R, n, T, C / 2)
    cos, sin = rotation.cos, rotation.sin
    rotated = torch.stack((even * cos - odd * sin, even * sin + odd * cos), dim=-1)
    return rotated.flatten(3).flatten(1, 2)


def attend(
    attention: Attention,
    q: Float[Tensor, "R hw C"],
    k: Float[Tensor, "R L C"],
    values: Float[Tensor, "R L K"],
    bias: Float[Tensor, "R L"] | None,
) -> Float[Tensor, "R hw C"]:
    """Attention of one head with projected queries and keys, in blocks of queries.

    The values are projected after they are mixed, since they may be narrow: the weights of a query
    sum to one, so the result is the same.
    """
    k = k.transpose(1, 2)
    mixed = []
    for block in (q * q.shape[2] ** -0.5).split(QUERIES, dim=1):
        logits = block @ k
        logits = logits if bias is None else logits + bias[:, None]
        mixed.append(logits.softmax(-1) @ values)
    return attention.out_proj(attention.v_proj(torch.cat(mixed, dim=1)))
