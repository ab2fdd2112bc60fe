"""How the official predictor's outputs are kept on disk, and read again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from torch import Tensor

RECORDED = Path(__file__).parent
VALUES = 1500  # kept of a stage's output, evenly spaced
STEP = 4  # every fourth logit, both ways
SCALE = 1024  # logits as whole numbers of 1/1024
LIMIT = 30.0  # ... and clipped, -1024 being "absent"


def keep_values(output: Tensor) -> np.ndarray:
    """Some of a tensor's values, evenly spaced by a step that no dimension is a multiple of."""
    flat = output.detach().float().flatten()
    step = max(1, len(flat) // VALUES) | 1
    return flat[::step].numpy()


def keep_logits(logits: Tensor) -> np.ndarray:
    """Some of a mask's logits, as 16-bit whole numbers."""
    some = logits[::STEP, ::STEP].clamp(-LIMIT, LIMIT)
    return (some * SCALE).round().short().numpy()


def keep_mask(mask: Tensor) -> np.ndarray:
    """A mask ``(H, W)`` as bits."""
    return np.packbits(mask.numpy())


def mask_iou(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Intersection over union of packed masks; 1 if both are empty."""
    union = np.unpackbits(ours | theirs).sum()
    return float(np.unpackbits(ours & theirs).sum() / union) if union else 1.0
