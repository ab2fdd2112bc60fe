"""The video predictor's own behaviour; what it returns is compared in ``test_user_scripts.py``."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from tiny import SIZE, noise_frames, square_mask, tiny_model

from sam2track.compat import SAM2VideoPredictor
from sam2track.compat.video_masks import full_logits
from sam2track.video import VideoError

HEIGHT, WIDTH = SIZE
FRAMES = np.stack([frame.image for frame in noise_frames(5)])


@pytest.fixture
def predictor():
    return SAM2VideoPredictor(model=tiny_model())


def click(predictor, state, frame=0, obj_id=1, at=(25, 20), **rest):
    return predictor.add_new_points_or_box(state, frame, obj_id, [at], [1], **rest)


def tracked(predictor, state, **span):
    return {i: (list(ids), masks) for i, ids, masks in predictor.propagate_in_video(state, **span)}


def test_the_state_has_what_scripts_read(predictor):
    state = predictor.init_state(FRAMES, offload_video_to_cpu=True)
    assert (state["num_frames"], state["video_height"], state["video_width"]) == (5, *SIZE)
    assert len(state["images"]) == 5
    side = predictor.image_size
    assert state["images"][2].shape == (3, side, side)
    assert state["obj_ids"] == []
    assert state["device"] == predictor.device
    assert state["offload_video_to_cpu"] is True


def test_any_object_id_will_do(predictor):
    state = predictor.init_state(FRAMES)
    click(predictor, state, obj_id="cup")
    frame, obj_ids, masks = click(predictor, state, obj_id=0, at=(40, 30))
    assert (frame, obj_ids) == (0, ["cup", 0])
    assert masks.shape == (2, 1, HEIGHT, WIDTH)
    assert masks.dtype == torch.float32
    assert list(tracked(predictor, state)) == [0, 1, 2, 3, 4]


def test_an_object_that_is_not_there_yet_has_an_empty_mask(predictor):
    state = predictor.init_state(FRAMES)
    click(predictor, state)
    _, obj_ids, masks = click(predictor, state, frame=3, obj_id=2)
    assert obj_ids == [1, 2]
    assert (masks[0] == -1024).all()
    assert (masks[1] > -1024).all()


def test_spans_are_as_in_the_official_predictor(predictor):
    state = predictor.init_state(FRAMES)
    click(predictor, state, frame=2)
    assert list(tracked(predictor, state)) == [2, 3, 4]
    assert list(tracked(predictor, state, max_frame_num_to_track=1)) == [2, 3]
    assert list(tracked(predictor, state, reverse=True)) == [2, 1, 0]
    assert list(tracked(predictor, state, start_frame_idx=0, reverse=True)) == []
    assert list(tracked(predictor, state, start_frame_idx=0)) == [0, 1, 2, 3, 4]


def test_masks_need_not_overlap(predictor):
    state = predictor.init_state(FRAMES)
    click(predictor, state)
    click(predictor, state, obj_id=2, at=(40, 30))
    free = tracked(predictor, state)[4][1]
    predictor.non_overlap_masks = True
    kept = tracked(predictor, state)[4][1]
    assert ((free > 0).sum(0) > 1).any()
    assert ((kept > 0).sum(0) <= 1).all()
    assert torch.equal(kept, predictor._apply_non_overlapping_constraints(free))
    assert torch.equal(kept.max(0).values > 0, free.max(0).values > 0)


def test_holes_are_filled(predictor):
    logits = torch.full((16, 16), 5.0)
    logits[8, 8] = -5
    known = {1: (logits, None)}, [1, 7], SIZE
    plain, filled = (full_logits(predictor.model, *known, area) for area in (0, 8))
    assert (plain[0] <= 0).any()
    assert (filled[0] > 0).all()
    assert (filled[1] == -1024).all()


def test_a_cleared_object_must_be_prompted_again(predictor):
    state = predictor.init_state(FRAMES)
    click(predictor, state)
    frame, obj_ids, masks = predictor.clear_all_prompts_in_frame(state, 0, 1)
    assert (frame, obj_ids) == (0, [1])
    assert (masks == -1024).all()
    with pytest.raises(RuntimeError, match="object 1 has no points"):
        tracked(predictor, state)
    predictor.clear_all_prompts_in_frame(state, 3, 1)  # nothing is there
    click(predictor, state, frame=1)
    assert list(tracked(predictor, state)) == [1, 2, 3, 4]


def test_removed_objects_leave_the_others(predictor):
    state = predictor.init_state(FRAMES)
    click(predictor, state)
    alone = tracked(predictor, state)[4][1]
    predictor.reset_state(state)
    click(predictor, state, obj_id=2, at=(40, 30))
    click(predictor, state)
    obj_ids, updated = predictor.remove_object(state, 2)
    assert obj_ids == [1]
    assert [(frame, masks.shape[0]) for frame, masks in updated] == [(0, 1)]
    assert torch.equal(tracked(predictor, state)[4][1], alone)
    assert predictor.remove_object(state, 9, need_output=False) == ([1], [])
    with pytest.raises(RuntimeError, match="no object 9"):
        predictor.remove_object(state, 9, strict=True)


def test_nothing_to_follow_is_an_error(predictor):
    state = predictor.init_state(FRAMES)
    with pytest.raises(RuntimeError, match="no object"):
        tracked(predictor, state)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"points": [[1, 2]]}, "give both"),
        ({}, "neither points nor a box"),
        ({"points": [[1, 2]], "labels": [1, 0]}, "points: 1, labels: 2"),
        ({"box": [1, 1, 9, 9], "clear_old_points": False}, "clear_old_points=True"),
        ({"box": [9, 9, 1, 1]}, "is empty"),
        ({"box": [9, 9, 1]}, r"box is of shape \(3,\); the last dimension must be 4"),
        ({"points": [1, 2, 3], "labels": [1]}, r"points is of shape \(3,\)"),
        ({"points": "ab", "labels": [1]}, "points must be an array of numbers, got 'ab'"),
    ],
)
def test_an_incomplete_prompt_is_refused(predictor, given, message):
    state = predictor.init_state(FRAMES)
    with pytest.raises(ValueError, match=message):
        predictor.add_new_points_or_box(state, 0, 1, **given)
    assert state["obj_ids"] == []


@pytest.mark.parametrize("index", [-1, 5])
def test_a_frame_that_is_not_there_is_refused(predictor, index):
    state = predictor.init_state(FRAMES)
    with pytest.raises(ValueError, match=f"frame_idx.*{index}"):
        click(predictor, state, frame=index)
    click(predictor, state)
    with pytest.raises(ValueError, match=f"start_frame_idx.*{index}"):
        tracked(predictor, state, start_frame_idx=index)
    assert list(tracked(predictor, state)) == [0, 1, 2, 3, 4]


def test_fewer_than_no_frames_are_none(predictor):
    state = predictor.init_state(FRAMES)
    click(predictor, state)
    assert tracked(predictor, state, max_frame_num_to_track=-3) == {}


def test_a_click_outside_counts_as_one_on_the_edge(predictor):
    state = predictor.init_state(FRAMES)
    inside = click(predictor, state, at=(WIDTH - 1e-5, HEIGHT / 2))[2]
    predictor.reset_state(state)
    assert torch.allclose(click(predictor, state, at=(WIDTH + 9, HEIGHT / 2))[2], inside, atol=1e-3)


@pytest.mark.parametrize("make", [np.float32, np.uint8, torch.from_numpy])
def test_masks_of_every_type_are_taken(predictor, make):
    state = predictor.init_state(FRAMES)
    same = predictor.add_new_mask(state, 0, 1, make(square_mask()))[2]
    predictor.reset_state(state)
    assert torch.equal(predictor.add_new_mask(state, 0, 1, square_mask())[2], same)


def test_a_mask_of_another_size_is_resized(predictor):
    state = predictor.init_state(FRAMES)
    larger = np.kron(square_mask(), np.ones((2, 2)))
    resized = predictor.add_new_mask(state, 0, 1, larger)[2]
    predictor.reset_state(state)
    same = predictor.add_new_mask(state, 0, 1, square_mask())[2]
    assert ((resized > 0) ^ (same > 0)).sum() < 0.1 * (same > 0).sum()
    with pytest.raises(ValueError, match="is of shape"):
        predictor.add_new_mask(state, 0, 1, np.ones((1, *SIZE)))
    with pytest.raises(ValueError, match="empty"):
        predictor.add_new_mask(state, 0, 1, np.zeros(SIZE))


def test_of_a_folder_only_jpeg_files_are_frames(predictor, tmp_path):
    for index, image in enumerate(FRAMES):
        Image.fromarray(image).save(tmp_path / f"{index:05d}.JPG")
    Image.new("L", (9, 9)).save(tmp_path / "00000.png")
    state = predictor.init_state(str(tmp_path), async_loading_frames=True)
    assert (state["num_frames"], state["video_width"]) == (5, WIDTH)
    click(predictor, state)
    assert len(tracked(predictor, state)) == 5


def test_a_video_file_is_a_video(predictor, clip_path):
    state = predictor.init_state(str(clip_path))
    click(predictor, state)
    assert len(tracked(predictor, state)) == state["num_frames"] == 8


def test_a_camera_is_refused(predictor, monkeypatch):
    class Camera:
        def close(self):
            pass

    monkeypatch.setattr("sam2track.compat.tracked_video.open_video", lambda _: Camera())
    with pytest.raises(VideoError, match="TrackingSession"):
        predictor.init_state(0)


def test_a_long_video_leaves_nothing_behind_without_the_archive(predictor):
    predictor.keep_all_frames = False
    state = predictor.init_state(FRAMES)
    click(predictor, state)
    without = tracked(predictor, state)[4][1]
    assert state["tracked"].session.archive is None
    predictor.keep_all_frames = True
    predictor.reset_state(state)
    click(predictor, state)
    assert torch.equal(tracked(predictor, state)[4][1], without)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_it_computes_in_the_callers_precision(predictor, dtype):
    state = predictor.init_state(FRAMES)
    plain = click(predictor, state)[2]
    predictor.reset_state(state)
    with torch.autocast("cpu", dtype):
        lower = click(predictor, state)[2]
        assert tracked(predictor, state)[4][1].dtype == torch.float32
    assert not torch.equal(plain, lower)
    assert predictor.model.precision == torch.float32
    predictor.reset_state(state)
    with torch.inference_mode():
        assert torch.equal(click(predictor, state)[2], plain)


def test_it_is_a_module():
    predictor = SAM2VideoPredictor(model=tiny_model())
    assert predictor.to("cpu").eval() is predictor
    assert predictor.device == torch.device("cpu")
    with pytest.warns(UserWarning, match="has no effect"):
        SAM2VideoPredictor(0, False, True, model=tiny_model())
