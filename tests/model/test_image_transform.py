"""Another way from the picture to the model's square is one class."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from tiny import noise_frames, square_mask, tiny_model

from sam2track import Prompt, TrackingSession
from sam2track.model.image_transform import (
    ImageTransform,
    PadLongSide,
    SmoothSquash,
    Squash,
    Window,
    look_through,
)

WIDE = (40, 80)  # of frames


WINDOW = Window(64, 8, 0, 72, 40)


@pytest.mark.parametrize("transform", [Squash(64), SmoothSquash(64), PadLongSide(64), WINDOW])
def test_a_mask_goes_there_and_back(transform: ImageTransform):
    mask = torch.from_numpy(square_mask(WIDE)).float()[None, None]
    there = transform.mask(mask)
    assert there.shape == (1, 1, 64, 64)
    back = transform.to_frame(2 * there[0] - 1, WIDE)
    back = F.interpolate(back[None], WIDE, mode="bilinear")[0] > 0
    assert (back == (mask[0] > 0)).float().mean() > 0.98


def test_nothing_is_seen_beside_a_window():
    window = Window(64, 20, 4, 60, 36)
    image = torch.full((1, 3, 40, 80), 200.0)
    image[..., 4:36, 20:60] = 50
    seen = window.image(image, torch.zeros(3, 1, 1))
    assert seen.shape == (1, 3, 64, 64)
    assert (seen == 50).all()
    frame = window.to_frame(torch.ones(2, 16, 16), WIDE)
    assert (frame[:, 4:36, 20:60] > 0).all()
    assert (frame > 0).sum() == 2 * 32 * 40


@pytest.mark.parametrize("seen", [Squash(64), WINDOW])
@pytest.mark.parametrize("wanted", [Squash(64), Window(64, 0, 0, 48, 40)])
def test_logits_of_one_square_are_seen_on_another(seen: ImageTransform, wanted: ImageTransform):
    mask = torch.from_numpy(square_mask(WIDE)).float()[None, None]
    there = torch.nn.functional.avg_pool2d(2 * seen.mask(mask) - 1, 2)
    moved = look_through(there, seen, wanted, WIDE)
    assert moved.shape == there.shape
    expected = torch.nn.functional.avg_pool2d(wanted.mask(mask), 2) > 0.5
    assert ((moved > 0) == expected).float().mean() > 0.95


@pytest.mark.parametrize("transform", [Squash(64), SmoothSquash(64), PadLongSide(64), WINDOW])
def test_a_point_lies_where_its_pixel_lies(transform: ImageTransform):
    mask = np.zeros(WIDE, bool)
    mask[20:24, 60:64] = True
    there = transform.mask(torch.from_numpy(mask).float()[None, None])[0, 0]
    x, y = transform.points(torch.tensor([[62.0, 22.0]]), WIDE)[0].round().int().tolist()
    assert there[y, x] > 0.5


def test_what_is_beside_the_picture_is_the_mean_colour():
    model = tiny_model(transform=PadLongSide)
    image = model.prepare(torch.randint(0, 256, (*WIDE, 3), dtype=torch.uint8))
    assert image.shape == (1, 3, 64, 64)
    assert image[..., :32, :].abs().max() > 0.1
    assert image[..., 32:, :].abs().max() < 1e-5


def test_a_model_with_another_transform_tracks():
    session = TrackingSession(tiny_model(transform=PadLongSide))
    frames = noise_frames(3, size=WIDE)
    session.prompt(1, Prompt.from_mask(square_mask(WIDE)), frames[0])
    result = [session.step(frame) for frame in frames]
    assert (result[0].mask(1) == square_mask(WIDE)).mean() > 0.95
    assert result[-1].masks.shape == (1, *WIDE)
