"""Masks of everything: where clicks are given, which masks stay, what is said of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny import SIZE, noise_frames, tiny_model

from sam2track import Prompt
from sam2track.image import (
    AutomaticMask,
    AutomaticMaskGenerator,
    AutomaticSettings,
    ImagePredictor,
    PromptRows,
    automatic,
    crops,
    full_size,
)
from sam2track.image.crops import cut_off, layered_crops, point_grid
from sam2track.image.full_size import measure
from sam2track.masks import remove_small_regions

# Random weights are sure of nothing: what they show is kept.
LOOSE = AutomaticSettings(
    points_per_side=4,
    pred_iou_thresh=0.0,
    stability_score_thresh=0.0,
    stability_score_offset=0.1,
    box_nms_thresh=0.95,
    crop_nms_thresh=0.95,
    min_mask_region_area=0,
    use_m2m=False,
    sharpen=False,
)


@pytest.fixture(scope="module")
def predictor() -> ImagePredictor:
    return ImagePredictor(tiny_model(), rows_at_once=3)


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    return noise_frames(1)[0].image


def generate(predictor, picture, settings=LOOSE, **changes) -> list[AutomaticMask]:
    return AutomaticMaskGenerator(predictor, replace(settings, **changes)).generate(picture)


def test_a_small_model_uses_one_thread(picture, monkeypatch):
    predictor, counts = ImagePredictor(tiny_model()), []
    assert predictor.model.small_on_cpu

    def watch(owner, name):
        method = getattr(owner, name)

        def watched(*given, **named):
            counts.append(torch.get_num_threads())
            return method(*given, **named)

        monkeypatch.setattr(owner, name, watched)

    for name in ("prepare_picture", "encode", "decode_picture"):
        watch(predictor.model, name)
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        predictor.predict(picture, Prompt.click(20, 20))
        assert counts == [1, 1, 1]
        watch(automatic, "measure")
        generate(predictor, picture)
        assert set(counts) == {1}
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


def test_masks_are_those_of_single_clicks(predictor, picture):
    found = generate(predictor, picture, box_nms_thresh=1.0)
    clicks = point_grid(4) * SIZE[::-1]
    parts = list(predictor.decode(predictor.encode(picture), PromptRows.of_points(clicks)))
    scores = torch.cat([part.scores for part in parts])
    masks = torch.cat([part.masks() for part in parts]).numpy()
    seen = int(masks.any((2, 3)).sum())
    assert 10 < len(found) == seen
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
    for one in found:
        (row,) = np.flatnonzero(np.isclose(clicks, one.point, atol=1e-3).all(1))
        place = int((scores[row] - one.score).abs().argmin())
        assert np.array_equal(one.mask(), masks[row, place])


def test_what_is_said_of_a_mask_is_true(predictor, picture):
    for one in generate(predictor, picture):
        mask, (x0, y0, x1, y1) = one.mask(), one.box
        assert one.area == mask.sum() == mask[y0:y1, x0:x1].sum()
        assert mask[y0:y1, x0:x1].any(0)[[0, -1]].all()
        assert mask[y0:y1, x0:x1].any(1)[[0, -1]].all()
        assert one.crop == (0, 0, SIZE[1], SIZE[0])
        record = one.record()
        assert np.array_equal(record["segmentation"], mask)
        assert record["bbox"] == [x0, y0, x1 - x0 - 1, y1 - y0 - 1]
        assert record["crop_box"] == [0, 0, SIZE[1], SIZE[0]]
        assert one.record(runs=True)["segmentation"]["size"] == [*SIZE]
        assert one.annotation(7)["bbox"] == [x0, y0, x1 - x0, y1 - y0]


def test_each_threshold_drops_what_is_below_it(predictor, picture):
    found = generate(predictor, picture, box_nms_thresh=1.0)
    score = float(np.median([one.score for one in found]))
    stability = float(np.median([one.stability for one in found]))
    sure = generate(predictor, picture, box_nms_thresh=1.0, pred_iou_thresh=score)
    assert [one.runs for one in sure] == [one.runs for one in found if one.score > score]
    stable = generate(predictor, picture, box_nms_thresh=1.0, stability_score_thresh=stability)
    assert [o.runs for o in stable] == [o.runs for o in found if o.stability >= stability]
    assert 0 < len(generate(predictor, picture, box_nms_thresh=0.5)) < len(found)


def test_both_ways_to_measure_agree(predictor, picture):
    (part,) = predictor.decode(
        predictor.encode(picture), PromptRows.of_points(point_grid(2)[:3] * SIZE[::-1])
    )
    masks = part.flat()
    logits = masks.logits.clone()
    logits[0] = -5.0  # empty
    masks = replace(masks, logits=logits)
    one_by_one = measure(masks, 0.0, 0.1)
    full = torch.cat(list(masks.at_full_size()))
    together = full_size._measure_many(full, 0.0, 0.1)
    np.testing.assert_allclose(together.stability, one_by_one.stability, atol=1e-6)
    assert np.array_equal(together.boxes, one_by_one.boxes)
    assert np.array_equal(together.seen, one_by_one.seen)
    assert not together.seen[0]


def test_crops_find_more_and_their_masks_lie_in_the_picture(predictor, monkeypatch):
    monkeypatch.setattr(crops, "NEAR", -1)  # masks of random weights end at every edge
    picture = noise_frames(1, size=(120, 160))[0].image
    whole = generate(predictor, picture)
    found = generate(predictor, picture, crop_n_layers=1)
    assert len({one.crop for one in found}) > 1
    assert {one.crop for one in whole} == {(0, 0, 160, 120)}
    for one in found:
        x0, y0, x1, y1 = one.crop
        outside = one.mask()
        assert outside.shape == (120, 160)
        outside[y0:y1, x0:x1] = False
        assert not outside.any()
        assert x0 <= one.point[0] <= x1
        assert y0 <= one.point[1] <= y1
    areas = [(x1 - x0) * (y1 - y0) for x0, y0, x1, y1 in (one.crop for one in found)]
    assert areas == sorted(areas)


def test_layers_of_crops_cover_the_picture_and_overlap():
    layers = layered_crops((100, 150), 2, 0.3)
    assert [layer for _, layer in layers] == [0] + [1] * 4 + [2] * 16
    assert layers[0][0] == (0, 0, 150, 100)
    assert layers[1][0] == (0, 0, 90, 65)
    assert layers[4][0] == (60, 35, 150, 100)
    for layer in (1, 2):
        covered = np.zeros((100, 150), int)
        for (x0, y0, x1, y1), own in layers:
            covered[y0:y1, x0:x1] += own == layer
        assert covered.min() == 1
        assert covered.max() == 4


def test_masks_that_end_at_a_crops_edge_are_cut_off():
    boxes = np.array([[30, 30, 60, 60], [5, 30, 60, 60], [110, 30, 119, 60], [30, 30, 60, 90]])
    cut = cut_off(boxes, (0, 0, 120, 100), (100, 300))
    assert cut.tolist() == [False, False, True, False]


def test_clicks_are_only_given_where_they_are_wanted(predictor, picture):
    where = np.zeros(SIZE, bool)
    where[:, : SIZE[1] // 2] = True
    generator = AutomaticMaskGenerator(predictor, LOOSE)
    found = generator.generate(picture, where=where)
    assert found
    assert all(one.point[0] < SIZE[1] / 2 for one in found)
    assert generator.generate(picture, where=np.zeros(SIZE, bool)) == []
    with pytest.raises(ValueError, match=r"where is bool of shape \(4, 4\); .* \(48, 64\)"):
        generator.generate(picture, where=np.zeros((4, 4), bool))
    with pytest.raises(ValueError, match="where is int64 of shape"):  # no places, but a mask
        generator.generate(picture, where=where.astype(int))
    own = AutomaticSettings(point_grids=(np.array([[1.0, 1.0]]),))
    AutomaticMaskGenerator(predictor, own).generate(picture, where=np.ones(SIZE, bool))


def test_small_regions_are_removed(predictor, picture):
    found = generate(predictor, picture, min_mask_region_area=60)
    assert found
    for one in found:
        mask = one.mask()
        assert remove_small_regions(mask, 60) is mask
        assert one.area == mask.sum()


def test_refinement_gives_each_mask_back_once(predictor, picture):
    found = generate(predictor, picture, use_m2m=True, box_nms_thresh=1.0)
    plain = generate(predictor, picture, box_nms_thresh=1.0)
    assert found
    assert {one.runs["counts"] for one in found} != {one.runs["counts"] for one in plain}
    one = found[0]
    encoded = predictor.encode(picture)
    (first,) = predictor.decode(encoded, PromptRows.of_points([one.point]))
    first = first.flat()
    rows = replace(PromptRows.of_points([one.point] * 3), logits=first.logits[:, 0])
    (again,) = predictor.decode(encoded, rows, multimask=False)
    assert any(np.array_equal(mask, one.mask()) for mask in again.masks()[:, 0].numpy())


def test_own_points_and_pictures_without_anything(predictor, picture):
    own = (np.array([[0.25, 0.5], [0.75, 0.5]]),)
    found = generate(predictor, picture, point_grids=own)
    assert {one.point for one in found} <= {(16.0, 24.0), (48.0, 24.0)}
    assert generate(predictor, picture, pred_iou_thresh=1.5, crop_n_layers=1) == []
    assert isinstance(generate(predictor, np.zeros((1, 1, 3), np.uint8)), list)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"points_per_side": 0}, "points_per_side is a whole number from 1, but 0 was given"),
        ({"points_per_side": 2.5}, "points_per_side is a whole number from 1, but 2.5"),
        ({"crop_n_layers": "1"}, "crop_n_layers is a whole number from 0, but '1'"),
        ({"box_nms_thresh": 1.5}, "box_nms_thresh=1.5: must be a number from 0 to 1"),
        ({"box_nms_thresh": None}, "box_nms_thresh=None: must be a number"),
        ({"pred_iou_thresh": float("nan")}, "pred_iou_thresh=nan: must be a number"),
        ({"point_grids": (np.array([[2.0, 0.5]]),)}, r"\(x, y\) in 0..1 of the picture"),
        ({"point_grids": ([1.0, 2.0],)}, r"\(x, y\) in 0..1 of the picture"),
        ({"point_grids": ()}, "0 point_grids for crop_n_layers=0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(setting, message):
    with pytest.raises(ValueError, match=message):
        AutomaticSettings(**setting)


def test_what_is_no_predictor_is_refused(predictor):
    with pytest.raises(ValueError, match="the predictor is a SAM2; give an ImagePredictor"):
        AutomaticMaskGenerator(predictor.model)
    with pytest.raises(ValueError, match="settings is a dict; give AutomaticSettings"):
        AutomaticMaskGenerator(predictor, {"points_per_side": 8})


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (1, 300)])
def test_a_picture_smaller_than_the_crops_are_many(predictor, size):
    picture = np.zeros((*size, 3), np.uint8)
    found = generate(predictor, picture, crop_n_layers=2, points_per_side=2)
    assert all(one.mask().shape == size for one in found)


@pytest.mark.reference
def test_supervision_reads_the_records(predictor, picture):
    supervision = pytest.importorskip("supervision")
    found = generate(predictor, picture)
    read = supervision.Detections.from_sam([one.record() for one in found])
    largest = sorted(found, key=lambda one: -one.area)
    assert np.array_equal(read.mask, np.stack([one.mask() for one in largest]))
