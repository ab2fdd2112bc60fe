"""Functions of ``segment_anything.utils.amg``, ``sam2.utils.amg`` and ``sam2.utils.misc``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor

from ..image.crops import layered_crops, point_grid
from ..masks import fill_holes, flat_runs, pack_runs
from ..masks.boxes import mask_boxes

Runs = dict[str, Any]  # COCO run lengths: size, counts


def mask_to_rle_pytorch(tensor: Bool[Tensor, "B H W"]) -> list[Runs]:
    """The run lengths of masks, not compressed."""
    masks = tensor.cpu().numpy()
    return [{"size": list(m.shape), "counts": flat_runs(m.ravel(order="F"))} for m in masks]


def rle_to_mask(rle: Runs) -> Bool[np.ndarray, "H W"]:
    """A mask from its run lengths, not compressed."""
    on_object = np.arange(len(rle["counts"])) % 2 == 1
    return np.repeat(on_object, rle["counts"]).reshape(rle["size"], order="F")


def area_from_rle(rle: Runs) -> int:
    """The number of pixels on the object, from run lengths that are not compressed."""
    return sum(rle["counts"][1::2])


def coco_encode_rle(uncompressed_rle: Runs) -> Runs:
    """Compressed run lengths, which JSON can hold; ValueError if the run lengths are damaged."""
    packed = pack_runs(uncompressed_rle, "the run lengths")
    return {"size": packed["size"], "counts": packed["counts"].decode()}


def calculate_stability_score(
    masks: Float[Tensor, "*n H W"], mask_threshold: float, threshold_offset: float
) -> Float[Tensor, "*n"]:
    """IoU of the masks at a higher and a lower threshold of their logits."""
    higher, lower = mask_threshold + threshold_offset, mask_threshold - threshold_offset
    inner, outer = ((masks > limit).sum((-1, -2)) for limit in (higher, lower))
    return inner / outer


def batched_mask_to_box(masks: Bool[Tensor, "*n H W"]) -> Int[Tensor, "*n 4"]:
    """First and last column and row of masks, ``(x0, y0, x1, y1)``; zeros for an empty mask."""
    return mask_boxes(masks)


def mask_to_box(masks: Bool[Tensor, "B 1 H W"]) -> Int[Tensor, "B 1 4"]:
    """:func:`batched_mask_to_box`, under the name of ``sam2.utils.misc``."""
    return batched_mask_to_box(masks)


def box_xyxy_to_xywh(box_xyxy: Shaped[Tensor, " 4"]) -> Shaped[Tensor, " 4"]:
    """A box ``(x0, y0, x1, y1)`` as ``(x, y, width, height)``."""
    return torch.cat((box_xyxy[:2], box_xyxy[2:] - box_xyxy[:2]))


def is_box_near_crop_edge(
    boxes: Shaped[Tensor, "B 4"], crop_box: Sequence[int], orig_box: Sequence[int], atol: float = 20
) -> Bool[Tensor, " B"]:
    """Which boxes of a crop end near an edge of it that is not an edge of the picture.

    Args:
        boxes: ``(x0, y0, x1, y1)`` in pixels of the crop.
        crop_box, orig_box: the crop and the picture, in pixels of the picture.
        atol: how near, in pixels.
    """
    placed = uncrop_boxes_xyxy(boxes, crop_box).float()
    near = [(placed - placed.new_tensor(box)).abs() <= atol for box in (crop_box, orig_box)]
    return (near[0] & ~near[1]).any(1)


def uncrop_boxes_xyxy(
    boxes: Shaped[Tensor, "*n 4"], crop_box: Sequence[int]
) -> Shaped[Tensor, "*n 4"]:
    """Boxes of a crop in pixels of the picture."""
    return boxes + torch.tensor([*crop_box[:2], *crop_box[:2]], device=boxes.device)


def uncrop_points(
    points: Shaped[Tensor, "*n 2"], crop_box: Sequence[int]
) -> Shaped[Tensor, "*n 2"]:
    """Points of a crop in pixels of the picture."""
    return points + torch.tensor(crop_box[:2], device=points.device)


def uncrop_masks(
    masks: Shaped[Tensor, "*n h w"], crop_box: Sequence[int], orig_h: int, orig_w: int
) -> Shaped[Tensor, "*n H W"]:
    """Masks of a crop at the picture's size; ``crop_box`` is ``(x0, y0, x1, y1)``, pixels."""
    x0, y0, x1, y1 = crop_box
    return F.pad(masks, (x0, orig_w - x1, y0, orig_h - y1))


def build_point_grid(n_per_side: int) -> Float[np.ndarray, "P 2"]:
    """Points ``(x, y)`` in the middle of equal cells of the unit square, 0..1."""
    return point_grid(n_per_side)


def build_all_layer_point_grids(
    n_per_side: int, n_layers: int, scale_per_layer: int
) -> list[Float[np.ndarray, "P 2"]]:
    """A grid for the picture and one for each layer of crops; x and y are 0..1."""
    return [point_grid(int(n_per_side / scale_per_layer**n)) for n in range(n_layers + 1)]


def generate_crop_boxes(
    im_size: tuple[int, ...], n_layers: int, overlap_ratio: float
) -> tuple[list[list[int]], list[int]]:
    """The crops of all layers, ``[x0, y0, x1, y1]``, and the layer of each.

    Args:
        im_size: height and width of the picture.
    """
    crops = layered_crops((im_size[0], im_size[1]), n_layers, overlap_ratio)
    return [list(crop) for crop, _ in crops], [layer for _, layer in crops]


def batch_iterator(batch_size: int, *args: Sequence[Any]) -> Iterator[list[Any]]:
    """Parts of ``batch_size`` of each argument, all of which have the same length.

    Raises:
        ValueError: if they have not.
    """
    if len({len(arg) for arg in args}) != 1:
        raise ValueError(f"lengths {[len(arg) for arg in args]}: give arguments of one length")
    for start in range(0, len(args[0]), batch_size):
        yield [arg[start : start + batch_size] for arg in args]


def remove_small_regions(
    mask: Bool[np.ndarray, "H W"], area_thresh: float, mode: str
) -> tuple[Bool[np.ndarray, "H W"], bool]:
    """A mask without its small holes, or islands, and whether it had any.

    Args:
        area_thresh: in pixels; smaller regions are removed. If all islands are, the largest stays.
        mode: ``holes`` or ``islands``.

    Raises:
        ValueError: for another mode.
    """
    if mode not in ("holes", "islands"):
        raise ValueError(f"mode={mode!r}; give holes or islands")
    region = ~mask if mode == "holes" else mask
    _, labels, stats, _ = cv2.connectedComponentsWithStats(region.astype(np.uint8), connectivity=8)
    areas = stats[1:, cv2.CC_STAT_AREA]
    small = areas < area_thresh
    if not small.any():
        return mask, False
    if mode == "islands" and small.all():
        small[areas.argmax()] = False
    changed = np.r_[False, small][labels]
    return (mask | changed if mode == "holes" else mask & ~changed), True


def fill_holes_in_mask_scores(mask: Float[Tensor, "B 1 H W"], max_area: int) -> Tensor:
    """Logits of this shape in which holes of up to ``max_area`` pixels are foreground, barely."""
    return fill_holes(mask[:, 0], max_area)[:, None]
