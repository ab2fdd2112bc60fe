"""Arrays, and which source a specification means."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

import sam2track
from sam2track.video import (
    ArrayVideo,
    ImageFolder,
    SeekableSource,
    VideoError,
    VideoFile,
    open_video,
)


def test_arrays():
    images = np.arange(2 * 3 * 4 * 3, dtype=np.uint8).reshape(2, 3, 4, 3)
    with ArrayVideo(images, fps=10, name="mine") as video:
        assert isinstance(video, SeekableSource)
        assert (video.name, video.size, video.fps, video.length) == ("mine", (3, 4), 10, 2)
        assert [frame.index for frame in video] == [0, 1]
        np.testing.assert_array_equal(video[1].image, images[1])
        with pytest.raises(IndexError):
            video[2]


def test_arrays_are_made_contiguous():
    wide = np.zeros((3, 8, 3), np.uint8)
    assert ArrayVideo([wide[:, ::2]])[0].image.flags.c_contiguous


@pytest.mark.parametrize(
    ("images", "words"),
    [
        ([], "at least one"),
        ([np.zeros((2, 2, 3))], "frame 0 is float64"),
        ([np.zeros((2, 2), np.uint8)], r"shape \(2, 2\)"),
        ([np.zeros((2, 2, 3), np.uint8), np.zeros((2, 5, 3), np.uint8)], "frame 1 is 5x2"),
    ],
)
def test_arrays_that_are_no_video(images, words):
    with pytest.raises(VideoError, match=words):
        ArrayVideo(images)


def test_a_file_or_a_folder(clip, tmp_path, monkeypatch):
    (tmp_path / "7").mkdir()
    Image.new("RGB", (4, 4)).save(tmp_path / "7" / "0.png")
    monkeypatch.chdir(tmp_path)
    assert isinstance(open_video(clip), VideoFile)
    assert isinstance(open_video(str(clip)), VideoFile)
    assert isinstance(open_video("./7"), ImageFolder)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (99, "camera 99"),
        ("99", "camera 99"),
        ("http://127.0.0.1:1/x", "http://127.0.0.1:1/x"),
        ("nowhere.mp4", "no such video: nowhere.mp4"),
    ],
)
def test_what_cannot_be_opened(spec, words):
    with pytest.raises(VideoError, match=words):
        open_video(spec)


def test_the_package_shows_what_it_raises():
    with pytest.raises(sam2track.VideoError, match=r"no such video: nowhere\.mp4"):
        sam2track.open_video("nowhere.mp4")
