"""Matrix products in fp32, twice as fast on AMD's processors with AVX-512.

PyTorch computes them with Intel's MKL, which does not use AVX-512 there. oneDNN, which it has for
bf16 and for convolutions, does. Both are exact to the last digits of fp32.
"""

from __future__ import annotations

from functools import cache

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

FEWEST_ROWS = 64  # with fewer, oneDNN takes longer to begin than it saves


@cache
def onednn_is_faster() -> bool:
    """Whether this machine has such a processor, and PyTorch what it takes."""
    told = getattr(torch.cpu, "get_capabilities", dict)()  # an older PyTorch does not tell
    known = torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")
    return known and told.get("avx512_f", False) and "AMD" in told.get("cpu_name", "")


def takes_onednn(x: Tensor) -> bool:
    """Whether :func:`product` may be used for products of this tensor."""
    return (
        x.dtype == torch.float32
        and x.device.type == "cpu"
        and not torch.is_grad_enabled()
        and not torch.compiler.is_compiling()
        and not torch.is_autocast_enabled("cpu")
        and onednn_is_faster()
    )


def packed(weight: Float[Tensor, "O I"], rows: int) -> Tensor:
    """A matrix for several :func:`product`s with this number of rows."""
    return torch.ops.mkldnn._reorder_linear_weight(weight, rows)


def product(
    x: Float[Tensor, "*batch I"], weight: Tensor, bias: Float[Tensor, " O"] | None = None
) -> Float[Tensor, "*batch O"]:
    """``x @ weight.T + bias`` by oneDNN; the weight may be :func:`packed`."""
    return torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")


class Linear(nn.Linear):
    """A linear layer that takes the faster library in fp32."""

    def forward(self, input: Float[Tensor, "*batch I"]) -> Float[Tensor, "*batch O"]:
        if self._is_faster(input):
            return product(input, self.weight, self.bias)
        return F.linear(input, self.weight, self.bias)

    def _is_faster(self, x: Tensor) -> bool:
        # In this order, since exporters would make a rule of the number of rows.
        return (
            x.dtype == self.weight.dtype
            and takes_onednn(x)
            and x.numel() >= FEWEST_ROWS * self.in_features
        )
