"""Boxes keep a part of the margins that a person's box has."""

from __future__ import annotations

import numpy as np
import pytest

from sam2track.benchmark.boxes import with_margins

FOUND = np.array([[20.0, 30, 40, 20], [22, 30, 80, 20], [np.nan] * 4])


@pytest.mark.parametrize(
    ("given", "share", "wanted"),
    [
        ([16, 28, 48, 24], 0, FOUND[1]),
        ([16, 28, 48, 24], 1, [22 - 8, 30 - 2, 80 + 16, 20 + 4]),  # a tenth on every side
        ([16, 28, 48, 24], 0.5, [22 - 4, 30 - 1, 80 + 8, 20 + 2]),
        ([24, 30, 32, 20], 0.5, [22 + 4, 30, 80 - 8, 20]),  # the mask is larger than the box
        ([0, 30, 60, 20], 1, [22 - 8, 30, 80 + 8, 20]),  # half a side: no more than a tenth
    ],
)
def test_margins_scale_with_the_box(given, share, wanted):
    boxes = with_margins(FOUND, np.array(given, float), share)
    np.testing.assert_allclose(boxes[1], wanted)
    assert np.isnan(boxes[2]).all()


def test_without_a_first_mask_boxes_stay():
    np.testing.assert_array_equal(with_margins(FOUND[::-1], np.ones(4), 0.5), FOUND[::-1])
