"""Video files: right frames in the right order, and clear words where there are none."""

from __future__ import annotations

import gc
import random
import re
import struct
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from sam2track.video import TruncatedVideo, VideoError, VideoFile, open_video
from sam2track.video.decord_file import DecordFile


def numbers(video, number) -> tuple[list[int], TruncatedVideo | None]:
    """The numbers that the frames carry, and how the video broke off."""
    seen = []
    try:
        for frame in video:
            assert frame.index == len(seen)
            seen.append(number(frame.image))
    except TruncatedVideo as error:
        return seen, error
    return seen, None


def packets(path: Path) -> list[tuple[int, int]]:
    """Where in the file each packet is: ``(start, end)`` in decoding order."""
    with av.open(str(path)) as container:
        entries = container.streams.video[0].index_entries
        return [(entry.pos, entry.pos + entry.size) for entry in entries]


def remux(source: Path, target: Path, *, shift: int = 0, **options: str) -> Path:
    """Copy the packets to another container, ``shift`` frames earlier."""
    with av.open(str(source)) as old, av.open(str(target), "w", options=options) as new:
        stream = old.streams.video[0]
        copy = new.add_stream_from_template(stream)
        step = round(shift / stream.average_rate / stream.time_base)
        for packet in old.demux(stream):
            if packet.dts is not None:
                packet.pts, packet.dts, packet.stream = packet.pts - step, packet.dts - step, copy
                new.mux(packet)
    return target


def test_reads_every_frame_in_order_and_again(clip, number):
    with VideoFile(clip) as video:
        assert (video.name, video.size, video.fps, video.length) == ("clip", (48, 80), 25.0, 60)
        assert numbers(video, number) == (list(range(60)), None)
        assert numbers(video, number) == (list(range(60)), None)
        frame = video[3]
    assert frame.image.dtype == np.uint8
    assert frame.image.flags.c_contiguous


def test_any_frame_by_index(clip, number):
    asked = [*random.Random(0).choices(range(60), k=40), 59, 58, 57, 3, 4, 3, 2, 40]
    with VideoFile(clip) as video:
        assert [number(video[index].image) for index in asked] == asked
        with pytest.raises(IndexError, match="frames 0 to 59, not 60"):
            video[60]
        with pytest.raises(IndexError, match="not -61"):
            video[-61]


@pytest.mark.parametrize("suffix", ["mp4", "ts"])
def test_backwards(clip, number, suffix, tmp_path):
    path = clip if suffix == "mp4" else remux(clip, tmp_path / "clip.ts")
    with VideoFile(path) as video:
        assert [number(video[index].image) for index in range(59, -1, -1)] == [*range(59, -1, -1)]
        assert number(video[30].image) == 30


def test_colours_are_rgb(clip, picture):
    with VideoFile(clip) as video:
        assert np.abs(video[0].image[6:18, 4:12].astype(int) - picture(0)[6:18, 4:12]).mean() < 12


@pytest.mark.parametrize("percent", [35, 47, 60, 73, 88, 99])
def test_cut_off_file_gives_all_that_decodes(clip, number, percent, tmp_path):
    cut = tmp_path / "cut.mp4"
    there = clip.stat().st_size * percent // 100
    cut.write_bytes(clip.read_bytes()[:there])
    whole = sum(end <= there for _, end in packets(clip))
    with VideoFile(cut) as video:
        seen, error = numbers(video, number)
    assert seen == list(range(len(seen)))
    # Packets are stored in decoding order: of the last few, some wait for a later one to be shown.
    assert whole - 4 <= len(seen) <= whole < 60
    assert error is not None
    assert error.index == len(seen)
    assert f"cut.mp4 stops at frame {len(seen)} of 60" in str(error)


