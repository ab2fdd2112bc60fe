"""ATTEND: the frame's features look at what the object's memory holds.

Recalls enter as token sequences, conditioned features leave. SAM 2 (2408.00714, section 4):
a stack of pre-norm transformer layers: self-attention, cross-attention to memory, MLP.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from ..types import Recall
from .attention import RotaryAttention, Rotation
from .layers import sine_position_1d, sine_position_2d


class MemoryTokens(nn.Module):
    """Turns recalls into one sequence a row: spatial memories, then pointers.

    Args:
        width: channels of a pointer.
        memory_width: channels of a memory token; must divide ``width``.
        slots: temporal embeddings: one for each past frame that is remembered and one for anchors.
        grid: side of the stride-16 grid.
        pointer_positions: whether pointers say how long ago they were (SAM 2.1).
    """

    place: Tensor

    def __init__(
        self, width: int, memory_width: int, slots: int, grid: int, pointer_positions: bool
    ) -> None:
        super().__init__()
        self.width = width
        self.memory_width = memory_width
        self.temporal = nn.Parameter(torch.zeros(slots, 1, 1, memory_width))
        nn.init.trunc_normal_(self.temporal, std=0.02)
        self.pointer_position = nn.Linear(width, memory_width) if pointer_positions else None
        place = sine_position_2d(memory_width, grid, grid).flatten(1).T.contiguous()
        self.register_buffer("place", place, persistent=False)  # (h*w, D)

    def forward(
        self, recalls: Sequence[Recall]
    ) -> tuple[Float[Tensor, "R L D"], Float[Tensor, "R L D"], int]:
        """Tokens, their positions, and how many of the last are pointers (R rows of one shape)."""
        spatial, spatial_position = self.spatial(recalls)
        if not recalls[0].pointers:
            return spatial, spatial_position, 0
        pointers, pointer_position = self.pointers(recalls)
        tokens = torch.cat((spatial, pointers), dim=1)
        position = torch.cat((spatial_position, pointer_position), dim=1)
        return tokens, position, pointers.shape[1]

    def spatial(
        self, recalls: Sequence[Recall]
    ) -> tuple[Float[Tensor, "R L D"], Float[Tensor, "R L D"]]:
        device, dtype = self.temporal.device, self.temporal.dtype
        memories = [memory for recall in recalls for memory in recall.memories]
        # One by one, since autocast to fp16 refuses to concatenate bf16.
        tokens = torch.cat([m.features.to(device, dtype, non_blocking=True) for m in memories])
        tokens = tokens.unflatten(0, (len(recalls), -1))
        slots = torch.tensor([recall.slots for recall in recalls]).to(device, non_blocking=True)
        position = self.temporal[slots].flatten(2, 3) + self.place  # (R, n, h*w, D)
        return tokens, position.flatten(1, 2)

    def pointers(
        self, recalls: Sequence[Recall]
    ) -> tuple[Float[Tensor, "R L D"], Float[Tensor, "R L D"]]:
        """A pointer is wider than a memory token, so it is cut into several."""
        device = self.temporal.device
        parts = self.width // self.memory_width
        pointers = torch.stack([torch.stack(recall.pointers) for recall in recalls])
        tokens = pointers.unflatten(2, (parts, -1)).flatten(1, 2)  # (R, n * parts, D)
        if self.pointer_position is None:
            return tokens, torch.zeros_like(tokens)
        ago = torch.tensor(
            [[offset / (recall.span - 1) for offset in recall.offsets] for recall in recalls]
        ).to(device, non_blocking=True)
        position = self.pointer_position(sine_position_1d(ago, self.width))
        return tokens, position.repeat_interleave(parts, dim=1)

    def weights(self, recalls: Sequence[Recall]) -> Float[Tensor, "R L"] | None:
        """What the key of each token is multiplied by, or None where every recall leaves it.

        Pointers keep theirs: the recalls' weights are about spatial memories.
        """
        if recalls[0].weights is None:
            return None
        cells, parts = len(self.place), self.width // self.memory_width
        spatial = torch.tensor([recall.weights for recall in recalls])
        rest = torch.ones(len(recalls), len(recalls[0].pointers) * parts)
        weights = torch.cat((spatial.repeat_interleave(cells, dim=1), rest), dim=1)
        return weights.to(self.place.device, non_blocking=True)


class MemoryAttentionLayer(nn.Module):
    """Self-attention, cross-attention to memory, MLP; each normalises its input."""

    def __init__(self, width: int, memory_width: int, mlp_width: int, dropout: float) -> None:
        super().__init__()
        self.self_attn = RotaryAttention(width, heads=1)
        self.cross_attn_image = RotaryAttention(width, heads=1, memory_width=memory_width)
        self.linear1 = nn.Linear(width, mlp_width)
        self.linear2 = nn.Linear(mlp_width, width)
        self.norm1 = nn.LayerNorm(width)
        self.norm2 = nn.LayerNorm(width)
        self.norm3 = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self,
        x: Float[Tensor, "R hw C"],
        memory: Float[Tensor, "R L D"],
        position: Float[Tensor, "R L D"],
        *,
        rotation: Rotation,
        pointers: int,
        weights: Float[Tensor, "R L"] | None = None,
    ) -> Float[Tensor, "R hw C"]:
        y = self.norm1(x)
        x = x + self.dropout(self.self_attn(y, y, y, rotation=rotation))
        y = self.cross_attn_image(
            self.norm2(x),
            memory + position,
            memory,
            rotation=rotation,
            unplaced=pointers,
            weights=weights,
        )
        x = x + self.dropout(y)
        y = self.linear2(self.dropout(F.relu(self.linear1(self.norm3(x)))))
        return x + self.dropout(y)


class MemoryAttention(nn.Module):
    """The stack of layers.

    Args:
        width: channels of the features.
        memory_width: channels of memory tokens.
        mlp_width: hidden channels of the MLPs.
        layers: how many.
        grid: side of the stride-16 grid.
        dropout: probability, in training alone.
    """

    place: Tensor

    def __init__(
        self,
        width: int,
        memory_width: int,
        mlp_width: int,
        *,
        layers: int,
        grid: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            MemoryAttentionLayer(width, memory_width, mlp_width, dropout) for _ in range(layers)
        )
        self.norm = nn.LayerNorm(width)
        self.rotation = Rotation(width, grid, grid)
        place = sine_position_2d(width, grid, grid).flatten(1).T.contiguous()
        self.register_buffer("place", place, persistent=False)  # (h*w, C)

    def forward(
        self,
        features: Float[Tensor, "R C h w"],
        memory: Float[Tensor, "R L D"],
        position: Float[Tensor, "R L D"],
        pointers: int,
        weights: Float[Tensor, "R L"] | None = None,
    ) -> Float[Tensor, "R C h w"]:
        grid = features.shape[-2:]
        x = features.flatten(2).transpose(1, 2) + 0.1 * self.place
        for layer in self.layers:
            x = layer(
                x, memory, position, rotation=self.rotation, pointers=pointers, weights=weights
            )
        return self.norm(x).transpose(1, 2).unflatten(2, grid)
