"""Memory attention: the frame's features attend to the recalled memories of an object.

:class:`MemoryTokens` collates recalls into one :class:`MemoryBatch` of tensors.
:class:`MemoryAttention` takes the features and that batch, tensors only, so that it can be exported
and compiled, and returns conditioned features. SAM 2 (2408.00714, section 4): a stack of pre-norm
transformer layers with self-attention, cross-attention to memory, and an MLP.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..types import Recall
from . import onednn
from .attention import NO_POOLING, Attention, Pooling, Rotation, grid_places
from .layers import sine_position_1d, sine_position_2d
from .onednn import Linear


@dataclass(frozen=True, slots=True, eq=False)
class MemoryBatch:
    """What R rows recall, as tensors. All rows have the same numbers of memories and pointers.

    Attributes:
        spatial: tokens of the spatial memories, one memory after another.
        spatial_positions: their position embeddings, in space and time.
        pointers: tokens of the object pointers; several tokens make one pointer.
        pointer_positions: their position embeddings, in time.
        weights: factors of the attention keys of spatial tokens; None = 1.
    """

    spatial: Float[Tensor, "R n*T D"]
    spatial_positions: Float[Tensor, "R n*T D"]
    pointers: Float[Tensor, "R P D"]
    pointer_positions: Float[Tensor, "R P D"]
    weights: Float[Tensor, "R n*T"] | None = None


class MemoryTokens(nn.Module):
    """Collates recalls into a batch.

    Args:
        width: channels of a pointer.
        positions: position embeddings in space of one spatial memory's tokens, from the memory
            encoder's compression; D must divide ``width``.
        slots: temporal embeddings: one for each past frame that is remembered and one for anchors.
        pointer_positions: whether pointers have a position in time (SAM 2.1).
    """

    positions: Tensor

    def __init__(
        self, width: int, positions: Float[Tensor, "T D"], slots: int, pointer_positions: bool
    ) -> None:
        super().__init__()
        memory_width = positions.shape[1]
        self.width = width
        self.temporal = nn.Parameter(torch.zeros(slots, 1, 1, memory_width))
        nn.init.trunc_normal_(self.temporal, std=0.02)
        self.pointer_position = nn.Linear(width, memory_width) if pointer_positions else None
        self.register_buffer("positions", positions, persistent=False)

    def forward(self, recalls: Sequence[Recall]) -> MemoryBatch:
        """R rows that recall the same numbers of memories and pointers (``Recall.shape``)."""
        device, dtype = self.temporal.device, self.temporal.dtype
        memories = [memory for recall in recalls for memory in recall.memories]
        # Converted one by one, since autocast to fp16 refuses to concatenate bf16.
        spatial = torch.cat([m.features.to(device, dtype, non_blocking=True) for m in memories])
        slots = torch.tensor([recall.slots for recall in recalls]).to(device, non_blocking=True)
        positions = self.temporal[slots].flatten(2, 3) + self.positions  # (R, n, T, D)
        # A pointer is wider than a memory token, so it is cut into several tokens.
        parts = self.width // self.positions.shape[1]
        pointers = self.temporal.new_zeros(len(recalls), 0, self.positions.shape[1])
        if recalls[0].pointers:
            pointers = torch.stack([torch.stack(recall.pointers) for recall in recalls])
            pointers = pointers.unflatten(2, (parts, -1)).flatten(1, 2)  # (R, n * parts, D)
        pointer_positions = torch.zeros_like(pointers)
        if recalls[0].pointers and self.pointer_position is not None:
            ago = [[offset / (recall.span - 1) for offset in recall.offsets] for recall in recalls]
            placed = torch.tensor(ago).to(device, non_blocking=True)
            placed = self.pointer_position(sine_position_1d(placed, self.width))
            pointer_positions = placed.repeat_interleave(parts, dim=1)
        weights = None
        if recalls[0].weights is not None:
            weights = torch.tensor([recall.weights for recall in recalls])
            weights = weights.repeat_interleave(len(self.positions), dim=1)
            weights = weights.to(device, non_blocking=True)
        spatial, positions = spatial.unflatten(0, (len(recalls), -1)), positions.flatten(1, 2)
        return MemoryBatch(spatial, positions, pointers, pointer_positions, weights)


class MemoryAttentionLayer(nn.Module):
    """Self-attention, cross-attention to memory, MLP; each normalises its input."""

    def __init__(
        self, width: int, memory_width: int, mlp_width: int, dropout: float, pooling: Pooling
    ) -> None:
        super().__init__()
        self.self_attn = Attention(width, heads=1)
        self.cross_attn_image = Attention(
            width, heads=1, memory_width=memory_width, pooling=pooling
        )
        self.linear1 = Linear(width, mlp_width)
        self.linear2 = Linear(mlp_width, width)
        self.norm1 = nn.LayerNorm(width)
        self.norm2 = nn.LayerNorm(width)
        self.norm3 = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)

    def see(self, x: Float[Tensor, "R hw C"], rotation: Rotation) -> Float[Tensor, "R hw C"]:
        """Self-attention."""
        y = self.norm1(x)
        return x + self.dropout(self.self_attn(y, y, y, (rotation, rotation)))

    def recall(
        self,
        x: Float[Tensor, "R hw C"],
        keys: Float[Tensor, "R L D"],
        values: Float[Tensor, "R L D"],
        rotations: tuple[Rotation, Rotation],
        pointers: int,
        weights: Float[Tensor, "R L-pointers"] | None,
    ) -> Float[Tensor, "R hw C"]:
        """Cross-attention and the MLP."""
        y = self.norm2(x)
        y = self.cross_attn_image(y, keys, values, rotations, pointers, weights)
        x = x + self.dropout(y)
        y = onednn.linear(self.norm3(x), self.linear1, onednn.RELU)
        return x + self.dropout(self.linear2(self.dropout(y)))


class MemoryAttention(nn.Module):
    """The stack of layers.

    Args:
        width: channels of the features.
        memory_width: channels of memory tokens.
        mlp_width: hidden channels of the MLPs.
        layers: how many.
        grid: side of the stride-16 grid.
        memory_places: position ``(x, y)`` of each spatial memory token, in cells of that grid.
        dropout: probability, only in training.
        pooling: of spatial memory tokens; they must be a grid then.
        rotary_side: side of the grid in units of the rotary positions; None = one unit a cell.
    """

    position: Tensor

    def __init__(
        self,
        width: int,
        memory_width: int,
        mlp_width: int,
        *,
        layers: int,
        grid: int,
        memory_places: Float[Tensor, "T 2"],
        dropout: float,
        pooling: Pooling = NO_POOLING,
        rotary_side: float | None = None,
    ) -> None:
        super().__init__()
        self.grid = grid
        unit = 1.0 if rotary_side is None else rotary_side / grid
        self.layers = nn.ModuleList(
            MemoryAttentionLayer(width, memory_width, mlp_width, dropout, pooling)
            for _ in range(layers)
        )
        self.norm = nn.LayerNorm(width)
        self.rotation = Rotation(width, unit * grid_places(grid, grid))
        self.key_rotation = Rotation(width, unit * memory_places)
        position = sine_position_2d(width, grid, grid).flatten(1).T.contiguous()
        self.register_buffer("position", position, persistent=False)  # (h*w, C)

    def pool(self, side: int) -> None:
        """Average memory tokens over squares of ``side`` x ``side`` before they are attended to.

        Attention over memories takes about ``side**2`` times less. 1 = no pooling.

        Raises:
            ValueError: if the tokens are no grid, or ``side`` does not divide it.
        """
        if not isinstance(side, int) or side < 1:
            raise ValueError(f"memory pooling over {side!r} tokens: give a whole number from 1")
        if side > 1 and (len(self.key_rotation.cos) != self.grid**2 or self.grid % side):
            raise ValueError(
                f"memory pooling over {side} x {side} tokens: the memory of this model is no grid "
                f"of {self.grid} x {self.grid} tokens that it divides; give memory.pool=1"
            )
        for layer in self.layers:
            attention = cast(MemoryAttentionLayer, layer).cross_attn_image
            attention.pooling = replace(attention.pooling, side=side)

    def forward(
        self, features: Float[Tensor, "#R C h w"], batch: MemoryBatch
    ) -> Float[Tensor, "R C h w"]:
        """Features conditioned on memory."""
        return self.finish(self.begin(features), batch)

    def begin(self, features: Float[Tensor, "#R C h w"]) -> Float[Tensor, "#R h*w C"]:
        """What does not depend on memory, the same for all rows that see one image."""
        x = features.flatten(2).transpose(1, 2) + 0.1 * self.position
        return cast(MemoryAttentionLayer, self.layers[0]).see(x, self.rotation)

    def finish(
        self, begun: Float[Tensor, "#R h*w C"], batch: MemoryBatch
    ) -> Float[Tensor, "R C h w"]:
        """The rest."""
        values = torch.cat((batch.spatial, batch.pointers), dim=1)
        keys = values + torch.cat((batch.spatial_positions, batch.pointer_positions), dim=1)
        rotations, pointers = (self.rotation, self.key_rotation), batch.pointers.shape[1]
        x = begun.expand(values.shape[0], -1, -1)  # not len: an export would be bound to it
        for number, layer in enumerate(cast("Sequence[MemoryAttentionLayer]", self.layers)):
            x = layer.see(x, self.rotation) if number else x
            x = layer.recall(x, keys, values, rotations, pointers, batch.weights)
        return self.norm(x).transpose(1, 2).unflatten(2, (self.grid, self.grid))
