"""Folds batch normalisation into convolutions.

The backbones have none, so that training and inference run the same network.
"""

from __future__ import annotations

from collections.abc import Mapping

from jaxtyping import Float
from torch import Tensor


def fold(
    weight: Float[Tensor, "O I k k"], norm: Mapping[str, Tensor], eps: float
) -> tuple[Float[Tensor, "O I k k"], Float[Tensor, " O"]]:
    """Weight and bias of one convolution that equals a convolution and the batch norm after it."""
    scale = norm["weight"] / (norm["running_var"] + eps).sqrt()
    return weight * scale[:, None, None, None], norm["bias"] - norm["running_mean"] * scale
