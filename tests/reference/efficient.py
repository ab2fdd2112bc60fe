"""Scaled-down EdgeTAM and EfficientTAM, which have every part of the released ones.

Both sides of a comparison build them from the variants here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sam2track.model.variants import Variant

# What is recorded of each: the older predictor that these packages hold adds no objects later.
PLAYED = ("click", "correction", "reverse", "wide")


@dataclass(frozen=True)
class Seed:
    """The weights of one model: an object is seen and lost with this bias of its presence."""

    seed: int
    presence_bias: float


SEEDS = {
    "small_edgetam": Seed(8, -0.5),
    "small_efficienttam": Seed(9, -0.9),
    "small_efficienttam_1": Seed(9, -0.9),
    "small_efficienttam_2": Seed(9, -0.9),
}


def small_variant(name: str) -> Variant:
    """A scaled-down variant."""
    from sam2track.model.backbones import PlainViTSpec, RepViTSpec
    from sam2track.model.perceiver import PerceiverSpec
    from sam2track.model.variants import find_variant

    sizes = {"image_size": 192, "width": 64, "memory_width": 16, "memory_mlp": 128}
    if name == "small_edgetam":
        return replace(
            find_variant("edgetam"),
            trunk=RepViTSpec((16, 24, 32, 48), (2, 1, 3, 1)),
            compression=PerceiverSpec(latents=20, latents_2d=36),
            **sizes,
        )
    suffix = name.removeprefix("small_efficienttam")
    return replace(
        find_variant(f"efficienttam_ti{suffix}"),
        trunk=PlainViTSpec(32, 2, depth=3, global_blocks=(2,), window=7, pretrained=4),
        memory_layers=2,
        **sizes,
    )
