"""The generators of automatic masks of both packages, on ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8

from ..image import AutomaticMask, AutomaticMaskGenerator, AutomaticSettings, ImagePredictor
from ..model import SAM, SAM2
from .amg import mask_to_rle_pytorch
from .precision import callers_precision
from .sam2_build import build_sam2_hf
from .sam2_video import SAM2VideoPredictor
from .sam_build import Sam

OUTPUT_MODES = ("binary_mask", "uncompressed_rle", "coco_rle")
USUAL_BATCH = 64  # points: the official default, in place of which our own number is used


SETTINGS = tuple(own.name for own in fields(AutomaticSettings))


class _Generator:
    """What both generators share.

    Args:
        model: the network.
        given: the arguments of the official constructor, by name.
    """

    def __init__(self, model: SAM | SAM2, given: Mapping[str, Any]) -> None:
        side, grids, mode = (given[k] for k in ("points_per_side", "point_grids", "output_mode"))
        if (side is None) == (grids is None):
            raise ValueError("give either points_per_side or point_grids, and None for the other")
        if mode not in OUTPUT_MODES:
            raise ValueError(
                f"output_mode={mode!r} is unknown; there are: {', '.join(OUTPUT_MODES)}"
            )
        self.model, self.output_mode = model, mode
        settings = {name: given[name] for name in SETTINGS if name in given}
        settings["points_per_side"] = 1 if side is None else side
        settings["point_grids"] = None if grids is None else tuple(np.asarray(g) for g in grids)
        # Not sharpened, as in the other classes here.
        self.settings = AutomaticSettings(**settings, sharpen=False)
        rows = given["points_per_batch"]
        predictor = ImagePredictor(model, rows_at_once=None if rows == USUAL_BATCH else rows)
        self.generator = AutomaticMaskGenerator(predictor, self.settings)
        self.point_grids = list(self.generator.grids)

    @property
    def predictor(self) -> ImagePredictor:
        """What decodes the clicks; its ``model`` is the network."""
        return self.generator.predictor

    def generate(self, image: UInt8[np.ndarray, "H W 3"]) -> list[dict[str, Any]]:
        """The masks of everything in a picture, RGB.

        Returns:
            For each mask ``segmentation`` (as ``output_mode`` says), ``area``, ``bbox`` and
            ``crop_box`` as ``[x, y, width, height]``, ``predicted_iou``, ``stability_score`` and
            ``point_coords``, ``[[x, y]]``.
        """
        with callers_precision(self.model):
            found = self.generator.generate(image)
        return [self._record(one) for one in found]

    def _record(self, one: AutomaticMask) -> dict[str, Any]:
        record = one.record(runs=self.output_mode == "coco_rle")
        if self.output_mode == "uncompressed_rle":
            mask = torch.from_numpy(record["segmentation"])
            record["segmentation"] = mask_to_rle_pytorch(mask[None])[0]
        return record


class SAM2AutomaticMaskGenerator(_Generator):
    """Masks of everything in a picture by SAM 2.

    Args:
        model: of :func:`build_sam2`, or a video predictor.
        points_per_batch: clicks that are decoded together; it does not change the masks. The
            default stands for the number that suits the device.
        min_mask_region_area: holes and islands of fewer pixels of the picture are removed; 0 =
            none. (Official: low-resolution pixels, and only with the CUDA extension.)
        output_mode: ``binary_mask``, ``uncompressed_rle`` or ``coco_rle``.
        kwargs: ignored, as in the official class.

    The numbers in ``bbox`` and ``crop_box`` are floats, as in the official class. The other
    arguments are those of :class:`sam2track.image.AutomaticSettings`.
    """

    def __init__(
        self,
        model: SAM2 | SAM2VideoPredictor,
        points_per_side: int | None = 32,
        points_per_batch: int = USUAL_BATCH,
        pred_iou_thresh: float = 0.8,
        stability_score_thresh: float = 0.95,
        stability_score_offset: float = 1.0,
        mask_threshold: float = 0.0,
        box_nms_thresh: float = 0.7,
        crop_n_layers: int = 0,
        crop_nms_thresh: float = 0.7,
        crop_overlap_ratio: float = 512 / 1500,
        crop_n_points_downscale_factor: int = 1,
        point_grids: Sequence[np.ndarray] | None = None,
        min_mask_region_area: float = 0,
        output_mode: str = "binary_mask",
        use_m2m: bool = False,
        multimask_output: bool = True,
        **kwargs: Any,
    ) -> None:
        network = model.model if isinstance(model, SAM2VideoPredictor) else model
        super().__init__(network, locals())

    @classmethod
    def from_pretrained(cls, model_id: str, **kwargs: Any) -> SAM2AutomaticMaskGenerator:
        """The generator of a repository on the hub, such as ``facebook/sam2.1-hiera-tiny``.

        ``kwargs`` are those of :func:`build_sam2` and of the constructor.
        """
        return cls(build_sam2_hf(model_id, **kwargs), **kwargs)

    def _record(self, one: AutomaticMask) -> dict[str, Any]:
        record = super()._record(one)
        boxes = {key: [float(side) for side in record[key]] for key in ("bbox", "crop_box")}
        return {**record, **boxes}


class SamAutomaticMaskGenerator(_Generator):
    """Masks of everything in a picture by SAM.

    Args:
        model: of ``sam_model_registry``.

    The other arguments are those of :class:`SAM2AutomaticMaskGenerator`.
    """

    def __init__(
        self,
        model: Sam,
        points_per_side: int | None = 32,
        points_per_batch: int = USUAL_BATCH,
        pred_iou_thresh: float = 0.88,
        stability_score_thresh: float = 0.95,
        stability_score_offset: float = 1.0,
        box_nms_thresh: float = 0.7,
        crop_n_layers: int = 0,
        crop_nms_thresh: float = 0.7,
        crop_overlap_ratio: float = 512 / 1500,
        crop_n_points_downscale_factor: int = 1,
        point_grids: Sequence[np.ndarray] | None = None,
        min_mask_region_area: float = 0,
        output_mode: str = "binary_mask",
    ) -> None:
        super().__init__(model.model, {**locals(), "mask_threshold": model.mask_threshold})
