"""Shapes and textures."""

from __future__ import annotations

import numpy as np
import pytest

from sam2track.synthetic.shapes import fractal_noise, overlap


@pytest.mark.parametrize(
    ("left", "top", "rows", "columns"),
    [(-2, 1, 3, 2), (8, 8, 2, 2), (3, 3, 3, 4), (30, 0, 3, 0), (0, -9, 0, 4), (0, 40, 0, 4)],
)
def test_overlap_gives_the_same_pixels_of_both(left, top, rows, columns):
    canvas, piece = np.zeros((10, 10, 3)), np.arange(3 * 4 * 3.0).reshape(3, 4, 3)
    region, part = overlap(canvas, piece, left, top)
    assert region.shape == part.shape == (rows, columns, 3)
    region[:] = part
    for y in range(3):
        for x in range(4):
            if 0 <= y + top < 10 and 0 <= x + left < 10:
                np.testing.assert_array_equal(canvas[y + top, x + left], piece[y, x])


def test_fractal_noise_is_normalised():
    noise = fractal_noise(np.random.default_rng(0), 50, 90, 4)
    assert noise.shape == (50, 90)
    assert abs(noise.mean()) < 1e-3
    assert abs(noise.std() - 1) < 1e-3
