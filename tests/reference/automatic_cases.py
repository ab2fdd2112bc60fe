"""Settings for both sides of a parity check of automatic masks.

Seeded weights are sure of nothing and see large things everywhere: the thresholds are low, and much
overlap is allowed, so that there are masks to compare.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool


@dataclass(frozen=True)
class Seeded:
    """A model's seed, how small its masks are made (``focused.py``), its lowest predicted IoU."""

    seed: int
    small: float
    pred_iou_thresh: float


MODELS = {
    "small_sam": Seeded(3, 0.3, 0.66),
    "small_2.1": Seeded(3, 0.0, 0.5),
    "small_2.0": Seeded(3, 0.0, 0.5),
    "sam_vit_b": Seeded(3, 0.3, 0.0),
    "sam2.1_hiera_tiny": Seeded(3, 0.3, 0.0),
}
_LOW = {
    "points_per_side": 12,
    "use_m2m": False,
    "min_mask_region_area": 0,
    "stability_score_offset": 0.03,
    "stability_score_thresh": 0.45,
    "box_nms_thresh": 0.8,
    "crop_nms_thresh": 0.8,
}
CASES = {
    "plain": _LOW,
    "crops": {**_LOW, "points_per_side": 8, "crop_n_layers": 1},
    "refined": {**_LOW, "points_per_side": 6, "use_m2m": True},
}


RECORDED_MODELS = ("small_sam", "small_2.1")


def cases_of(model: str) -> list[str]:
    """The cases for a model: SAM's generator has no refinement."""
    return [case for case in CASES if case != "refined" or "sam_" not in f"{model}_"]


def settings(model: str, case: str) -> dict[str, Any]:
    """The settings of a case, under their official names."""
    return {**CASES[case], "pred_iou_thresh": MODELS[model].pred_iou_thresh}


def matched_iou(
    theirs: Sequence[Bool[np.ndarray, "H W"]], ours: Sequence[Bool[np.ndarray, "H W"]]
) -> list[float]:
    """The IoU of each of their masks with the most similar of ours that no other one has."""
    left, ious = list(ours), []
    for mask in theirs:
        shared = [np.count_nonzero(mask & own) / np.count_nonzero(mask | own) for own in left]
        if shared:
            best = int(np.argmax(shared))
            ious.append(shared[best])
            del left[best]
    return ious
