"""The image predictors' own behaviour; what they return is compared in ``test_user_scripts.py``."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from reference.image_replay import build_sam
from reference.small_sam import SMALL_SAM
from tiny import SIZE, noise_frames, tiny_model

from sam2track import compat
from sam2track.compat import sam_build

IMAGE = noise_frames(1)[0].image
HEIGHT, WIDTH = SIZE
CLICK = {"point_coords": np.array([[25, 20]]), "point_labels": np.array([1])}


@pytest.fixture(scope="module")
def sam():
    return compat.Sam(build_sam(SMALL_SAM.variant(), SMALL_SAM.seed))


@pytest.fixture
def predictor():
    return compat.SAM2ImagePredictor(tiny_model())


def test_pillows_pictures_and_arrays_are_taken(predictor):
    predictor.set_image(IMAGE)
    masks, scores, logits = predictor.predict(**CLICK)
    predictor.set_image(Image.fromarray(IMAGE))
    assert np.array_equal(predictor.predict(**CLICK)[2], logits)
    assert masks.shape == (3, HEIGHT, WIDTH)
    assert set(np.unique(masks)) <= {0.0, 1.0}
    assert (scores.shape, logits.shape) == ((3,), (3, 16, 16))
    assert predictor._orig_hw == [SIZE]
    assert predictor._features["image_embed"].shape == (1, 32, 4, 4)
    assert [own.shape[-1] for own in predictor._features["high_res_feats"]] == [16, 8]


def test_coordinates_may_be_relative(predictor):
    predictor.set_image(IMAGE)
    given = predictor.predict(**CLICK, box=np.array([5, 5, 40, 30]), multimask_output=False)
    scale = np.array([WIDTH, HEIGHT])
    relative = predictor.predict(
        CLICK["point_coords"] / scale,
        CLICK["point_labels"],
        box=np.array([5, 5, 40, 30]) / np.tile(scale, 2),
        multimask_output=False,
        normalize_coords=False,
    )
    np.testing.assert_allclose(given[2], relative[2], atol=1e-4)


def test_the_threshold_and_small_regions_count(predictor):
    predictor.set_image(IMAGE)
    logits = predictor.predict(**CLICK, return_logits=True)[0]
    predictor.mask_threshold = 0.5
    assert np.array_equal(predictor.predict(**CLICK)[0], logits > 0.5)
    low = predictor.predict(**CLICK)[2]
    predictor = compat.SAM2ImagePredictor(tiny_model(), max_hole_area=9, max_sprinkle_area=9)
    predictor.set_image(IMAGE)
    repaired = predictor.predict(**CLICK, return_logits=True)
    assert np.array_equal(repaired[2], low)  # these are not repaired
    assert not np.array_equal(repaired[0], logits)


def test_small_regions_are_removed():
    transforms = compat.SAM2Transforms(64, 0.0, max_hole_area=2, max_sprinkle_area=3)
    logits = torch.full((1, 1, 16, 16), -5.0)
    logits[0, 0, 2:9, 2:9] = 5
    logits[0, 0, 4, 4:6] = -5  # a hole of two
    logits[0, 0, 12, 12:15] = 5  # an island of three
    repaired = transforms.repair(logits)
    assert (repaired[0, 0, 4, 4:6] == 10).all()
    assert (repaired[0, 0, 12, 12:15] == -10).all()
    changed = repaired != logits
    assert changed.sum() == 5


def test_transforms_prepare_as_the_model(predictor):
    transforms = compat.SAM2Transforms(64, 0.0)
    model = predictor.model
    assert torch.allclose(transforms(IMAGE), model.prepare_picture(torch.from_numpy(IMAGE))[0])
    assert transforms.forward_batch([IMAGE, IMAGE[:20]]).shape == (2, 3, 64, 64)
    box = torch.tensor([[0.0, 0, WIDTH, HEIGHT]])
    corners = transforms.transform_boxes(box, normalize=True, orig_hw=SIZE)
    assert corners.tolist() == [[[0, 0], [64, 64]]]
    assert transforms.transform_coords(torch.tensor([[0.5, 0.25]])).tolist() == [[32, 16]]
    with pytest.raises(ValueError, match="orig_hw"):
        transforms.transform_coords(box.reshape(2, 2), normalize=True)
    assert transforms.postprocess_masks(torch.zeros(2, 1, 16, 16), SIZE).shape == (2, 1, *SIZE)


def test_without_a_picture_nothing_is_predicted(predictor, sam):
    with pytest.raises(RuntimeError, match="set_image first"):
        predictor.predict(**CLICK)
    with pytest.raises(RuntimeError, match="set_image_batch"):
        predictor.predict_batch()
    with pytest.raises(RuntimeError, match="set_image first"):
        predictor.get_image_embedding()
    with pytest.raises(RuntimeError, match="set_image first"):
        compat.SamPredictor(sam).predict(**CLICK)


def test_incomplete_prompts_are_refused(predictor):
    predictor.set_image(IMAGE)
    with pytest.raises(ValueError, match="one label for each point"):
        predictor.predict(point_coords=CLICK["point_coords"])
    with pytest.raises(ValueError, match="empty prompt"):
        predictor.predict()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"point_coords": [[5, 5]], "point_labels": [1, 1]}, "give one label a point"),
        ({"point_coords": [[5, 5]], "point_labels": [7]}, "label 7 is unknown"),
        ({"point_coords": [[np.nan, 5]], "point_labels": [1]}, "points must be finite"),
        ({"point_coords": "a", "point_labels": [1]}, "points must be an array of numbers"),
        ({"box": [1, 2, 3]}, r"box is of shape \(3,\)"),
        ({"box": np.zeros((0, 4))}, "empty prompt"),
        ({"mask_input": "a"}, "mask_input must be an array of numbers"),
    ],
)
def test_prompts_that_make_no_sense_are_refused(predictor, given, message):
    predictor.set_image(IMAGE)
    with pytest.raises(ValueError, match=message):
        predictor.predict(**given)


def test_what_is_no_picture_is_refused(predictor, sam):
    with pytest.raises(ValueError, match="points_per_side is a whole number from 1, but 0"):
        compat.SAM2AutomaticMaskGenerator(tiny_model(), points_per_side=0)
    with pytest.raises(ValueError, match="OpenCV gives None"):
        compat.SamPredictor(sam).set_image(None, image_format="BGR")
    predictor.set_image_batch([IMAGE, IMAGE])
    with pytest.raises(ValueError, match="prompts for 1 pictures, but there are 2"):
        predictor.predict_batch(box_batch=[[1, 1, 9, 9]])


def test_a_video_predictor_lends_its_model():
    video = compat.SAM2VideoPredictor(model=tiny_model())
    assert compat.SAM2ImagePredictor(video).model is video.model
    generator = compat.SAM2AutomaticMaskGenerator(video, points_per_side=2)
    assert generator.predictor.model is video.model


def test_sams_registry_loads_models(monkeypatch):
    asked = []

    def load(name, checkpoint, **rest):
        asked.append((name, checkpoint, rest))
        return build_sam(SMALL_SAM.variant(), SMALL_SAM.seed)

    monkeypatch.setattr(sam_build, "load_image_model", load)
    for name in compat.sam_model_registry:
        model = compat.sam_model_registry[name](checkpoint="here.pth")
        assert model.to(device="cpu").image_encoder.img_size == SMALL_SAM.image_size
    given = {"device": "cpu", "precision": "fp32"}
    names = ["sam_vit_h", "sam_vit_h", "sam_vit_l", "sam_vit_b"]
    assert asked == [(name, "here.pth", given) for name in names]


def test_a_resized_tensor_is_the_same_picture(sam):
    predictor = compat.SamPredictor(sam)
    predictor.set_image(IMAGE)
    masks, _, logits = predictor.predict(**CLICK)
    assert masks.dtype == bool
    assert predictor.input_size == (192, 256)
    assert predictor.original_size == SIZE
    resized = torch.from_numpy(predictor.transform.apply_image(IMAGE)).permute(2, 0, 1)[None]
    encoded = sam.image_encoder(sam.preprocess(resized))
    assert torch.allclose(encoded, predictor.features, atol=1e-5)
    predictor.set_torch_image(resized, IMAGE.shape[:2])
    np.testing.assert_allclose(predictor.predict(**CLICK)[2], logits, atol=1e-4)
    assert predictor.is_image_set
    predictor.reset_image()
    assert not predictor.is_image_set
    assert predictor.features is None
    with pytest.raises(ValueError, match="longer side of 256"):
        predictor.set_torch_image(torch.zeros(1, 3, 9, 9), (9, 9))
    with pytest.raises(ValueError, match="RGB or BGR"):
        predictor.set_image(IMAGE, image_format="GRAY")


def test_masks_come_to_the_pictures_size_without_padding(sam):
    logits = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    full = sam.postprocess_masks(logits, (192, 256), SIZE)
    assert full.shape == (2, 3, *SIZE)


def test_coordinates_follow_the_picture():
    transform = compat.ResizeLongestSide(256)
    assert transform.get_preprocess_shape(48, 64, 256) == (192, 256)
    assert transform.apply_coords(np.array([[32, 24]]), SIZE).tolist() == [[128, 96]]
    assert transform.apply_boxes(np.array([[0, 0, 64, 48]]), SIZE).tolist() == [[0, 0, 256, 192]]
    boxes = torch.tensor([[0, 0, 64, 48]])
    assert transform.apply_boxes_torch(boxes, SIZE).tolist() == [[0, 0, 256, 192]]
    assert transform.apply_coords_torch(boxes.reshape(2, 2), SIZE).dtype == torch.float32
    assert transform.apply_image_torch(torch.zeros(1, 3, *SIZE)).shape == (1, 3, 192, 256)


def test_generators_check_what_they_are_given(sam):
    with pytest.raises(ValueError, match="either points_per_side or point_grids"):
        compat.SamAutomaticMaskGenerator(sam, points_per_side=None)
    with pytest.raises(ValueError, match="either points_per_side or point_grids"):
        compat.SamAutomaticMaskGenerator(sam, point_grids=[np.zeros((1, 2))])
    with pytest.raises(ValueError, match="output_mode='png'"):
        compat.SamAutomaticMaskGenerator(sam, output_mode="png")


def test_a_generator_takes_points_of_the_users_own():
    grid = np.array([[0.5, 0.5], [0.25, 0.75]])
    generator = compat.SAM2AutomaticMaskGenerator(
        tiny_model(),
        points_per_side=None,
        points_per_batch=1,
        point_grids=[grid],
        pred_iou_thresh=0.0,
        stability_score_thresh=0.0,
        box_nms_thresh=1.0,
    )
    assert generator.predictor.rows_at_once == 1
    assert np.array_equal(generator.point_grids[0], grid)
    found = generator.generate(IMAGE)
    given = {tuple(point) for point in (grid * [WIDTH, HEIGHT]).tolist()}
    assert {tuple(one["point_coords"][0]) for one in found} <= given
    assert found