@pytest.mark.parametrize("broken", [13, 25, 44])
def test_damage_in_the_middle_ends_the_video_there(clip, number, broken, tmp_path):
    path = tmp_path / "hole.mp4"
    start, end = packets(clip)[broken]
    data = bytearray(clip.read_bytes())
    data[start:end] = b"\xff" * (end - start)
    path.write_bytes(data)
    with VideoFile(path) as video:
        seen, error = numbers(video, number)
    assert seen == list(range(len(seen)))
    assert broken - 4 <= len(seen) <= broken + 4
    assert error is not None


def test_hidden_frames_of_an_edit_list_are_not_counted(clip, number, tmp_path):
    options = {"avoid_negative_ts": "disabled", "use_editlist": "1"}
    path = remux(clip, tmp_path / "edit.mp4", shift=10, **options)
    with VideoFile(path) as video:
        assert video.length == 50
        assert numbers(video, number) == (list(range(10, 60)), None)


@pytest.mark.parametrize("suffix", ["ts", "mkv", "avi"])
def test_other_containers(clip, number, suffix, tmp_path):
    path = tmp_path / f"clip.{suffix}"
    if suffix == "avi":  # which cannot hold B-frames in order
        with av.open(str(path), "w") as container:
            stream = container.add_stream("mpeg4", rate=25, options={"qscale": "2"})
            stream.height, stream.width, stream.pix_fmt = 48, 80, "yuv420p"
            with VideoFile(clip) as video:
                for frame in video:
                    picture = av.VideoFrame.from_ndarray(frame.image, format="rgb24")
                    container.mux(stream.encode(picture))
            container.mux(stream.encode())
    else:
        remux(clip, path)
    with VideoFile(path) as video:
        assert video.length == 60
        assert numbers(video, number) == (list(range(60)), None)


def test_variable_frame_rate(write_clip, number, tmp_path):
    ticks = np.random.default_rng(0).integers(10, 120, 30).cumsum().tolist()
    with VideoFile(write_clip(tmp_path / "vfr.mp4", 30, ticks=ticks)) as video:
        assert numbers(video, number) == (list(range(30)), None)
        assert 10 < video.fps < 30
        seconds = (np.array(ticks) - ticks[0]) / 1000
        np.testing.assert_allclose(video.times, seconds, atol=1e-3)


def test_a_slow_time_lapse_keeps_its_rate(write_clip, tmp_path):
    with VideoFile(write_clip(tmp_path / "slow.mp4", 3, ticks=[0, 20_000, 40_000])) as video:
        assert video.fps == pytest.approx(0.05, rel=0.5)
        assert list(video.times) == [0, 20, 40]


@pytest.mark.parametrize("damaged", [False, True])
def test_rotation_is_applied(clip, tmp_path, damaged):
    data = bytearray(clip.read_bytes())
    place = data.index(b"tkhd") + 44  # the track header's matrix
    one = 1 << 16
    data[place : place + 36] = struct.pack(">9i", 0, one, 0, -one, 0, 0, 0, 0, 1 << 30)
    path = tmp_path / "turned.mp4"
    path.write_bytes(data[: len(data) * 9 // 10] if damaged else data)
    with VideoFile(clip) as upright, VideoFile(path) as turned:
        assert turned.size == (80, 48)
        np.testing.assert_array_equal(turned[5].image, np.rot90(upright[5].image, -1))


@pytest.mark.parametrize(
    ("matrix", "shown"),
    [
        ((-1, 0, 0, 1), lambda image: image[:, ::-1]),
        ((1, 0, 0, -1), lambda image: image[::-1]),
        ((0, 1, 1, 0), lambda image: image.transpose(1, 0, 2)),
        ((0, -1, -1, 0), lambda image: image[::-1, ::-1].transpose(1, 0, 2)),
    ],
)
def test_mirrors_are_applied(clip, tmp_path, matrix, shown):
    data = bytearray(clip.read_bytes())
    place = data.index(b"tkhd") + 44
    a, b, c, d = (value << 16 for value in matrix)
    data[place : place + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path = tmp_path / "mirrored.mp4"
    path.write_bytes(data)
    with VideoFile(clip) as upright, VideoFile(path) as mirrored:
        np.testing.assert_array_equal(mirrored[5].image, shown(upright[5].image))
        assert mirrored.size == mirrored[5].size


def zero_frames(path: Path) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.height, stream.width, stream.pix_fmt = 48, 80, "yuv420p"
        container.start_encoding()


def sound_only(path: Path) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=16000)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        sound.sample_rate = 16000
        container.mux(stream.encode(sound))
        container.mux(stream.encode())


def index_cut_off(path: Path) -> None:
    path.write_bytes(b"\0\0\0\x20ftypisom" + bytes(20) + b"\0\1\0\0mdat" + bytes(500))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: None, "no such video"),
        (lambda path: path.mkdir(), "no such video"),
        (lambda path: path.write_bytes(b""), "is empty (0 bytes)"),
        (lambda path: path.write_text("this is not a video\n" * 50), "give a video such as MP4"),
        (index_cut_off, "index is missing or broken"),
        (zero_frames, "has no video frames"),
        (sound_only, "has no video frames"),
    ],
)
def test_what_is_no_video_is_refused_in_one_quiet_line(make, words, tmp_path, capfd):
    path = tmp_path / "clip.mp4"
    make(path)
    with pytest.raises(VideoError) as caught:
        VideoFile(path)
    assert words in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr().err == ""


