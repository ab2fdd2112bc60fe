"""Long-term precision, recall and F by hand, and against the definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sam2track.metrics.vot import LongTermTrack, box_track, score_long_term

NAN = float("nan")


def track(overlaps, confidence, visible) -> LongTermTrack:
    return LongTermTrack(
        np.array(overlaps, float), np.array(confidence, float), np.array(visible, bool)
    )


def test_by_hand():
    # Sure of two good frames, less so of a bad one, least where there is no object.
    scores = score_long_term([track([0.8, 0.6, 0.1, 0], [9, 8, 5, 1], [1, 1, 1, 0])])
    assert scores.thresholds.tolist() == [np.inf, 9, 8, 5, 1, -np.inf]
    np.testing.assert_allclose(scores.precision, [1, 0.8, 0.7, 0.5, 0.375, 0.375])
    np.testing.assert_allclose(scores.recall, np.array([0, 0.8, 1.4, 1.5, 1.5, 1.5]) / 3)
    assert scores.best == 2
    precision, recall = 0.7, 1.4 / 3
    assert scores.f_score == pytest.approx(2 * precision * recall / (precision + recall))


def test_silence_where_the_object_is_gone_is_better_than_a_guess():
    honest = score_long_term([track([0.8, 0.8, 0, 0], [5, 5, NAN, NAN], [1, 1, 0, 0])])
    guessing = score_long_term([track([0.8, 0.8, 0, 0], [5, 5, 5, 5], [1, 1, 0, 0])])
    assert honest.precision[honest.best] == honest.recall[honest.best] == pytest.approx(0.8)
    assert guessing.precision[guessing.best] == pytest.approx(0.4)
    assert guessing.recall[guessing.best] == pytest.approx(0.8)


def test_sequences_count_alike_whatever_their_length():
    short = track([1.0], [1.0], [1])
    long = track(np.zeros(50), np.ones(50), np.ones(50))
    scores = score_long_term([short, long])
    assert scores.precision[-1] == scores.recall[-1] == 0.5


def test_thresholds_are_quantiles_where_there_are_many_frames():
    confidence = np.arange(1000.0)
    scores = score_long_term([track(np.ones(1000), confidence, np.ones(1000))])
    assert len(scores.thresholds) == 100
    assert scores.thresholds[1] == 999 - 10  # a hundredth from the top
    assert scores.thresholds[-2] == 999 - 990
    assert (np.diff(scores.thresholds) < 0).all()


def test_a_tracker_that_never_reports():
    scores = score_long_term([track([0, 0], [NAN, NAN], [1, 1])])
    assert scores.f_score == 0
    assert scores.precision.tolist() == [1, 1]


def test_boxes():
    truth = np.array([[0, 0, 10, 10], [0, 0, 10, 10], [NAN] * 4, [90, 0, 20, 10]])
    boxes = np.array([[0, 0, 10, 5], [0, 0, 0, 0], [5, 5, 5, 5], [90, 0, 10, 10]])
    made = box_track(boxes, np.array([4.0, 3, 2, 1]), truth, size=(100, 100))
    assert made.overlaps.tolist() == [0.5, 0, 0, 1]  # the last truth is cut to the picture
    np.testing.assert_array_equal(made.confidence, [4, NAN, 2, 1])
    assert made.visible.tolist() == [True, True, False, True]


def test_wrong_tracks_are_named():
    with pytest.raises(ValueError, match="no tracks"):
        score_long_term([])
    with pytest.raises(ValueError, match="track 1: its object is visible in no frame"):
        score_long_term([track([1], [1], [1]), track([0], [1], [0])])


frame = st.tuples(st.floats(0, 1), st.sampled_from([NAN, -1.0, 0.0, 0.5, 0.5, 2.0]), st.booleans())


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.lists(frame, min_size=1, max_size=9), min_size=1, max_size=3))
def test_as_defined(sequences):
    """Each threshold on its own, frame by frame."""
    tracks = []
    for frames in sequences:
        overlaps, confidence, visible = (np.array(side) for side in zip(*frames, strict=True))
        visible[0] = True
        tracks.append(LongTermTrack(np.where(visible, overlaps, 0.0), confidence, visible))
    scores = score_long_term(tracks)
    for place, threshold in enumerate(scores.thresholds):
        precisions, recalls = [], []
        for one in tracks:
            kept = [o for o, c in zip(one.overlaps, one.confidence, strict=True) if c >= threshold]
            precisions.append(np.mean(kept) if kept else 1)
            recalls.append(np.sum(kept) / one.visible.sum())
        assert scores.precision[place] == pytest.approx(np.mean(precisions))
        assert scores.recall[place] == pytest.approx(np.mean(recalls))
