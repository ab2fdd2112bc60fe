"""Latents: a spatial memory of few tokens, EdgeTAM's compression of the memory encoder's map.

In: a map at stride 16. Out: two kinds of tokens. Global latents attend to the whole map; each of
the two-dimensional latents attends to one window of it, so that they keep the map's order
(EdgeTAM, 2501.07256, section 3.2; the layers are those of Perceiver, 2103.03206).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from .attention import grid_places, mix
from .backbones.hiera import into_windows
from .layers import sine_position_2d


@dataclass(frozen=True, slots=True)
class PerceiverSpec:
    """The sizes of the latents; makes the module for a memory of some width on some grid."""

    latents: int = 256  # global latents
    latents_2d: int = 256  # two-dimensional ones: the square of a divisor of the grid's side
    layers: int = 2  # shared by both kinds

    def __call__(self, memory_width: int, grid: int) -> Perceiver:
        return Perceiver(self, memory_width, grid)


class Perceiver(nn.Module):
    """The compression: see :class:`sam2track.model.memory_encoder.Compression`."""

    cell_positions: Tensor

    def __init__(self, spec: PerceiverSpec, memory_width: int, grid: int) -> None:
        super().__init__()
        side = math.isqrt(spec.latents_2d)
        self.window = grid // side
        self.latents = nn.Parameter(torch.randn(spec.latents, memory_width))
        self.latents_2d = nn.Parameter(torch.randn(spec.latents_2d, memory_width))
        self.layers = nn.ModuleList(PerceiverLayer(memory_width) for _ in range(spec.layers))
        self.norm = nn.LayerNorm(memory_width)
        cells = sine_position_2d(memory_width, grid, grid).flatten(1).T.contiguous()
        self.register_buffer("cell_positions", cells, persistent=False)  # (h*w, D)
        # Global latents have no place. The places of the others are those of a small grid of their
        # own, and not of the stride-16 grid: this is how the weights were trained.
        nowhere = torch.zeros(spec.latents, memory_width)
        positions = sine_position_2d(memory_width, side, side).flatten(1).T
        self.positions = torch.cat((nowhere, positions))
        self.places = torch.cat((nowhere[:, :2], grid_places(side, side)))

    def forward(self, memory: Float[Tensor, "R D h w"]) -> Float[Tensor, "R T D"]:
        cells = memory.permute(0, 2, 3, 1)  # (R, h, w, D)
        windows = into_windows(cells, self.window)[0].flatten(1, 2)  # (R * latents_2d, cells, D)
        cells = cells.flatten(1, 2)
        latents = self.latents.expand(memory.shape[0], -1, -1)
        ordered = self.latents_2d.repeat(memory.shape[0], 1)[:, None]  # (R * latents_2d, 1, D)
        for layer in self.layers:
            latents = layer(latents, cells, self.cell_positions)
            ordered = layer(ordered, windows, None)
        ordered = ordered[:, 0].unflatten(0, (memory.shape[0], -1))
        return self.norm(torch.cat((latents, ordered), dim=1))


class PerceiverLayer(nn.Module):
    """Latents attend to cells of the map, then to each other; an MLP after each."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.attn = CrossAttention(width)
        self.ff = feed_forward(width)
        self.self_attn = SelfAttention(width)
        self.self_ff = feed_forward(width)

    def forward(
        self,
        latents: Float[Tensor, "B L D"],
        cells: Float[Tensor, "B T D"],
        positions: Float[Tensor, "T D"] | None,
    ) -> Float[Tensor, "B L D"]:
        latents = latents + self.attn(latents, cells, positions)
        latents = latents + self.ff(latents)
        latents = latents + self.self_attn(latents)
        return latents + self.self_ff(latents)


class CrossAttention(nn.Module):
    """Latents attend to cells; the positions are added to keys and to values."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm_x = nn.LayerNorm(width)
        self.norm_latents = nn.LayerNorm(width)
        self.to_q, self.to_kv, self.to_out = projections(width)

    def forward(
        self,
        latents: Float[Tensor, "B L D"],
        cells: Float[Tensor, "B T D"],
        positions: Float[Tensor, "T D"] | None,
    ) -> Float[Tensor, "B L D"]:
        k, v = self.to_kv(self.norm_x(cells)).chunk(2, dim=-1)
        if positions is not None:
            k, v = k + positions.to(k.dtype), v + positions.to(v.dtype)
        q = self.to_q(self.norm_latents(latents))
        return self.to_out(mix(q[:, None], k[:, None], v[:, None])[:, 0])


class SelfAttention(nn.Module):
    """Latents attend to each other."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.to_q, self.to_kv, self.to_out = projections(width)

    def forward(self, latents: Float[Tensor, "B L D"]) -> Float[Tensor, "B L D"]:
        latents = self.norm(latents)
        k, v = self.to_kv(latents).chunk(2, dim=-1)
        return self.to_out(mix(self.to_q(latents)[:, None], k[:, None], v[:, None])[:, 0])


def projections(width: int) -> tuple[nn.Linear, nn.Linear, nn.Linear]:
    """Of queries, of keys and values together, and of the result; one head, no biases."""
    return (
        nn.Linear(width, width, bias=False),
        nn.Linear(width, 2 * width, bias=False),
        nn.Linear(width, width, bias=False),
    )


def feed_forward(width: int) -> nn.Sequential:
    """An MLP with the normalisation of its input."""
    return nn.Sequential(
        nn.LayerNorm(width),
        nn.Linear(width, 4 * width, bias=False),
        nn.GELU(),
        nn.Linear(4 * width, width, bias=False),
    )
