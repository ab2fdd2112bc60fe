"""The official generators' side of a parity check of automatic masks.

It needs ``segment-anything==1.0`` and ``sam2==1.1.0`` and, from this repository, only the shared
parts in ``tests/reference``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import image_official  # makes the package ``reference`` of the tests importable
import numpy as np
import reference_official
import torch
from reference.automatic_cases import MODELS
from reference.focused import focus
from reference.seeded import seeded_state
from reference.small import SMALL
from reference.small_sam import SMALL_SAM
from sam2.automatic_mask_generator import SAM2AutomaticMaskGenerator
from sam2.build_sam import build_sam2
from segment_anything import SamAutomaticMaskGenerator, sam_model_registry
from segment_anything.modeling import Sam
from torch import nn

SAM2_CONFIGS = {"sam2.1_hiera_tiny": "configs/sam2.1/sam2.1_hiera_t.yaml"}


def build(name: str) -> nn.Module:
    """The official model of that name, with seeded weights."""
    model = _seeded(name, MODELS[name].seed)
    focus(model, small=MODELS[name].small)
    return model


def _seeded(name: str, seed: int) -> nn.Module:
    if name == SMALL_SAM.name:
        return image_official.build_small_sam(replace(SMALL_SAM, seed=seed))
    if name.startswith("sam_vit"):
        return image_official.seeded(sam_model_registry[name.removeprefix("sam_")](), seed)
    if name in SMALL:
        small = SMALL[name]
        return reference_official.build(
            small.official, small.overrides(), seed=seed, presence_bias=0.0
        )
    model = build_sam2(SAM2_CONFIGS[name], device="cpu")
    shapes = {key: value.shape for key, value in model.state_dict().items()}
    model.load_state_dict(seeded_state(shapes, seed))
    return model


@torch.inference_mode()
def generate(model: nn.Module, case: Mapping[str, Any], image: np.ndarray) -> list[dict[str, Any]]:
    """The official automatic masks of an image."""
    if isinstance(model, Sam):  # it knows no refinement
        case = {key: value for key, value in case.items() if key != "use_m2m"}
        return SamAutomaticMaskGenerator(model, **case).generate(image)
    generator = SAM2AutomaticMaskGenerator(model, **case)
    sides = [model.image_size // stride for stride in (4, 8, 16)]
    generator.predictor._bb_feat_sizes = [(side, side) for side in sides]
    return generator.generate(image)