def test_damaged_files_are_read_quietly(clip, number, tmp_path, capfd):
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(clip.read_bytes()[: clip.stat().st_size * 6 // 10])
    with VideoFile(cut) as video:
        assert numbers(video, number)[1] is not None
    assert capfd.readouterr().err == ""


def test_times_that_are_not_in_order_of_showing(clip, number, tmp_path):
    """As OpenCV writes them: with B-frames, and each packet's time that of decoding."""
    path = tmp_path / "unordered.mp4"
    with av.open(str(clip)) as old, av.open(str(path), "w") as new:
        copy = new.add_stream_from_template(old.streams.video[0])
        queue = [packet for packet in old.demux(video=0) if packet.dts is not None]
        begin = queue[0].dts
        for packet in queue:
            packet.dts -= begin
            packet.pts, packet.stream = packet.dts, copy
            new.mux(packet)
    with VideoFile(path) as video:
        assert numbers(video, number) == (list(range(60)), None)
        assert number(video[30].image) == 30


def write_colour(path: Path, size: tuple[int, int], matrix: str, *, tag: int | None = None) -> Path:
    """A video of one colour, converted with a matrix, which the file names if there is a tag."""
    image = np.full((*size, 3), (200, 40, 60), np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "1"})
        (stream.height, stream.width), stream.pix_fmt = size, "yuv420p"
        if tag is not None:
            stream.codec_context.colorspace = tag
        frame = av.VideoFrame.from_ndarray(image, format="rgb24")
        frame = frame.reformat(format="yuv420p", dst_colorspace=matrix)
        frame.pts, frame.time_base = 0, Fraction(1, 25)
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


@pytest.mark.parametrize(
    ("size", "matrix", "tag"),
    [
        ((480, 640), "ITU601", None),
        ((576, 720), "ITU601", None),
        ((720, 1280), "ITU709", None),
        ((1080, 608), "ITU709", None),  # a phone held upright
        ((480, 640), "ITU709", 1),
        ((720, 1280), "ITU601", 5),
    ],
)
def test_colours_are_read_with_the_matrix_of_the_video(size, matrix, tag, tmp_path):
    """As the file says; without a word high definition is BT.709, else BT.601."""
    image = VideoFile(write_colour(tmp_path / "clip.mp4", size, matrix, tag=tag))[0].image
    assert np.abs(image[8:-8, 8:-8].astype(int) - (200, 40, 60)).max() <= 3


def test_a_colon_in_a_name_is_no_protocol(clip, number, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("2024-11-02T14:30:05.mp4").write_bytes(clip.read_bytes())
    for name in ("2024-11-02T14:30:05.mp4", "./2024-11-02T14:30:05.mp4"):
        with open_video(name) as video:
            assert (len(video), number(video[7].image)) == (60, 7)


def test_a_codec_that_nobody_knows_is_named(clip, tmp_path):
    data = clip.read_bytes()
    path = tmp_path / "clip.mov"
    path.write_bytes(data.replace(b"avc1", b"zzzz").replace(b"avcC", b"zzzC"))
    with pytest.raises(VideoError, match=r"clip\.mov: the codec of its video is unknown to FFmpeg"):
        VideoFile(path)


def test_the_rate_of_a_file_without_one_is_that_of_its_frames(write_clip, number, tmp_path):
    """As browsers record: times in milliseconds, and no word of the rate."""
    ticks = [round(1000 * index / 30) for index in range(30)]
    path = write_clip(tmp_path / "clip.mkv", 30, ticks=ticks)
    # The element DefaultDuration becomes Void, of the same size.
    path.write_bytes(re.sub(rb"\x23\xe3\x83\x84....", b"\xec\x86" + bytes(6), path.read_bytes()))
    with VideoFile(path) as video:
        assert video.fps == pytest.approx(30, abs=1)
        assert numbers(video, number) == (list(range(30)), None)


def test_pixels_that_are_not_square(tmp_path):
    path = tmp_path / "wide.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.height, stream.width, stream.pix_fmt = 48, 80, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(16, 11)
        image = np.zeros((48, 80, 3), np.uint8)
        container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    with VideoFile(path) as video:
        assert video.pixel_aspect == Fraction(16, 11)
    data = bytearray(path.read_bytes())
    place, one = data.index(b"tkhd") + 44, 1 << 16
    data[place : place + 36] = struct.pack(">9i", 0, one, 0, -one, 0, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    with VideoFile(path) as video:
        assert (video.size, video.pixel_aspect) == ((80, 48), Fraction(11, 16))


def test_decoded_frames_are_freed_at_once(clip):
    def frames_held() -> int:
        return sum(type(thing) is av.VideoFrame for thing in gc.get_objects())

    video = VideoFile(clip)
    gc.collect()
    gc.disable()
    try:
        before = frames_held()  # of other tests' videos
        seen = [video[index].index for index in range(20)]
        held = frames_held() - before
    finally:
        gc.enable()
    assert seen == list(range(20))
    assert held <= 3  # those that the decoder gave last


def test_a_jump_forward_does_not_go_back(clip, number, monkeypatch):
    """Within a group of pictures decoding goes on; a seek would begin at the same keyframe."""
    from sam2track.video import file

    opened = []
    monkeypatch.setattr(
        file,
        "open_container",
        lambda path, real=file.open_container: opened.append(1) or real(path),
    )
    with VideoFile(clip) as video:
        assert [number(frame.image) for frame in video.read_many([0, 3, 10, 17])] == [0, 3, 10, 17]
        assert len(opened) == 1
        assert number(video[55].image) == 55
        assert len(opened) == 2


def test_decord_reads_the_same_frames(clip, number):
    pytest.importorskip("decord")
    with open_video(clip, video_reader="decord") as video, VideoFile(clip) as other:
        assert isinstance(video, DecordFile)
        assert (video.name, video.size, video.fps, video.length) == ("clip", (48, 80), 25.0, 60)
        for index in (40, 3, 59):
            np.testing.assert_array_equal(video[index].image, other[index].image)
        assert [number(frame.image) for frame in video[5:30:8]] == [5, 13, 21, 29]
        assert numbers(video, number) == (list(range(60)), None)


def test_decord_that_is_not_installed(clip, monkeypatch):
    monkeypatch.setitem(sys.modules, "decord", None)
    with pytest.raises(VideoError, match=r"pip install 'sam2track\[decord\]'"):
        open_video(clip, video_reader="decord")
