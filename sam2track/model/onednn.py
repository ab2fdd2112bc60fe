"""Layers computed by oneDNN, whose operations PyTorch's own compiler calls too.

A layer and its activation are one operation: a small model spends as much time between operations
as in them, and an activation of its own reads and writes a whole map again. PyTorch computes
products in fp32 with Intel's MKL, which does not use AVX-512 on AMD's processors; oneDNN does, and
takes half the time. Results are equal but for rounding. For gradients, for export and compilation,
on other devices and without oneDNN the usual layers run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from ..device import is_eager
from .derived import derived

FEWEST = 1 << 20  # multiplications; for fewer, oneDNN takes longer to begin than it saves


@dataclass(frozen=True, slots=True)
class Activation:
    """An activation function."""

    apply: Callable[[Tensor], Tensor]  # the function; it may change its input
    # How oneDNN's operations name it: attribute, scalars, algorithm
    post: tuple[str, list[float], str]


NONE = Activation(lambda x: x, ("none", [], ""))
RELU = Activation(F.relu, ("relu", [], ""))
RELU6 = Activation(lambda x: F.relu6(x, inplace=True), ("hardtanh", [0.0, 6.0], ""))
GELU = Activation(F.gelu, ("gelu", [], "none"))


def _supported() -> frozenset[torch.dtype]:
    """The dtypes that oneDNN computes in here."""
    operations = ("_linear_pointwise", "_convolution_pointwise", "_is_mkldnn_bf16_supported")
    if not torch.backends.mkldnn.is_available():
        return frozenset()
    if not all(hasattr(torch.ops.mkldnn, name) for name in operations):
        return frozenset()
    bf16 = torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return frozenset({torch.float32, torch.bfloat16} if bf16 else {torch.float32})


_DTYPES = _supported()
# The overloads themselves, since to choose one takes longer than to call it.
_linear: Any = torch.ops.mkldnn._linear_pointwise.default if _DTYPES else None
_convolve: Any = torch.ops.mkldnn._convolution_pointwise.default if _DTYPES else None
_pack_linear: Any = torch.ops.mkldnn._reorder_linear_weight if _DTYPES else None
_pack_convolution: Any = torch.ops.mkldnn._reorder_convolution_weight if _DTYPES else None


def can_fuse(x: Tensor, weight: Tensor) -> bool:
    """Whether oneDNN may compute this: for inference on a CPU, in the dtype of the weight."""
    if not x.is_cpu or not is_eager():
        return False
    return weight.dtype in _DTYPES and weight.dtype == computed_in(x)


@cache
def beats_mkl() -> bool:
    """Whether oneDNN's products in fp32 take half the time of MKL's: AMD's with AVX-512."""
    told = getattr(torch.cpu, "get_capabilities", dict)()  # an older PyTorch does not tell
    return bool(_DTYPES) and told.get("avx512_f", False) and "AMD" in told.get("cpu_name", "")


def computed_in(x: Tensor) -> torch.dtype:
    """The dtype in which a layer computes: autocast's, if that is on."""
    kind = "cpu" if x.is_cpu else x.device.type  # whose text takes a while to make
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else x.dtype


def linear(
    x: Float[Tensor, "*batch I"], layer: nn.Linear, activation: Activation = NONE
) -> Float[Tensor, "*batch O"]:
    """A linear layer and an activation."""
    # A layer that somebody has put in its place, such as an adapter, does more than multiply.
    if type(layer) not in (nn.Linear, Linear) or not _is_faster(x, layer.weight):
        return activation.apply(layer(x))
    return _linear(x.to(layer.weight.dtype), layer.weight, layer.bias, *activation.post)


class Linear(nn.Linear):
    """A linear layer, by oneDNN where that is faster than PyTorch's own choice."""

    def forward(self, input: Float[Tensor, "*batch I"]) -> Float[Tensor, "*batch O"]:
        # In this order: compilers stop at the first, and cannot follow the second.
        if _is_faster(input, self.weight) and beats_mkl():
            return product(input, self.weight, self.bias)
        return F.linear(input, self.weight, self.bias)


def _is_faster(x: Tensor, weight: Tensor) -> bool:
    """Whether oneDNN may compute this product, and there is enough of it."""
    # Sizes come last, since exporters would make a rule of them.
    return can_fuse(x, weight) and x.numel() * len(weight) >= FEWEST


