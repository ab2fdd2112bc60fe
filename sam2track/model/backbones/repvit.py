"""RepViT, a convolutional backbone, that of EdgeTAM.

In: images. Out: four feature maps at strides 4, 8, 16 and 32. Blocks of a depth-wise convolution,
in every other block squeeze-and-excitation (1709.01507), and a pointwise MLP (RepViT, 2307.09283).
In training every depth-wise convolution is the sum of three branches, and everything is
batch-normalised; :func:`merge_branches` makes one convolution of all that.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from ..layers import fold_batch_norm, named
from .backbone import Backbone

BATCH_NORM_EPS = 1e-5
NORM = ("weight", "bias", "running_mean", "running_var")


@dataclass(frozen=True, slots=True)
class RepViTSpec(Backbone):
    """The sizes of one RepViT; those of RepViT-M1 by default."""

    widths: tuple[int, int, int, int] = (48, 96, 192, 384)  # channels of each stage
    depths: tuple[int, int, int, int] = (2, 2, 14, 2)  # blocks in each stage

    @property
    def channels(self) -> dict[int, int]:
        return {4 * 2**stage: width for stage, width in enumerate(self.widths)}

    def build(self) -> RepViT:
        return RepViT(self)

    @torch.no_grad()
    def initialise(self, network: nn.Module) -> None:
        """He initialisation (1502.01852), which keeps the scale without normalisation."""
        for name, parameter in network.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(parameter)
            else:
                nn.init.kaiming_normal_(parameter, nonlinearity="relu")

    def transformers_names(self) -> tuple[tuple[str, str], ...]:
        return ((r"^trunk\.body\.", "trunk.timm_model."),)


def depthwise(width: int, *, stride: int = 1) -> nn.Conv2d:
    """A convolution of every channel with itself."""
    return nn.Conv2d(width, width, 3, stride=stride, padding=1, groups=width)


def pointwise_mlp(width: int) -> nn.Sequential:
    """Two layers on each position."""
    return named(
        conv1=nn.Conv2d(width, 2 * width, 1), act=nn.GELU(), conv2=nn.Conv2d(2 * width, width, 1)
    )


class SqueezeExcitation(nn.Module):
    """Weights the channels by what is in the whole map."""

    def __init__(self, width: int) -> None:
        super().__init__()
        inner = max(8, (width // 4 + 4) // 8 * 8)  # a quarter, rounded to a multiple of eight
        self.fc1 = nn.Conv2d(width, inner, 1)
        self.fc2 = nn.Conv2d(inner, width, 1)

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C H W"]:
        return x * self.fc2(F.relu(self.fc1(x.mean((2, 3), keepdim=True)))).sigmoid()


class RepViTBlock(nn.Module):
    """Mixes positions, then channels."""

    def __init__(self, width: int, *, squeeze: bool) -> None:
        super().__init__()
        self.token_mixer = depthwise(width)
        self.se = SqueezeExcitation(width) if squeeze else nn.Identity()
        self.channel_mixer = pointwise_mlp(width)

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C H W"]:
        x = self.se(self.token_mixer(x))
        return x + self.channel_mixer(x)


class Downsample(nn.Module):
    """Where a stage begins: more channels on half the grid."""

    def __init__(self, inp: int, out: int) -> None:
        super().__init__()
        self.pre_block = RepViTBlock(inp, squeeze=False)
        self.spatial_downsample = depthwise(inp, stride=2)
        self.channel_downsample = nn.Conv2d(inp, out, 1)
        self.ffn = pointwise_mlp(out)

    def forward(self, x: Float[Tensor, "B I H W"]) -> Float[Tensor, "B O H/2 W/2"]:
        x = self.channel_downsample(self.spatial_downsample(self.pre_block(x)))
        return x + self.ffn(x)


class RepViT(nn.Module):
    """The backbone. Returns four maps, finest first. Image sides must be multiples of 32."""

    def __init__(self, spec: RepViTSpec) -> None:
        super().__init__()
        width = spec.widths[0]
        self.body = named(
            stem=named(
                conv1=nn.Conv2d(3, width // 2, 3, stride=2, padding=1),
                act1=nn.GELU(),
                conv2=nn.Conv2d(width // 2, width, 3, stride=2, padding=1),
            )
        )
        for stage, (out, depth) in enumerate(zip(spec.widths, spec.depths, strict=True)):
            parts: dict[str, nn.Module] = {}
            if stage:
                parts["downsample"] = Downsample(width, out)
            blocks = (RepViTBlock(out, squeeze=index % 2 == 0) for index in range(depth))
            self.body.add_module(f"stages_{stage}", named(**parts, blocks=nn.Sequential(*blocks)))
            width = out

    def forward(self, image: Float[Tensor, "B 3 H W"]) -> list[Float[Tensor, "B _ _ _"]]:
        stem, *stages = self.body
        x = stem(image.contiguous(memory_format=torch.channels_last))
        maps = []
        for stage in stages:
            x = stage(x)
            maps.append(x)
        return maps


def merge_branches(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """A state dict whose convolutions ``c`` with batch norms ``bn`` became single convolutions.

    A depth-wise convolution has two such branches, ``conv`` (3 x 3) and ``conv1`` (1 x 1), and the
    input as a third. What lacks a part keeps its names, so that strict loading tells it.
    """
    state = dict(state)
    for variance in [name for name in state if name.endswith(".bn.running_var")]:
        base = variance.removesuffix(".bn.running_var")
        norm = {part: f"{base}.bn.{part}" for part in NORM}
        if {f"{base}.c.weight", *norm.values()} <= state.keys():
            values = {part: state.pop(name).float() for part, name in norm.items()}
            weight = state.pop(f"{base}.c.weight").float()
            folded = fold_batch_norm(weight, values, BATCH_NORM_EPS)
            state[f"{base}.weight"], state[f"{base}.bias"] = folded
            state.pop(f"{base}.bn.num_batches_tracked", None)
    for name in [name for name in state if name.endswith(".token_mixer.conv1.weight")]:
        base = name.removesuffix(".conv1.weight")
        branches = [f"{base}.{branch}" for branch in ("conv", "conv1")]
        if all(f"{branch}.{part}" in state for branch in branches for part in ("weight", "bias")):
            wide, point = (state.pop(f"{branch}.weight") for branch in branches)
            state[f"{base}.weight"] = wide + F.pad(point + 1, (1, 1, 1, 1))
            first, second = (state.pop(f"{branch}.bias") for branch in branches)
            state[f"{base}.bias"] = first + second
    return state
