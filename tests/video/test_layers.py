"""What layers promise: exact placement, bounded ways, smooth excursions."""

from __future__ import annotations

import numpy as np
import pytest

from sam2track.video.layers import Excursion, Layer, Motion, Sway, Waves, sample, smear
from sam2track.video.shapes import noise_texture, premultiply

RNG = np.random.default_rng


def pixels(height: int) -> np.ndarray:
    """A camera whose world unit is ``height`` pixels, the origin in the screen's corner."""
    return np.array([[height, 0, -0.5], [0, height, -0.5], [0, 0, 1.0]])


def test_a_picture_at_its_own_scale_is_shown_as_it_is():
    picture = noise_texture(RNG(0), 40, 60)
    place = Motion(np.array([0.75, 0.5, 0, 0, 0, 0])).matrix(0)
    seen = sample(picture, pixels(40) @ place, (0, 0, 60, 40))
    assert np.abs(seen.astype(int) - picture).max() <= 1


def test_a_layer_paints_its_pixels_and_labels_them_alike():
    picture = premultiply(np.full((20, 20, 4), 255, np.uint8))
    layer = Layer(picture, Motion(np.array([0.5, 0.5, np.log(24 / 80), 0, 0, 0])), label=7)
    frame, labels = np.zeros((80, 80, 3), np.uint8), np.zeros((80, 80), np.uint8)
    layer.draw(frame, labels, pixels(80), 0.0)
    assert set(np.unique(labels)) == {0, 7}
    assert ((labels == 7) == (frame[..., 0] > 127)).all()
    rows, columns = np.nonzero(labels)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (30, 49, 30, 49)


def test_a_layer_off_the_screen_leaves_it_alone():
    picture = premultiply(np.full((20, 20, 4), 255, np.uint8))
    frame, labels = np.zeros((40, 40, 3), np.uint8), np.zeros((40, 40), np.uint8)
    Layer(picture, Motion(np.array([3.0, 0.5, 0, 0, 0, 0])), label=1).draw(
        frame, labels, pixels(40), 0.0
    )
    assert not frame.any()
    assert not labels.any()


@pytest.mark.parametrize("t", [0.0, 3.5, 40.0, 1e5])
def test_a_motion_stays_in_its_bounds(t: float):
    motion = Motion(
        np.array([0.5, 0.5, 0, 0, 0, 0]),
        np.array([0.07, -0.05, 0, 0, 0, 0]),
        Waves.draw(RNG(1), [0.3, 0.3, 0, 0, 0, 0], (10, 30)),
        np.array([0.1, 0.2, 1.5, 0.9]),
    )
    x, y = motion.state(t)[:2]
    assert 0.1 <= x <= 1.5
    assert 0.2 <= y <= 0.9


def test_an_excursion_goes_all_the_way_and_comes_back_every_period():
    out = Excursion(np.array([2.0, 0.0]), 30.0, 20.0, 100.0)
    assert out(30.0)[0] == out(230.0)[0] == 2.0
    assert out(19.9)[0] == out(41.0)[0] == 0.0
    assert 0 < out(24.0)[0] < 2


def test_ripples_are_as_small_as_said():
    q = RNG(2).uniform(-0.5, 0.5, (9, 9, 2))
    sway = Sway(np.array([[0.02, 0.0]]), np.array([[3.0, 1.0]]), np.array([0.2]), np.array([0.4]))
    assert 0 < np.abs(sway(q, 5.0) - q).max() <= 0.02


def test_motion_blur_keeps_the_light_and_spreads_it():
    image = np.zeros((21, 41, 4), np.uint8)
    image[10, 10] = 248
    blurred = smear(image, (16.0, 0.0), repeat=False)
    assert np.count_nonzero(blurred[10, :, 0]) == 8
    assert abs(int(blurred[..., 0].sum()) - 248) <= 8
