"""Settings of automatic masks, under the names that the official generators use."""

from __future__ import annotations

from dataclasses import dataclass, fields
from math import inf, isfinite
from numbers import Real

import numpy as np
from jaxtyping import Float

from ..types import whole_number

WHOLE = ("points_per_side", "crop_n_layers", "crop_n_points_downscale_factor")
RANGES = {
    "points_per_side": (1, inf),
    "crop_n_layers": (0, inf),
    "crop_n_points_downscale_factor": (1, inf),
    "min_mask_region_area": (0, inf),
    "crop_overlap_ratio": (0, inf),
    "stability_score_offset": (0, inf),
    "pred_iou_thresh": (-inf, inf),
    "mask_threshold": (-inf, inf),
    "box_nms_thresh": (0, 1),
    "crop_nms_thresh": (0, 1),
    "stability_score_thresh": (0, 1),
}


@dataclass(frozen=True, slots=True)
class AutomaticSettings:
    """How automatic masks are found and which of them are kept; None = as suits the model.

    Attributes:
        points_per_side: of the grid of points, one click each.
        point_grids: points of your own instead, one array for the picture and one for each layer
            of crops: ``(x, y)`` in 0..1 of the picture, or of the crop.
        pred_iou_thresh: masks whose predicted IoU is above it stay; 0 = all.
        stability_score_thresh: masks whose stability is at least this stay; 0 = all. Stability is
            the IoU of the masks at ``mask_threshold`` plus and minus ``stability_score_offset``
            (SAM, 2304.02643, section 5).
        stability_score_offset: in logits.
        mask_threshold: the logit above which a pixel is on the object.
        box_nms_thresh: of masks of one crop whose boxes have a higher IoU, the one with the highest
            predicted IoU stays.
        crop_n_layers: 1 = crops of about half the picture's sides are searched too, so that small
            objects are found; 2 = also crops of a quarter; and so on.
        crop_nms_thresh: of masks of different crops whose boxes have a higher IoU, the one of the
            smallest crop stays.
        crop_overlap_ratio: by how much crops overlap, in the picture's shorter side.
        crop_n_points_downscale_factor: layer n has ``points_per_side`` / this to the power of n
            points on a side.
        min_mask_region_area: holes and islands of fewer pixels are removed; 0 = none.
        use_m2m: whether each mask is given back to the model, with its click, to be refined.
        multimask_output: whether a click gives three masks.
        sharpen: whether edges are fitted to the picture's (:func:`sam2track.masks.sharpen`):
            coarse masks, such as nano's, gain by it.

    Raises:
        ValueError: for values of another type, or that make no sense.
    """

    points_per_side: int | None = None
    point_grids: tuple[Float[np.ndarray, "_ 2"], ...] | None = None
    pred_iou_thresh: float | None = None
    stability_score_thresh: float | None = None
    stability_score_offset: float | None = None
    mask_threshold: float = 0.0
    box_nms_thresh: float = 0.7
    crop_n_layers: int = 0
    crop_nms_thresh: float = 0.7
    crop_overlap_ratio: float = 512 / 1500
    crop_n_points_downscale_factor: int = 1
    min_mask_region_area: float | None = None
    use_m2m: bool | None = None
    multimask_output: bool = True
    sharpen: bool | None = None

    def __post_init__(self) -> None:
        for own in fields(self):
            name, value = own.name, getattr(self, own.name)
            if name not in RANGES or (value is None and own.default is None):
                continue
            least, most = RANGES[name]
            if name in WHOLE:
                whole_number(getattr(self, name), name, least=int(least))
            elif not (isinstance(value, Real) and isfinite(value) and least <= value <= most):
                raise ValueError(f"{name}={value}: must be a number from {least:g} to {most:g}")
        for points in () if self.point_grids is None else self.point_grids:
            grid = np.asarray(points)
            right = grid.ndim == 2 and grid.shape[1] == 2
            if not right or not ((grid >= 0) & (grid <= 1)).all():
                raise ValueError("point_grids are arrays (P, 2) of (x, y) in 0..1 of the picture")
        if self.point_grids is not None and len(self.point_grids) != self.crop_n_layers + 1:
            raise ValueError(
                f"{len(self.point_grids)} point_grids for crop_n_layers={self.crop_n_layers}; give "
                "one for the picture and one for each layer"
            )
