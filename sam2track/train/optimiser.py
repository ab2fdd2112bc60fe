"""The learning rate of each step, and AdamW's parameter groups."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn


@dataclass(frozen=True, slots=True)
class OptimiserOptions:
    """How gradients change the weights.

    The learning rate has a linear warm-up, a plateau, and a cosine decay.

    Attributes:
        rate: learning rate on the plateau.
        steps: number of updates, at least 1.
        warmup: steps of the linear increase.
        decay: last steps, with the cosine decay; None = all after the warm-up, no plateau.
        final: last learning rate, as a fraction of ``rate``.
        trunk_rate: learning rate of the trunk, as a fraction of ``rate``.
        layer_decay: learning rate of a trunk block, as a fraction of the next block's.
        frozen: prefixes of the names of parameters that are not trained.
        weight_decay, betas: of AdamW.
        clip: largest norm of the gradient.
        average: decay of the averaged weights (EMA); None = no average.
    """

    rate: float = 8e-4
    steps: int = 2000
    warmup: int = 100
    decay: int | None = 800
    final: float = 0.01
    trunk_rate: float = 1.0
    layer_decay: float = 1.0
    frozen: Sequence[str] = ()
    weight_decay: float = 0.05
    betas: Sequence[float] = (0.9, 0.95)
    clip: float = 1.0
    average: float | None = None

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ValueError(f"steps={self.steps}: give at least one")

    def rate_at(self, step: int) -> float:
        """The learning rate at a step, from 0."""
        decay = self.steps - self.warmup if self.decay is None else self.decay
        rising = min(1.0, (step + 1) / max(self.warmup, 1))
        left = min(1.0, max(0.0, (self.steps - step) / max(decay, 1)))
        falling = self.final + (1 - self.final) * (0.5 - 0.5 * math.cos(math.pi * left))
        return self.rate * rising * falling


def parameter_groups(model: nn.Module, options: OptimiserOptions) -> list[dict]:
    """Parameters for the optimiser, grouped by rate and decay; ``scale`` is the factor of the rate.

    The trunk gets ``trunk_rate``, times ``layer_decay`` for each block from a parameter's own on to
    the trunk's end (as BEiT, 2106.08254); layers before the first block count as one more.
    Any trunk whose layers are ``blocks`` works. Vectors and scalars have no decay.

    Raises:
        ValueError: if a frozen prefix fits no parameter, or all parameters are frozen.
    """
    names = [name for name, _ in model.named_parameters()]
    for prefix in options.frozen:
        if not any(name.startswith(prefix) for name in names):
            roots = ", ".join(sorted({name.split(".")[0] for name in names}))
            raise ValueError(f"frozen: no parameter begins with {prefix!r}; they begin: {roots}")
    last = max(_layer(name) for name in names)
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(not name.startswith(tuple(options.frozen)))
        if parameter.requires_grad:
            depth = last + 1 - _layer(name)
            trunk = options.trunk_rate * options.layer_decay**depth
            scale = trunk if name.startswith("trunk.") else 1.0
            decay = options.weight_decay if parameter.ndim > 1 else 0.0
            groups.setdefault((scale, decay), []).append(parameter)
    if not groups:
        raise ValueError("frozen: every parameter is, so there is nothing to train")
    return [
        {"params": parameters, "scale": scale, "weight_decay": decay}
        for (scale, decay), parameters in groups.items()
    ]


def _layer(name: str) -> int:
    """The block of the trunk that a parameter belongs to; -1 = none."""
    block = re.match(r"trunk\.blocks\.(\d+)\.", name)
    return int(block[1]) if block else -1
