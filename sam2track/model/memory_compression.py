"""What a spatial memory keeps of the memory encoder's map: its tokens and where they lie.

The memory encoder fuses features and mask into a map at stride 16. A compression turns the map into
the T tokens of a :class:`sam2track.types.MemoryFrame`. Memory attention takes T and the tokens'
positions from it, so it does not assume a grid.
"""

from __future__ import annotations

from typing import Protocol

from jaxtyping import Float
from torch import Tensor, nn

from .attention import grid_places
from .layers import sine_position_2d


class Compression(Protocol):
    """A module that makes tokens of a map.

    Attributes:
        positions: position embedding of each token, added to its attention key.
        places: where each token lies, ``(x, y)`` in cells of the stride-16 grid, for the rotary
            position embedding; (0, 0), which rotates nothing, for tokens without a place.
    """

    positions: Float[Tensor, "T D"]
    places: Float[Tensor, "T 2"]

    def __call__(self, memory: Float[Tensor, "R D h w"]) -> Float[Tensor, "R T D"]: ...


class GridCompression(nn.Module):
    """Keeps every cell of the map as one token (SAM 2).

    Args:
        memory_width: channels of a memory token.
        grid: side of the stride-16 grid.
    """

    def __init__(self, memory_width: int, grid: int) -> None:
        super().__init__()
        self.positions = sine_position_2d(memory_width, grid, grid).flatten(1).T.contiguous()
        self.places = grid_places(grid, grid)

    def forward(self, memory: Float[Tensor, "R D h w"]) -> Float[Tensor, "R h*w D"]:
        return memory.flatten(2).transpose(1, 2)
