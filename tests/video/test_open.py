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


def test_frames_by_index_slice_and_number_of_numpy():
    images = np.arange(5, dtype=np.uint8)[:, None, None, None] * np.ones((5, 2, 3, 3), np.uint8)
    video = open_video(images)
    assert isinstance(video, ArrayVideo)
    assert len(video) == 5
    assert [frame.index for frame in video[1:4]] == [1, 2, 3]
    assert [frame.index for frame in video[::-2]] == [4, 2, 0]
    assert (video[-1].index, video[np.int64(2)].index) == (4, 2)
    assert type(video[np.int32(2)].index) is int
    for index in (5, -6):
        with pytest.raises(IndexError, match=f"frames 0 to 4, not {index}"):
            video[index]
    with pytest.raises(TypeError, match=r"'3' is no index of a frame; give a whole number"):
        video["3"]
    with pytest.raises(TypeError, match=r"1\.5 is no index"):
        video[1.5]


def test_what_is_no_video_is_told_what_to_give():
    with pytest.raises(VideoError, match="frame 0 is a Image; give RGB uint8 arrays"):
        open_video([Image.new("RGB", (4, 4))])
    with pytest.raises(VideoError, match="a float is no video; give a path"):
        open_video(1.5)
    with pytest.raises(VideoError, match=r"no such video: ~no-such-user/x\.mp4"):
        open_video("~no-such-user/x.mp4")
    with pytest.raises(VideoError, match="video_reader='av' is none of auto, pyav, decord"):
        open_video("x.mp4", video_reader="av")


def test_frames_know_the_names_of_their_pictures(tmp_path, clip):
    for number in (0, 5, 10):
        Image.new("RGB", (4, 4)).save(tmp_path / f"{number:05d}.png")
    assert [frame.name for frame in open_video(tmp_path)] == ["00000.png", "00005.png", "00010.png"]
    assert open_video(clip)[0].name is None
