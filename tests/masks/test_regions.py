"""Small holes and islands of masks; which of overlapping boxes stay."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sam2track.masks import remove_small_regions
from sam2track.masks.boxes import box_iou, suppress


def test_small_holes_are_filled_and_small_islands_removed():
    mask = np.zeros((20, 30), bool)
    mask[2:12, 2:12] = True
    mask[4:6, 4:6] = False  # a hole of 4
    mask[8:11, 8:11] = False  # a hole of 9
    mask[15:17, 20:22] = True  # an island of 4
    mask[15:18, 25:28] = True  # an island of 9
    cleaned = remove_small_regions(mask, 5)
    expected = mask.copy()
    expected[4:6, 4:6] = True
    expected[15:17, 20:22] = False
    assert np.array_equal(cleaned, expected)
    assert remove_small_regions(cleaned, 5) is cleaned


def test_of_small_islands_the_largest_stays():
    mask = np.zeros((20, 30), bool)
    mask[2:4, 2:4] = True
    mask[10:13, 10:13] = True
    cleaned = remove_small_regions(mask, 50)
    assert cleaned.sum() == 9
    assert cleaned[11, 11]


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 10**6), st.integers(0, 40), st.floats(0, 1))
def test_suppression_leaves_the_best_of_boxes_that_overlap(seed, count, most):
    rng = np.random.default_rng(seed)
    low = rng.integers(0, 12, (count, 2))
    boxes = np.hstack((low, low + rng.integers(0, 12, (count, 2)))).astype(np.float32)
    scores = rng.integers(0, 5, count).astype(np.float32)
    expected: list[int] = []
    for place in sorted(range(count), key=lambda k: -scores[k]):
        if all(box_iou(boxes[place], boxes[other]) <= most for other in expected):
            expected.append(place)
    assert suppress(boxes, scores, most).tolist() == expected
