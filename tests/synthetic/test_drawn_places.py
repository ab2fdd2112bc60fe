"""Procedural things and places: solid pictures that are the same for the same seed."""

from __future__ import annotations

import numpy as np
import pytest

from sam2track.synthetic.body_plans import KINDS
from sam2track.synthetic.drawn_objects import SIDE, Thing
from sam2track.synthetic.drawn_places import bush, place, post, rock, slab
from sam2track.synthetic.motion import Keys, Motion


@pytest.mark.parametrize("kind", KINDS)
def test_a_thing_is_one_solid_shape(kind):
    picture = Thing.draw(np.random.default_rng(5), kind).render()
    assert picture.shape == (SIDE, SIDE, 4)
    alpha = picture[..., 3]
    assert 0.08 < (alpha > 127).mean() < 0.6
    assert not alpha[[0, -1]].any()  # nothing is cut off above or below ...
    assert not alpha[:, [0, -1]].any()  # ... or at the sides
    assert (picture[..., :3].max(2) <= alpha).all()  # multiplied by it
    again = Thing.draw(np.random.default_rng(5), kind).render()
    np.testing.assert_array_equal(picture, again)


def test_light_falls_on_the_side_that_is_turned_to_it():
    thing = Thing.draw(np.random.default_rng(1), "plush")
    grey = thing.render()[..., :3].mean(2)
    inside = thing.render()[..., 3] > 250
    rows = np.flatnonzero(inside[:, SIDE // 2])
    upper, lower = rows[len(rows) // 2 : len(rows) // 2 + 20], rows[-20:]
    assert grey[upper, SIDE // 2].mean() > grey[lower, SIDE // 2].mean()


@pytest.mark.parametrize("alike", [0.0, 1.0])
def test_a_lookalike_has_the_shape_and_another_coat(alike):
    thing = Thing.draw(np.random.default_rng(7), "beast")
    other = thing.lookalike(np.random.default_rng(8), alike=alike)
    one, two = thing.render().astype(int), other.render().astype(int)
    np.testing.assert_array_equal(one[..., 3], two[..., 3])
    assert (one != two).any()
    if alike:
        np.testing.assert_array_equal(thing.coat.palette, other.coat.palette)


@pytest.mark.parametrize("picture", [bush, rock, slab, post])
def test_what_stands_about(picture):
    rgba = picture(np.random.default_rng(0), 60)
    assert rgba.shape[0] == 60
    assert rgba[..., 3].max() == 255
    assert (rgba[..., :3].max(2) <= rgba[..., 3]).all()


def test_places_differ_and_are_not_flat():
    places = [place(np.random.default_rng(seed), 90, 160) for seed in range(4)]
    assert all(p.shape == (90, 160, 3) and p.std() > 15 for p in places)
    assert np.abs(places[0].astype(int) - places[1]).mean() > 10


def test_keys_ease_from_one_to_the_next():
    keys = Keys(np.array([0.0, 10, 10.5]), np.array([[0.0, 1], [4, 1], [9, 2]]))
    assert keys(-3).tolist() == [0, 1]
    assert keys(5).tolist() == [2, 1]
    assert keys(1)[0] < 0.4 < keys(9)[0]  # slow at first
    assert keys(10).tolist() == [4, 1]
    assert keys(11).tolist() == [9, 2]


def test_a_motion_follows_its_keys():
    keys = Keys(np.array([0.0, 10]), np.stack([np.zeros(6), np.arange(6.0)]))
    motion = Motion(np.ones(6), rate=np.full(6, 0.1), keys=keys)
    np.testing.assert_allclose(motion.state(10), 2 + np.arange(6.0))
