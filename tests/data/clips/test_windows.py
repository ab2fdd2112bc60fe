"""Clips seen through search windows."""

from __future__ import annotations

import numpy as np
import pytest

from sam2track.data.clips.clip import Clip
from sam2track.data.clips.windows import (
    WindowClips,
    WindowMotion,
    boxes_of,
    clamp_window,
    cut_windows,
    video_size,
)

STEADY = WindowMotion(least=3.0, most=3.0, drift=0.0, size_noise=0.0, jump=0.0, whole=0.0)


class Squares:
    """A white square of 16 pixels that moves to the right, and is absent from some frames."""

    objects = 1

    def __init__(self, size: int, frames: int, objects: int, gone: tuple[int, ...] = ()) -> None:
        self.size, self.frames, self.gone = size, frames, gone

    def clip(self, rng: np.random.Generator, *, hardness: float = 1.0) -> Clip:
        masks = np.zeros((self.frames, self.size, self.size), np.uint8)
        for number in range(self.frames):
            if number not in self.gone:
                masks[number, 80:96, 60 + 8 * number : 76 + 8 * number] = 1
        return Clip(np.repeat(masks[..., None] * 255, 3, -1), masks)


def test_a_window_lies_inside_the_frame_and_is_no_longer_than_it():
    assert clamp_window(np.array([50.0, 50.0]), 20, (100, 80)).tolist() == [40, 40, 60, 60]
    assert clamp_window(np.array([5.0, 75.0]), 20, (100, 80)).tolist() == [0, 60, 20, 80]
    assert clamp_window(np.array([90.0, 10.0]), 90, (100, 80)).tolist() == [10, 0, 100, 80]
    assert clamp_window(np.array([1.0, 1.0]), 500, (100, 80)).tolist() == [0, 0, 100, 80]


def test_the_first_window_is_around_the_object_and_later_ones_follow_behind():
    clip = Squares(256, 4, 1).clip(np.random.default_rng(0))
    boxes = boxes_of(clip, 1)
    windows = WindowMotion(
        least=3.0, most=3.0, lag=1.0, drift=0.0, size_noise=0.0, jump=0.0, whole=0.0
    ).draw(boxes, video_size(clip), np.random.default_rng(0))
    centres = (windows[:, :2] + windows[:, 2:]) / 2
    assert centres[:, 0].tolist() == [68, 68, 76, 84]  # of the frame before
    assert np.allclose(windows[:, 2] - windows[:, 0], 48)


def test_a_window_grows_to_the_whole_frame_while_the_object_is_gone_and_comes_back():
    clip = Squares(256, 12, 1, gone=tuple(range(2, 10))).clip(np.random.default_rng(0))
    windows = STEADY.draw(boxes_of(clip, 1), video_size(clip), np.random.default_rng(0))
    sides = windows[:, 2] - windows[:, 0]
    assert np.allclose(sides[:3], 48)  # the absence is only known after frame 2
    assert (np.diff(sides[2:8]) > 0).all()
    assert windows[10].tolist() == [0, 0, 256, 256]
    assert np.isclose(sides[11], 48)


def test_frames_and_masks_are_cut_alike():
    clip = Squares(256, 3, 1).clip(np.random.default_rng(0))
    windows = np.array([[44, 64, 92, 112]] * 3, float)
    cut = cut_windows(clip, windows, 96)
    assert cut.frames.shape == (3, 96, 96, 3)
    assert cut.masks[0].sum() == 32 * 32  # twice as large
    assert ((cut.frames[..., 0] > 127) == (cut.masks == 1)).mean() > 0.98


def test_windows_are_square_in_pixels_of_the_video():
    clip = Squares(256, 1, 1).clip(np.random.default_rng(0))
    wide = Clip(clip.frames, clip.masks, aspect=2.0)
    boxes = boxes_of(wide, 1)
    assert boxes[0].tolist() == [120, 80, 152, 96]
    windows = STEADY.draw(boxes, video_size(wide), np.random.default_rng(0))
    assert np.isclose(windows[0, 2] - windows[0, 0], 96)
    cut = cut_windows(wide, windows, 96)
    assert cut.masks[0].any(0).sum() == 32  # 32 of 96 video pixels
    assert cut.masks[0].any(1).sum() == 16


def test_a_source_is_drawn_larger_and_the_same_seed_gives_the_same_clip():
    source = WindowClips(Squares, 64, frames=4, objects=1, detail=4.0)
    assert source.source.size == 256
    one, two = (source.clip(np.random.default_rng(3)) for _ in range(2))
    assert (one.frames == two.frames).all()
    assert one.frames.shape == (4, 64, 64, 3)
    assert one.masks[0].max() == 1


@pytest.mark.parametrize("seed", range(5))
def test_an_imperfect_tracker_still_mostly_sees_the_object(seed: int):
    clip = Squares(256, 12, 1).clip(np.random.default_rng(0))
    boxes = boxes_of(clip, 1)
    windows = WindowMotion().draw(boxes, video_size(clip), np.random.default_rng(seed))
    assert (windows >= 0).all()
    assert (windows <= 256).all()
    seen = (windows[:, :2] <= boxes[:, :2]) & (windows[:, 2:] >= boxes[:, 2:])
    assert seen.all(1).mean() > 0.7
