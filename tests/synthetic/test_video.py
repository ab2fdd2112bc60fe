"""The procedural video: exact, seekable, endless."""

from __future__ import annotations

import numpy as np
import pytest

from sam2track.synthetic.video import SyntheticVideo
from sam2track.video.source import SeekableSource

SIZE = (96, 160)


def test_it_is_a_seekable_source():
    with SyntheticVideo(SIZE, 5) as video:
        assert isinstance(video, SeekableSource)
        frames = list(video)
    assert [frame.index for frame in frames] == [0, 1, 2, 3, 4]
    assert all(frame.size == SIZE and frame.image.flags.c_contiguous for frame in frames)


def test_a_frame_depends_on_seed_and_index_alone():
    one, other = SyntheticVideo(SIZE, 10_000, seed=3), SyntheticVideo(SIZE, 10_000, seed=3)
    for _ in zip(range(4), one, strict=False):
        pass
    assert (one[9_876].image == other[9_876].image).all()
    assert (one.mask(9_876) == other.mask(9_876)).all()
    assert (one[0].image != SyntheticVideo(SIZE, 10_000, seed=4)[0].image).any()


def test_every_object_is_seen_first_and_moves():
    video = SyntheticVideo(SIZE, 40, objects=4, occluders=0)
    assert set(np.unique(video.mask(0))) == {0, 1, 2, 3, 4}
    centres = [np.argwhere(video.mask(i) == 1).mean(0) for i in (0, 39)]
    assert np.abs(centres[1] - centres[0]).max() > 2


def test_the_mask_is_where_the_object_is_painted():
    # Same seed with and without a second object: pixels differ only inside its mask and soft rim.
    video = SyntheticVideo(SIZE, 1, objects=1, occluders=0)
    mask = video.mask(0) == 1
    bare = SyntheticVideo(SIZE, 1, objects=1, occluders=0)
    bare._layers = []
    changed = (video[0].image != bare[0].image).any(-1)
    assert changed[mask].mean() > 0.95
    assert changed.sum() < 1.3 * mask.sum()


def test_objects_leave_and_return():
    video = SyntheticVideo(SIZE, 400, objects=1, occluders=0, leaving=60)
    seen = np.array([(video.mask(i) == 1).any() for i in range(0, 400, 2)])
    assert seen[0]
    assert (~seen).sum() >= 10
    assert (np.diff(seen.astype(int)) == 1).sum() >= 3


def test_an_occluder_and_lookalikes_have_no_label():
    plain = SyntheticVideo(SIZE, 1, objects=2, occluders=0)
    busy = SyntheticVideo(SIZE, 1, objects=2, occluders=3, lookalikes=2)
    assert set(np.unique(busy.mask(0))) <= {0, 1, 2}
    assert (busy.mask(0) > 0).sum() <= (plain.mask(0) > 0).sum()
    assert (busy[0].image != plain[0].image).any()


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"size": (8, 8)}, "8x8"),
        ({"length": 0}, "length 0"),
        ({"objects": 0}, "objects 0"),
        ({"lookalikes": 3}, "lookalikes 3"),
        ({"leaving": 5}, "leaving 5"),
    ],
)
def test_wrong_arguments_are_named(wrong, says):
    with pytest.raises(ValueError, match=says):
        SyntheticVideo(**wrong)


def test_frames_outside_are_refused():
    video = SyntheticVideo(SIZE, 3)
    with pytest.raises(IndexError, match="not 3"):
        video[3]
    for index in (-1, 3):
        with pytest.raises(IndexError, match=f"not {index}"):
            video.mask(index)
