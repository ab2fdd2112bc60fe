"""Values of annotation: what they refuse, and masks as run lengths."""

import numpy as np
import pytest

from sam2track.annotate import ObjectClass, TrackFrame, Video


def test_a_mask_survives_as_run_lengths():
    mask = np.random.default_rng(0).random((7, 11)) > 0.5
    np.testing.assert_array_equal(TrackFrame.from_mask(mask).mask((7, 11)), mask)


def test_a_box_has_no_mask():
    assert TrackFrame(None, (0, 0, 3, 4)).mask((7, 11)) is None


@pytest.mark.parametrize("name", ["", " ", "..", "a/b", "a\\b", "a\nb", "a\0", "x" * 201])
def test_a_video_is_not_named_like_another_folder(name):
    with pytest.raises(ValueError, match="a video's name is"):
        Video(name, 4, 4, 1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TrackFrame(None), "either a mask or a box"),
        (lambda: TrackFrame(None, (3, 3, 3, 5)), "has no area"),
        (lambda: TrackFrame("0", score=float("nan")), "score is nan"),
        (lambda: TrackFrame("", made="magic"), "made='magic' is none of"),
        (lambda: ObjectClass(0, "cat"), "a class's id is a whole number from 1"),
        (lambda: ObjectClass(1, " "), "the name of class 1 is"),
        (lambda: Video("v", 0, 4, 1), "width of video 'v'"),
        (lambda: Video("v", 4, 4, 1, fps=0), "fps of video 'v' is 0"),
        (lambda: Video("v", 4, 4, 2, times=(0.0,)), "has 2 frames, but 1 times"),
    ],
)
def test_wrong_values_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
