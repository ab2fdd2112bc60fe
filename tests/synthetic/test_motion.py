"""Motion and deformation: bounded, periodic, of the given size."""

from __future__ import annotations

import numpy as np
import pytest

from sam2track.synthetic.motion import Deformation, Excursion, Keyframes, Motion, Waves

RNG = np.random.default_rng


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


def test_ripples_are_as_small_as_asked():
    q = RNG(2).uniform(-0.5, 0.5, (9, 9, 2))
    deformation = Deformation(
        np.array([[0.02, 0.0]]), np.array([[3.0, 1.0]]), np.array([0.2]), np.array([0.4])
    )
    assert 0 < np.abs(deformation(q, 5.0) - q).max() <= 0.02


@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_a_motion_with_a_share_of_its_rotation_goes_the_same_way(share: float):
    rate = np.array([0.01, 0.02, 0.0, 0.05, 0.0, 0.0])
    waves = Waves.draw(RNG(3), [0.3, 0.3, 0.1, 0.5, 0.1, 0.1], (10, 30))
    keys = Keyframes(np.array([-2.0, 4.0, 9.0]), RNG(4).normal(0, 0.2, (3, 6)))
    motion = Motion(np.array([0.5, 0.5, 0, 0.2, 0, 0]), rate, waves, keyframes=keys)
    less, begun, turned = motion.with_rotation(share), motion.state(0.0), motion.state(7.0)
    np.testing.assert_allclose(less.state(0.0), begun)
    turned[3] = begun[3] + share * (turned[3] - begun[3])
    np.testing.assert_allclose(less.state(7.0), turned)


def test_keyframes_are_interpolated_smoothly():
    keys = Keyframes(np.array([0.0, 10, 10.5]), np.array([[0.0, 1], [4, 1], [9, 2]]))
    assert keys(-3).tolist() == [0, 1]
    assert keys(5).tolist() == [2, 1]
    assert keys(1)[0] < 0.4 < keys(9)[0]  # slow at first
    assert keys(10).tolist() == [4, 1]
    assert keys(11).tolist() == [9, 2]


def test_a_motion_follows_its_keyframes():
    keys = Keyframes(np.array([0.0, 10]), np.stack([np.zeros(6), np.arange(6.0)]))
    motion = Motion(np.ones(6), rate=np.full(6, 0.1), keyframes=keys)
    np.testing.assert_allclose(motion.state(10), 2 + np.arange(6.0))
