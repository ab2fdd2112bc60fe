"""The APIs of the packages ``sam2`` and ``segment_anything``, for code that was written for them.

Change the imports; docs/compat.md lists the calls and what is different.
"""

from .amg import (
    area_from_rle,
    batch_iterator,
    batched_mask_to_box,
    box_xyxy_to_xywh,
    build_all_layer_point_grids,
    build_point_grid,
    calculate_stability_score,
    coco_encode_rle,
    fill_holes_in_mask_scores,
    generate_crop_boxes,
    is_box_near_crop_edge,
    mask_to_box,
    mask_to_rle_pytorch,
    remove_small_regions,
    rle_to_mask,
    uncrop_boxes_xyxy,
    uncrop_masks,
    uncrop_points,
)
from .automatic import SAM2AutomaticMaskGenerator, SamAutomaticMaskGenerator
from .sam2_build import (
    HF_MODEL_ID_TO_FILENAMES,
    build_sam2,
    build_sam2_hf,
    build_sam2_video_predictor,
    build_sam2_video_predictor_hf,
)
from .sam2_image import SAM2ImagePredictor
from .sam2_video import SAM2VideoPredictor, SAM2VideoPredictorVOS
from .sam_build import (
    Sam,
    build_sam,
    build_sam_vit_b,
    build_sam_vit_h,
    build_sam_vit_l,
    sam_model_registry,
)
from .sam_image import SamPredictor
from .transforms import ResizeLongestSide, SAM2Transforms

__all__ = [
    "HF_MODEL_ID_TO_FILENAMES",
    "ResizeLongestSide",
    "SAM2AutomaticMaskGenerator",
    "SAM2ImagePredictor",
    "SAM2Transforms",
    "SAM2VideoPredictor",
    "SAM2VideoPredictorVOS",
    "Sam",
    "SamAutomaticMaskGenerator",
    "SamPredictor",
    "area_from_rle",
    "batch_iterator",
    "batched_mask_to_box",
    "box_xyxy_to_xywh",
    "build_all_layer_point_grids",
    "build_point_grid",
    "build_sam",
    "build_sam2",
    "build_sam2_hf",
    "build_sam2_video_predictor",
    "build_sam2_video_predictor_hf",
    "build_sam_vit_b",
    "build_sam_vit_h",
    "build_sam_vit_l",
    "calculate_stability_score",
    "coco_encode_rle",
    "fill_holes_in_mask_scores",
    "generate_crop_boxes",
    "is_box_near_crop_edge",
    "mask_to_box",
    "mask_to_rle_pytorch",
    "remove_small_regions",
    "rle_to_mask",
    "sam_model_registry",
    "uncrop_boxes_xyxy",
    "uncrop_masks",
    "uncrop_points",
]
