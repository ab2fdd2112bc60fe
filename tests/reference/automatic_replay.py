"""Our side of a parity check of automatic masks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sam2track.image import (
    AutomaticMask,
    AutomaticMaskGenerator,
    AutomaticSettings,
    ImagePredictor,
)
from sam2track.model import IMAGE_VARIANTS, SAM, SAM2, find_variant

from .automatic_cases import MODELS
from .focused import focus
from .image_replay import build_sam
from .replay import build
from .small import SMALL
from .small_sam import SMALL_SAM


def ours(name: str) -> SAM | SAM2:
    """Our model of that name, with seeded weights."""
    seed = MODELS[name].seed
    model: SAM | SAM2
    if name == SMALL_SAM.name:
        model = build_sam(SMALL_SAM.variant(), seed)
    elif name in IMAGE_VARIANTS:
        model = build_sam(IMAGE_VARIANTS[name], seed)
    else:
        variant = SMALL[name].variant() if name in SMALL else find_variant(name)
        model = build(variant, seed=seed, presence_bias=0.0)
    focus(model, small=MODELS[name].small)
    return model


def generate(model: SAM | SAM2, case: Mapping[str, Any], image: np.ndarray) -> list[AutomaticMask]:
    """Our automatic masks of an image."""
    settings = AutomaticSettings(**case, sharpen=False)
    return AutomaticMaskGenerator(ImagePredictor(model), settings).generate(image)