def product(
    x: Float[Tensor, "*batch I"], weight: Tensor, bias: Float[Tensor, " O"] | None = None
) -> Float[Tensor, "*batch O"]:
    """``x @ weight.T + bias`` where :func:`can_fuse`; the weight may be :func:`packed`."""
    return _linear(x.to(weight.dtype), weight, bias, *NONE.post)


def packed(weight: Float[Tensor, "O I"], rows: int | None = None) -> Tensor:
    """A matrix in the order that oneDNN reads, for several :func:`product`s with so many rows."""
    return _pack_linear(weight, rows)


def pointwise(
    x: Float[Tensor, "B I H W"], layer: nn.Conv2d, activation: Activation = NONE
) -> Float[Tensor, "B O H W"]:
    """A convolution of one pixel and an activation; quick for maps whose channels come last."""
    weight = layer.weight
    if not can_fuse(x, weight):
        return activation.apply(layer(x))
    matrix = derived(layer, (weight,), lambda: packed(weight.flatten(1)))
    cells = x.to(weight.dtype).permute(0, 2, 3, 1)
    return _linear(cells, matrix, layer.bias, *activation.post).permute(0, 3, 1, 2)


def chain(
    x: Float[Tensor, "B I H W"], first: nn.Conv2d, second: nn.Conv2d | None
) -> Float[Tensor, "B O H W"]:
    """Two convolutions of one pixel (or one, if ``second`` is None), computed as one."""
    if second is None:
        return pointwise(x, first)
    ours, theirs = first.bias, second.bias
    if not can_fuse(x, first.weight) or ours is None or theirs is None:
        return second(first(x))

    def multiply() -> tuple[Tensor, Tensor]:
        one, two = (layer.weight.float().flatten(1) for layer in (first, second))
        weight = packed((two @ one).to(first.weight.dtype))
        return weight, (theirs + two @ ours.float()).to(first.weight.dtype)

    made = derived(second, (first.weight, ours, second.weight, theirs), multiply)
    cells = x.to(first.weight.dtype).permute(0, 2, 3, 1)
    return _linear(cells, *made, *NONE.post).permute(0, 3, 1, 2)


def convolve(
    x: Float[Tensor, "B I H W"],
    layer: nn.Conv2d,
    activation: Activation = NONE,
    *,
    pad: tuple[int, int] = (0, 0),
) -> Float[Tensor, "B O H2 W2"]:
    """A convolution and an activation.

    Args:
        pad: rows and columns of zeros put before the kernel and behind it.
    """
    weight, stride, groups = layer.weight, layer.stride, layer.groups
    padding = cast("tuple[int, int]", layer.padding)
    if not can_fuse(x, weight):
        weight = F.pad(weight, pad * 2) if any(pad) else weight
        return activation.apply(F.conv2d(x, weight, layer.bias, stride, padding, groups=groups))

    def pack() -> Tensor:
        padded = F.pad(weight, pad * 2)
        return _pack_convolution(padded, padding, stride, (1, 1), groups, x.shape)

    x, own = x.to(weight.dtype), derived(layer, (weight,), pack)
    return _convolve(x, own, layer.bias, padding, stride, (1, 1), groups, *activation.post)


Prepared = Callable[[Tensor], Tensor]  # from and to cells, whose channels come last: (B, H, W, C)


def prepared_pointwise(layer: nn.Conv2d, activation: Activation = NONE) -> Prepared:
    """:func:`pointwise` where :func:`can_fuse`; all that depends on the weights is done here."""
    given = packed(layer.weight.flatten(1)), layer.bias, *activation.post
    return lambda cells: _linear(cells, *given)


def prepared_convolution(
    layer: nn.Conv2d,
    shape: tuple[int, int, int],
    activation: Activation = NONE,
    *,
    pad: tuple[int, int] = (0, 0),
) -> Prepared:
    """:func:`convolve` in the same way, quickest for cells of this batch, height and width."""
    padding, stride, groups = layer.padding, layer.stride, layer.groups
    batch, height, width = shape
    own = _pack_convolution(
        F.pad(layer.weight, pad * 2),
        padding,
        stride,
        (1, 1),
        groups,
        (batch, layer.in_channels, height, width),
    )
    given = own, layer.bias, padding, stride, (1, 1), groups, *activation.post
    return lambda cells: _convolve(cells.permute(0, 3, 1, 2), *given).permute(0, 2, 3, 1)
