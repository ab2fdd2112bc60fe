"""The prompt encoder of SAM: clicks, boxes and masks become tokens.

A click is the random Fourier encoding of its place (2006.10739) plus an embedding of its kind. A
box is two such tokens, its corners. A mask is a small image added to the frame's features (SAM,
2304.02643, section 3 and appendix A).
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..types import PromptTokens
from .layers import LayerNorm2d

NOT_A_POINT = -1
LARGEST_LOGIT = 32.0  # of a mask that is input again to SAM 2


class FourierEncoding(nn.Module):
    """Sine and cosine of random projections of a place in the unit square."""

    positional_encoding_gaussian_matrix: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("positional_encoding_gaussian_matrix", torch.randn(2, channels // 2))

    def forward(self, place: Float[Tensor, "*batch 2"]) -> Float[Tensor, "*batch C"]:
        phase = 2 * math.pi * ((2 * place - 1) @ self.positional_encoding_gaussian_matrix)
        return torch.cat((phase.sin(), phase.cos()), dim=-1)


class PromptEncoder(nn.Module):
    """Encodes prompts for the mask decoder.

    Args:
        width: channels of the tokens.
        image_size: side of the model's square input, in pixels.
        grid: side of the stride-16 grid.
        pad_boxes: whether the token "not a point" is also added to prompts with a box, as for
            SAM 2; SAM adds it to clicks alone.
    """

    def __init__(self, width: int, image_size: int, grid: int, *, pad_boxes: bool = True) -> None:
        super().__init__()
        self.pad_boxes = pad_boxes
        self.image_size = image_size
        self.grid = grid
        self.pe_layer = FourierEncoding(width)
        # In the order of the labels: off the object, on it, first corner of a box, second corner.
        self.point_embeddings = nn.ModuleList(nn.Embedding(1, width) for _ in range(4))
        self.not_a_point_embed = nn.Embedding(1, width)
        self.no_mask_embed = nn.Embedding(1, width)
        self.mask_downscaling = nn.Sequential(
            nn.Conv2d(1, 4, kernel_size=2, stride=2),
            LayerNorm2d(4),
            nn.GELU(),
            nn.Conv2d(4, 16, kernel_size=2, stride=2),
            LayerNorm2d(16),
            nn.GELU(),
            nn.Conv2d(16, width, kernel_size=1),
        )

    def forward(
        self, prompts: PromptTokens
    ) -> tuple[Float[Tensor, "R L C"], Float[Tensor, "R C #h #w"], Float[Tensor, "1 C h w"]]:
        """Tokens of the points, an embedding of the mask, and the position of every grid cell.

        A last token, "not a point", is added because the weights were trained with it; not to a
        mask alone, which has no points.
        """
        place = (prompts.coords + 0.5) / self.image_size  # the centre of the pixel
        kinds = torch.cat(list(self.point_embeddings.parameters()))  # (4, C)
        tokens = self.pe_layer(place) + kinds[prompts.labels.clamp(min=0)]
        nothing = self.not_a_point_embed.weight[None]  # (1, 1, C)
        tokens = torch.where((prompts.labels == NOT_A_POINT)[..., None], nothing, tokens)
        pad = prompts.labels.shape[1] > 0
        pad = pad and (self.pad_boxes or not bool((prompts.labels > 1).any()))
        padding = nothing.expand(tokens.shape[0], -1, -1)
        sparse = torch.cat((tokens, padding), dim=1) if pad else tokens
        if prompts.mask is None:
            dense = self.no_mask_embed.weight[..., None, None].expand(tokens.shape[0], -1, 1, 1)
        else:
            dense = self.mask_downscaling(prompts.mask)
        centre = (torch.arange(self.grid, device=dense.device) + 0.5) / self.grid
        y, x = torch.meshgrid(centre, centre, indexing="ij")
        return sparse, dense, self.pe_layer(torch.stack((x, y), dim=-1)).permute(2, 0, 1)[None]
