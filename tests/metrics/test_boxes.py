"""Box measures by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sam2track.metrics.boxes import (
    complete_boxes,
    cut_boxes,
    got10k_overlaps,
    overlap,
    score_boxes,
    score_overlaps,
)

TRUTH = np.array([[10, 10, 20, 40]] * 4, float)
# The same; half as wide to the left; 25 pixels below; nothing in common.
BOXES = np.array([[10, 10, 20, 40], [10, 10, 10, 40], [10, 35, 20, 40], [200, 200, 20, 40]], float)


def test_overlap():
    assert overlap(BOXES, TRUTH) == pytest.approx([1, 0.5, 15 / 65, 0])
    assert overlap(np.zeros((1, 4)), np.zeros((1, 4))) == [0]
    with pytest.raises(ValueError, match="4 boxes but 3"):
        overlap(BOXES, TRUTH[:3])


def test_success_is_above_each_threshold():
    scores = score_boxes(BOXES, TRUTH)
    # Strictly above: 0.5 does not pass 0.5, and 1 does not pass 1.
    expected = [3 / 4] * 5 + [2 / 4] * 5 + [1 / 4] * 10 + [0]
    np.testing.assert_allclose(scores.success, expected)
    assert scores.auc == pytest.approx(np.mean(expected))


def test_precision_in_pixels_and_in_sizes():
    scores = score_boxes(BOXES, TRUTH)
    # Centres are 0, 5 (to the left), 25 (below) and far away.
    assert scores.precision[[0, 4, 5, 24, 25, 50]] == pytest.approx(
        np.array([1, 1, 2, 2, 3, 3]) / 4
    )
    assert scores.precision_20 == 2 / 4
    # In sizes: 5 of 20 wide is 0.25, 25 of 40 high is 0.625.
    assert scores.normalised[[0, 24, 26, 50]] == pytest.approx(np.array([1, 1, 2, 2]) / 4)
    assert scores.normalised_20 == 1 / 4
    # Thresholds 0 to 0.5 by 0.01: one frame from 0 on, another from 0.25 on.
    assert scores.normalised_auc == pytest.approx((51 + 26) / 51 / 4)


def test_absent_frames_count_as_frames():
    visible = np.array([True, True, False, False])
    scores = score_boxes(BOXES, TRUTH, visible)
    assert scores.success[0] == 2 / 4
    assert scores.precision[50] == 2 / 4


def test_an_absent_truth_may_be_nan():
    truth = TRUTH.copy()
    truth[2:] = np.nan
    absent, named = score_boxes(BOXES, truth), score_boxes(BOXES, TRUTH, np.arange(4) < 2)
    for curve in ("success", "precision", "normalised"):
        np.testing.assert_array_equal(getattr(absent, curve), getattr(named, curve))


def test_every_frame_gets_a_box():
    boxes = np.array([[9, 9, 9, 9], [1, 1, 5, 5], [2, 2, 0, 5], [np.nan] * 4, [3, 3, 5, 5]], float)
    assert complete_boxes(boxes, TRUTH[0])[:, 0].tolist() == [10, 1, 1, 1, 3]
    assert np.isnan(boxes[3]).all()  # the caller's are as they were


def test_got10k_leaves_out_what_it_gave_and_what_is_hidden():
    truth = np.array([[0, 0, 10, 10], [0, 0, 10, 10], [np.nan] * 4, [-10, 0, 20, 10]])
    boxes = np.array([[50, 50, 10, 10], [0, 0, 10, 5], [0, 0, 10, 10], [0, 0, 20, 10]], float)
    visible = np.array([True, True, False, True])
    overlaps = got10k_overlaps(boxes, truth, visible, size=(80, 100))
    assert overlaps.tolist() == [0.5, 1]  # a corner left of the picture moves onto its edge


def test_quirks_of_pysot():
    edge = np.array([[0, 10, 20, 40]], float)
    assert score_boxes(edge, edge).auc == 0  # a box at x = 0 never overlaps ...
    assert score_boxes(edge, edge).precision_20 == 1  # ... but its centre is fine
    outside = np.array([[-60, 10, 20, 40]], float)
    assert score_boxes(outside + 500, outside).precision_20 == 1


def test_ao_and_sr():
    scores = score_overlaps(np.array([0.2, 0.5, 0.6, 0.9]))
    assert scores.ao == pytest.approx(0.55)
    assert (scores.sr50, scores.sr75) == (0.5, 0.25)


def test_nothing_to_score():
    with pytest.raises(ValueError, match="no frames"):
        score_overlaps(np.zeros(0))
    with pytest.raises(ValueError, match="no frames"):
        score_boxes(np.zeros((0, 4)), np.zeros((0, 4)))


def test_cut_to_the_picture():
    boxes = np.array(
        [[-5, 10, 20, 40], [90, 10, 20, 40], [10, 60, 20, 40], [200, 200, 5, 5]], float
    )
    assert cut_boxes(boxes, (80, 100)).tolist() == [
        [0, 10, 20, 40],
        [90, 10, 10, 40],
        [10, 60, 20, 20],
        [100, 80, 0, 0],
    ]


box = st.tuples(*[st.floats(1, 100)] * 4)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(st.tuples(box, box), min_size=1, max_size=8), st.floats(0.1, 5))
def test_properties(pairs, scale):
    boxes, truth = (np.array(side) for side in zip(*pairs, strict=True))
    assert overlap(boxes, truth) == pytest.approx(overlap(truth, boxes))
    assert overlap(boxes, truth) == pytest.approx(overlap(boxes * scale, truth * scale))
    scores, perfect = score_boxes(boxes, truth), score_boxes(truth, truth)
    assert (np.diff(scores.success) <= 0).all()
    assert (np.diff(scores.precision) >= 0).all()
    assert perfect.auc == pytest.approx(20 / 21)
    assert perfect.precision[0] == perfect.normalised[0] == 1
