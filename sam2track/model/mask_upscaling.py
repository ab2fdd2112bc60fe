"""The last step of the mask decoder: the grid's cells and the tokens become masks at stride 4.

Every cell becomes 2 x 2 pixels, then each of these 2 x 2 (SAM, 2304.02643, appendix A); a pixel of
a mask is the product of its features and the mask token's. On a CPU, without gradients, every step
is a product of matrices.
"""

from __future__ import annotations

from typing import cast

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from ..types import FrameFeatures
from . import onednn
from .derived import derived, parameters_of
from .layers import MLP, LayerNorm2d


def upscaling(width: int) -> nn.Sequential:
    """The layers from the grid to stride 4."""
    return nn.Sequential(
        nn.ConvTranspose2d(width, width // 4, kernel_size=2, stride=2),
        LayerNorm2d(width // 4),
        nn.GELU(),
        nn.ConvTranspose2d(width // 4, width // 8, kernel_size=2, stride=2),
        nn.GELU(),
    )


def predict_masks(
    layers: nn.Sequential,
    mlps: nn.ModuleList,
    image: Float[Tensor, "R h*w C"],
    tokens: Float[Tensor, "R M C"],
    grid: tuple[int, int] | torch.Size,
    features: FrameFeatures,
) -> Float[Tensor, "R M 4*h 4*w"]:
    """The logits of each token's mask.

    Args:
        layers: as of :func:`upscaling`.
        mlps: one for each token.
        image: the cells, row by row.
        grid: their rows and columns.
        features: the skip connections are added on the way, where there are any.
    """
    first, norm, activate, second, activate_again = cast(
        "tuple[nn.ConvTranspose2d, LayerNorm2d, nn.Module, nn.ConvTranspose2d, nn.Module]", layers
    )
    if onednn.can_fuse(image, first.weight):
        x = _doubled(image.unflatten(1, grid), first, features.stride8)
        x = F.gelu(F.layer_norm(x, x.shape[-1:], norm.weight, norm.bias, norm.eps))
        x = F.gelu(_doubled(x, second, features.stride4))  # (R, 4 h, 4 w, O)
        masks = _mask_weights(mlps, tokens) @ x.flatten(1, 2).transpose(1, 2)
        return masks.unflatten(2, x.shape[1:3])
    pixels = first(image.transpose(1, 2).unflatten(2, grid))
    pixels = pixels if features.stride8 is None else pixels + features.stride8
    pixels = second(activate(norm(pixels)))
    pixels = activate_again(pixels if features.stride4 is None else pixels + features.stride4)
    weights = torch.stack([mlp(tokens[:, i]) for i, mlp in enumerate(mlps)], dim=1)
    return (weights @ pixels.flatten(2)).unflatten(2, pixels.shape[-2:])


def _doubled(
    x: Float[Tensor, "R h w C"],
    layer: nn.ConvTranspose2d,
    skip: Float[Tensor, "#R O 2*h 2*w"] | None,
) -> Float[Tensor, "R 2*h 2*w O"]:
    """Each cell as its 2 x 2 pixels, and the skip connection added."""
    bias = cast(Tensor, layer.bias)

    def as_matrix() -> tuple[Tensor, Tensor]:
        return layer.weight.permute(2, 3, 1, 0).flatten(0, 2).contiguous(), bias.repeat(4)

    parts = onednn.product(x, *derived(layer, (layer.weight, bias), as_matrix))
    rows, height, width, _ = x.shape
    parts = parts.view(rows, height, width, 2, 2, -1).transpose(2, 3)  # (R, h, 2, w, 2, O)
    if skip is None:
        return parts.flatten(3, 4).flatten(1, 2)
    skip = skip.permute(0, 2, 3, 1).unflatten(2, (width, 2)).unflatten(1, (height, 2))
    made = torch.empty(parts.shape, dtype=torch.promote_types(parts.dtype, skip.dtype))
    return torch.add(parts, skip, out=made).flatten(3, 4).flatten(1, 2)


def _mask_weights(mlps: nn.ModuleList, tokens: Float[Tensor, "R M C"]) -> Float[Tensor, "R M O"]:
    """What the features of pixels are multiplied by: the MLPs of all tokens at once.

    What is stacked is kept on a CPU only: a CUDA graph must see weights that change in place.
    """

    def stack() -> list[tuple[Tensor, Tensor]]:
        depth = zip(*(cast(MLP, mlp).layers for mlp in mlps), strict=True)
        return [
            (
                torch.stack([layer.weight.T for layer in layers]),
                torch.stack([layer.bias for layer in layers])[:, None],
            )
            for layers in depth
        ]

    *hidden, last = derived(mlps, parameters_of(mlps), stack) if tokens.is_cpu else stack()
    x = tokens.to(last[0].dtype).transpose(0, 1)  # (M, R, C)
    for weight, bias in hidden:
        x = torch.baddbmm(bias, x, weight).relu_()
    return torch.baddbmm(last[1], x, last[0]).transpose(0, 1)
