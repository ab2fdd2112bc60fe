"""The camera: where it looks, what it renders, and its noise."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from sam2track.synthetic.camera import NOISE_MARGIN, Camera, add_noise
from sam2track.synthetic.compositing import Background, Layer
from sam2track.synthetic.motion import Motion
from sam2track.synthetic.shapes import noise_texture, premultiply

RNG = np.random.default_rng


def steady(size: tuple[int, int], rate=(0.0, 0, 0, 0, 0, 0)) -> Camera:
    """A camera whose view is as wide as the screen."""
    return Camera(
        size[1] / size[0], size, (size[0], size[0]), np.zeros(6), np.array(rate, float), ()
    )


@pytest.mark.parametrize("seed", range(4))
def test_a_random_camera_starts_at_the_view_and_squashes_it_to_a_square(seed: int):
    matrix = Camera.draw(RNG(seed), 16 / 9, 100, 20.0).matrix(0.0)
    for world, screen in (((0, 0), (-0.5, -0.5)), ((16 / 9, 1), (99.5, 99.5))):
        x, y, w = matrix @ (*world, 1.0)
        np.testing.assert_allclose((x / w, y / w), screen, atol=1e-9)


def test_a_camera_pans_zooms_and_rolls():
    x, y, _ = steady((100, 100), (0.1, 0, 0, 0, 0, 0)).matrix(2.0) @ (0.5, 0.5, 1.0)
    assert np.allclose((x, y), (49.5 - 20, 49.5))
    x, y, _ = steady((100, 100), (0, 0, np.log(2), np.pi / 2, 0, 0)).matrix(1.0) @ (0.6, 0.5, 1.0)
    assert np.allclose((x, y), (49.5, 49.5 + 20))


def test_a_camera_follows_its_target():
    motion = Motion(np.array([0.5, 0.5, 0, 0, 0, 0]), np.array([0.03, 0.01, 0, 0, 0, 0]))
    camera = steady((100, 100)).following(motion, 1.0)
    place = camera.matrix(7.0) @ (*motion.state(7.0)[:2], 1.0)
    np.testing.assert_allclose(place[:2], (49.5, 49.5))


def test_a_frame_shows_the_background_and_the_last_layer_in_front():
    ground = noise_texture(RNG(0), 60, 80)
    background = Background.around_view(lambda *_: ground, 60, 80 / 60, 0.0)
    grey = [premultiply(np.full((20, 20, 4), (v, v, v, 255), np.uint8)) for v in (80, 200)]
    motion = Motion(np.array([0.5, 0.5, np.log(24 / 60), 0, 0, 0]))
    layers = [Layer(picture, motion, label=k + 1) for k, picture in enumerate(grey)]
    frame, labels = steady((60, 80)).render(background, layers, 3.0)
    assert set(np.unique(labels)) == {0, 2}
    assert abs(int(frame[30, 30, 0]) - 200) <= 1
    assert np.abs(frame[:15].astype(int) - ground[:15]).max() <= 1


def test_an_open_shutter_blurs_what_moves():
    background = Background.around_view(partial(noise_texture, RNG(1)), 60, 80 / 60, 0.3)
    camera = steady((60, 80), (0.2, 0, 0, 0, 0, 0))
    sharp, blurred = (camera.render(background, [], 0.0, shutter=s)[0] for s in (0.0, 0.9))
    detail = [np.abs(np.diff(image.astype(int), axis=1)).mean() for image in (sharp, blurred)]
    assert detail[1] < 0.8 * detail[0]


def test_noise_is_added_within_the_range_and_differs_by_place():
    side = 8 + NOISE_MARGIN
    noise = RNG(0).integers(-30, 30, (side, side, 3)).astype(np.int8)
    black, grey = np.zeros((8, 8, 3), np.uint8), np.full((8, 8, 3), 100, np.uint8)
    expected = 100 + noise[3:11, 5:13].astype(int)
    np.testing.assert_array_equal(add_noise(grey, noise, 3 + NOISE_MARGIN, 5), expected)
    np.testing.assert_array_equal(add_noise(black, noise, 3, 5), np.maximum(noise[3:11, 5:13], 0))
    assert (add_noise(grey, noise, 4, 5) != expected).any()
