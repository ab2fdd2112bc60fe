"""The functions of ``utils.amg``, against the plain definition of what they compute."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pycocotools import mask as coco

from sam2track import compat

MASKS = np.random.default_rng(0).random((4, 9, 7)) < np.array([0.0, 0.3, 0.7, 1.0])[:, None, None]


def test_run_lengths_and_back():
    runs = compat.mask_to_rle_pytorch(torch.from_numpy(MASKS))
    for mask, own in zip(MASKS, runs, strict=True):
        assert own["size"] == [9, 7]
        assert np.array_equal(compat.rle_to_mask(own), mask)
        assert compat.area_from_rle(own) == mask.sum()
        packed = compat.coco_encode_rle(own)
        assert isinstance(packed["counts"], str)
        assert np.array_equal(coco.decode(packed), mask)


def test_boxes_of_masks():
    boxes = compat.batched_mask_to_box(torch.from_numpy(MASKS)).tolist()
    for mask, box in zip(MASKS, boxes, strict=True):
        rows, columns = np.nonzero(mask)
        limits = [columns.min(), rows.min(), columns.max(), rows.max()] if len(rows) else [0] * 4
        assert box == limits
    assert compat.mask_to_box(torch.from_numpy(MASKS)[:, None]).shape == (4, 1, 4)
    assert compat.box_xyxy_to_xywh(torch.tensor([2, 3, 7, 9])).tolist() == [2, 3, 5, 6]


def test_stability():
    logits = torch.tensor([[[-2.0, -0.5, 0.5, 2.0]]])
    assert compat.calculate_stability_score(logits, 0.0, 1.0).tolist() == [pytest.approx(1 / 3)]


def test_what_a_crop_shows_is_placed_in_the_picture():
    crop = [10, 20, 17, 29]
    boxes, points = torch.tensor([[0, 0, 6, 8]]), torch.tensor([[1.0, 2.0]])
    assert compat.uncrop_boxes_xyxy(boxes, crop).tolist() == [[10, 20, 16, 28]]
    assert compat.uncrop_points(points, crop).tolist() == [[11, 22]]
    assert compat.uncrop_points(points[None], crop).tolist() == [[[11, 22]]]
    whole = compat.uncrop_masks(torch.from_numpy(MASKS), crop, 40, 30)
    assert whole.shape == (4, 40, 30)
    assert np.array_equal(whole[:, 20:29, 10:17], MASKS)
    assert whole.sum() == MASKS.sum()


def test_boxes_near_the_edge_of_a_crop():
    crop, picture = [100, 0, 200, 100], [0, 0, 200, 100]
    boxes = torch.tensor([[5, 30, 60, 60], [40, 30, 100, 60], [40, 0, 60, 60], [40, 30, 60, 100]])
    near = compat.is_box_near_crop_edge(boxes, crop, picture)
    assert near.tolist() == [True, False, False, False]


def test_grids_and_crops():
    assert compat.build_point_grid(2).tolist() == [
        [0.25, 0.25],
        [0.75, 0.25],
        [0.25, 0.75],
        [0.75, 0.75],
    ]
    assert [len(grid) for grid in compat.build_all_layer_point_grids(8, 2, 2)] == [64, 16, 4]
    crops, layers = compat.generate_crop_boxes((100, 200), 1, 0.25)
    assert layers == [0, 1, 1, 1, 1]
    assert crops[0] == [0, 0, 200, 100]
    assert all(isinstance(crop, list) for crop in crops)


def test_batches():
    assert list(compat.batch_iterator(2, [1, 2, 3], "abc")) == [[[1, 2], "ab"], [[3], "c"]]
    with pytest.raises(ValueError, match="one length"):
        next(compat.batch_iterator(2, [1], [1, 2]))


def test_small_regions():
    mask = np.zeros((12, 12), bool)
    mask[1:8, 1:8] = True
    mask[3, 3] = False
    mask[10, 10] = True
    filled, changed = compat.remove_small_regions(mask, 5, "holes")
    assert changed
    assert filled[3, 3]
    assert filled.sum() == mask.sum() + 1
    alone, changed = compat.remove_small_regions(mask, 5, "islands")
    assert changed
    assert not alone[10, 10]
    assert compat.remove_small_regions(alone, 1, "islands") == (alone, False)
    largest, _ = compat.remove_small_regions(mask, 1000, "islands")
    assert np.array_equal(largest, alone)
    with pytest.raises(ValueError, match="holes or islands"):
        compat.remove_small_regions(mask, 5, "both")


def test_holes_in_logits():
    logits = torch.full((1, 1, 9, 9), 3.0)
    logits[0, 0, 4, 4] = -1
    assert (compat.fill_holes_in_mask_scores(logits, 2) > 0).all()
