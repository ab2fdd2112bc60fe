"""Drawn objects and backgrounds: solid pictures that are the same for the same seed."""

from __future__ import annotations

import numpy as np
import pytest

from sam2track.synthetic.capsule_figures import FIGURES
from sam2track.synthetic.drawn_backgrounds import bush, outdoor_or_room, panel, pillar, rock
from sam2track.synthetic.drawn_objects import SIDE, DrawnObject


@pytest.mark.parametrize("kind", FIGURES)
def test_an_object_is_one_solid_shape(kind):
    picture = DrawnObject.draw(np.random.default_rng(5), kind).render()
    assert picture.shape == (SIDE, SIDE, 4)
    alpha = picture[..., 3]
    assert 0.08 < (alpha > 127).mean() < 0.6
    assert not alpha[[0, -1]].any()  # nothing is cut off above or below ...
    assert not alpha[:, [0, -1]].any()  # ... or at the sides
    assert (picture[..., :3].max(2) <= alpha).all()  # multiplied by it
    again = DrawnObject.draw(np.random.default_rng(5), kind).render()
    np.testing.assert_array_equal(picture, again)


def test_light_falls_on_the_side_that_is_turned_to_it():
    drawn = DrawnObject.draw(np.random.default_rng(1), "toy")
    grey = drawn.render()[..., :3].mean(2)
    inside = drawn.render()[..., 3] > 250
    rows = np.flatnonzero(inside[:, SIDE // 2])
    upper, lower = rows[len(rows) // 2 : len(rows) // 2 + 20], rows[-20:]
    assert grey[upper, SIDE // 2].mean() > grey[lower, SIDE // 2].mean()


@pytest.mark.parametrize("similarity", [0.0, 1.0])
def test_a_lookalike_has_the_shape_and_other_markings(similarity):
    drawn = DrawnObject.draw(np.random.default_rng(7), "quadruped")
    other = drawn.lookalike(np.random.default_rng(8), similarity=similarity)
    one, two = drawn.render().astype(int), other.render().astype(int)
    np.testing.assert_array_equal(one[..., 3], two[..., 3])
    assert (one != two).any()
    if similarity:
        np.testing.assert_array_equal(drawn.material.palette, other.material.palette)


@pytest.mark.parametrize("picture", [bush, rock, panel, pillar])
def test_occluders_are_premultiplied(picture):
    rgba = picture(np.random.default_rng(0), 60)
    assert rgba.shape[0] == 60
    assert rgba[..., 3].max() == 255
    assert (rgba[..., :3].max(2) <= rgba[..., 3]).all()


def test_backgrounds_differ_and_are_not_flat():
    pictures = [outdoor_or_room(np.random.default_rng(seed), 90, 160) for seed in range(4)]
    assert all(p.shape == (90, 160, 3) and p.std() > 15 for p in pictures)
    assert np.abs(pictures[0].astype(int) - pictures[1]).mean() > 10
