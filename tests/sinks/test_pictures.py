"""What is for the eye: the overlay video and the contact sheet."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from sam2track.masks import draw_objects, draw_prompt, object_colour
from sam2track.prompts import Prompt
from sam2track.sinks import OverlaySink, PreviewSink
from sam2track.sinks.preview import _evenly

GREY = np.full((120, 160, 3), 128, np.uint8)


def box_mask(x0, y0, x1, y1, size=(120, 160)):
    mask = np.zeros(size, bool)
    mask[y0:y1, x0:x1] = True
    return mask


def test_objects_are_tinted_in_their_colour_and_the_rest_is_left():
    image = GREY.copy()
    masks = np.stack([box_mask(20, 40, 60, 80), box_mask(100, 40, 140, 80)])
    draw_objects(image, (3, 1), masks)
    for object_id, x in ((3, 40), (1, 120)):
        expected = 0.55 * 128 + 0.45 * np.array(object_colour(object_id))
        np.testing.assert_allclose(image[60, x], expected, atol=1)
    assert (image[90:] == 128).all()
    assert (image[:, 66:94] == 128).all()
    assert (image[20:38, 20:60] == object_colour(3)).all(-1).sum() > 20  # the label above it


@pytest.mark.parametrize(("lines", "scale"), [(1, 1), (2, 4), (4, 8)])
def test_outlines_are_bright_and_dark_bands_of_a_width_that_fits_the_picture(lines, scale):
    image = np.full((120 * scale, 160 * scale, 3), 128, np.uint8)
    mask = box_mask(20 * scale, 60 * scale, 60 * scale, 100 * scale, image.shape[:2])
    draw_objects(image, (3,), mask[None])
    column = image[:, 40 * scale]
    bright = np.flatnonzero((column[80 * scale :] == object_colour(3)).all(-1)) + 80 * scale
    dark = np.flatnonzero((column[80 * scale :] == 20).all(-1)) + 80 * scale
    assert len(bright) == lines
    assert bright.min() == 100 * scale - lines // 2
    assert dark.min() == bright.max() + 1
    assert len(dark) == (lines + 1) // 2


@pytest.mark.parametrize("box", [(0, 0, 160, 120), (0, 0, 1, 1), (159, 119, 160, 120)])
def test_objects_at_the_edges(box):
    image = GREY.copy()
    draw_objects(image, (200,), box_mask(*box)[None])
    assert (image != 128).any()


def test_nothing_to_draw():
    image = GREY.copy()
    draw_objects(image, (1,), np.zeros((1, 120, 160), bool))
    draw_objects(image, (), np.zeros((0, 120, 160), bool))
    assert (image == 128).all()


def test_clicks_show_whether_they_are_on_the_object():
    image = GREY.copy()
    draw_prompt(image, 1, np.array([[30, 30], [90, 60]], np.float32), np.array([1, 0]), None)
    on, off = image[30, 30].astype(int), image[60, 90].astype(int)
    assert on[1] > on[0] + 50
    assert off[0] > off[1] + 50


@pytest.mark.parametrize(("size", "fps"), [((60, 96), 25), ((61, 97), 29.97), ((60, 97), 26.777)])
def test_overlay_plays_in_a_browser(tmp_path, tracked, size, fps):
    path = tmp_path / "overlay.mp4"
    with OverlaySink(path, fps) as sink:
        for index in range(10):
            sink.write(*tracked(index, size=size))
    head = path.read_bytes()
    assert head.index(b"moov") < head.index(b"mdat")
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "h264"
        assert stream.codec_context.pix_fmt == "yuv420p"
        assert (stream.height, stream.width) == (size[0] + size[0] % 2, size[1] + size[1] % 2)
        assert float(stream.average_rate) == pytest.approx(fps, rel=1e-4)
        assert sum(1 for _ in container.decode(stream)) == 10


def test_overlay_shows_the_object_where_it_is(tmp_path, tracked):
    grey = np.full((60, 96, 3), 128, np.uint8)
    with OverlaySink(tmp_path / "overlay.mp4", 25) as sink:
        for index in range(3):
            frame, result = tracked(index, {1: box_mask(5, 20, 35, 50, (60, 96))})
            frame.image[:] = grey
            sink.write(frame, result)
    with av.open(str(tmp_path / "overlay.mp4")) as container:
        images = [picture.to_ndarray(format="rgb24") for picture in container.decode(video=0)]
    expected = 0.55 * 128 + 0.45 * np.array(object_colour(1))
    assert np.abs(images[0][30:40, 12:28].mean((0, 1)) - expected).max() < 12
    assert np.abs(images[0][20:50, 60:90] - 128.0).mean() < 4
    np.testing.assert_array_equal(frame.image, grey)  # the caller's picture is not drawn on


def shown(path):
    """The grey of each picture of a video, and when it is shown."""
    with av.open(str(path)) as container:
        pictures = list(container.decode(video=0))
    assert [picture.time for picture in pictures] == pytest.approx(np.arange(len(pictures)) / 25)
    return [picture.to_ndarray(format="gray").mean() for picture in pictures]


@pytest.mark.parametrize("count", [1, 31, 32, 33, 70])
def test_overlay_of_a_run_back_in_time_plays_forward(tmp_path, tracked, count):
    forward, backward = tmp_path / "forward.mp4", tmp_path / "backward.mp4"
    for path, direction in ((forward, 1), (backward, -1)):
        with OverlaySink(path, 25, direction=direction) as sink:
            for index in range(count)[::direction]:
                frame, result = tracked(index, {})
                frame.image[:] = 40 + 2 * index
                sink.write(frame, result)
    grey = shown(backward)
    np.testing.assert_allclose(grey, shown(forward), atol=1)
    assert len(grey) == count
    assert grey == sorted(grey)


def test_overlay_of_a_run_back_in_time_holds_little(tmp_path, tracked):
    with OverlaySink(tmp_path / "overlay.mp4", 25, direction=-1) as sink:
        for index in reversed(range(200)):
            sink.write(*tracked(index))
            assert len(sink._reversed._held) < 32


@pytest.mark.parametrize("fps", [0, -1, float("nan"), float("inf")])
def test_overlay_needs_a_rate(fps, tmp_path):
    with pytest.raises(ValueError, match="above 0"):
        OverlaySink(tmp_path / "overlay.mp4", fps)


def test_preview_has_the_prompted_frame_and_holds_little(tmp_path, tracked):
    prompts = {37: [(1, Prompt.click(20, 20))]}
    sink = PreviewSink(tmp_path / "preview.png", prompts, tiles=6, tile_width=48)
    with sink:
        for index in range(500):
            sink.write(*tracked(index))
            assert len(sink._spaced) <= 12
        assert 37 in sink._prompted
    sheet = Image.open(tmp_path / "preview.png")
    assert sheet.size == (4 * 52 + 4, 2 * 34 + 4)


def test_preview_of_a_very_high_video_stays_small(tmp_path, tracked):
    with PreviewSink(tmp_path / "preview.png", tile_width=48) as sink:
        sink.write(*tracked(0, {1: np.ones((5000, 1), bool)}, size=(5000, 1)))
    assert Image.open(tmp_path / "preview.png").size == (1 + 8, 4 * 48 + 8)


@pytest.mark.parametrize("frames", [1, 2, 5])
def test_preview_of_a_short_clip_shows_every_frame(tmp_path, tracked, frames):
    with PreviewSink(tmp_path / "preview.png", tile_width=48) as sink:
        for index in range(frames):
            sink.write(*tracked(index))
    columns, rows = min(frames, 4), 1 + (frames > 4)
    assert Image.open(tmp_path / "preview.png").size == (columns * 52 + 4, rows * 34 + 4)


@given(
    st.sets(st.integers(0, 1000), min_size=1, max_size=40),
    st.integers(1, 12),
    st.data(),
)
@settings(max_examples=40, deadline=None)
def test_what_the_preview_shows(indices, count, data):
    indices = sorted(indices)
    fixed = set(data.draw(st.lists(st.sampled_from(indices), max_size=5))) | {indices[-1]}
    shown = _evenly(indices, fixed, count)
    assert shown == sorted(set(shown) & set(indices))
    assert fixed | {indices[0]} <= set(shown)
    assert len(shown) <= max(count, len(fixed) + 1)
    if len(indices) >= count:
        assert len(shown) >= count


def test_preview_is_spaced_evenly():
    assert _evenly(list(range(0, 96, 4)), {0, 92}, 12)[::3] == pytest.approx([0, 24, 48, 72], abs=8)


def clip_with_sound(path, *, codec="aac", seconds=2.0):
    """A video of 25 frames a second whose pixels are 16:11, with a tone."""
    with av.open(str(path), "w") as container:
        pictures = container.add_stream("libx264", rate=25)
        pictures.width, pictures.height, pictures.pix_fmt = 96, 60, "yuv420p"
        pictures.codec_context.sample_aspect_ratio = Fraction(16, 11)
        tone = container.add_stream(codec, rate=16000, layout="mono")
        for index in range(round(25 * seconds)):
            picture = av.VideoFrame.from_ndarray(np.full((60, 96, 3), 5 * index % 256, np.uint8))
            picture.pts = index
            container.mux(pictures.encode(picture))
            samples = np.sin(np.arange(640) * 0.2)[None].astype(np.float32)
            sound = av.AudioFrame.from_ndarray(samples, "fltp", "mono")
            sound.pts, sound.sample_rate = 640 * index, 16000
            container.mux(tone.encode(sound))
        container.mux(pictures.encode(None))
        container.mux(tone.encode(None))
    return path


def write_overlay(path, tracked, indices, **options):
    with OverlaySink(path, 25, **options) as sink:
        for index in indices:
            sink.write(*tracked(index))
    with av.open(str(path)) as container:
        packets = list(container.demux(*container.streams.audio)) if container.streams.audio else []
        times = [float(p.pts * p.time_base) for p in packets if p.pts is not None]
        return container.streams.video[0].sample_aspect_ratio, times


def test_overlay_keeps_the_shape_of_pixels_and_the_sound(tmp_path, tracked):
    clip = clip_with_sound(tmp_path / "a:clip.mp4")
    aspect, times = write_overlay(
        tmp_path / "overlay.mp4", tracked, range(25), pixel_aspect="16/11", sound_from=clip
    )
    assert aspect == Fraction(16, 11)
    assert times[0] == pytest.approx(0, abs=0.1)
    assert times[-1] == pytest.approx(1, abs=0.1)  # as long as the pictures
    assert len(shown(tmp_path / "overlay.mp4")) == 25


@pytest.mark.parametrize(
    ("indices", "direction"), [(range(3, 9), 1), (range(8, -1, -1), -1)], ids=["later", "backward"]
)
def test_overlay_is_silent_where_sound_would_not_fit(tmp_path, tracked, indices, direction):
    clip = clip_with_sound(tmp_path / "clip.mp4")
    _, times = write_overlay(
        tmp_path / "o.mp4", tracked, indices, direction=direction, sound_from=clip
    )
    assert times == []


def test_overlay_without_sound_that_fits(tmp_path, tracked):
    odd = clip_with_sound(tmp_path / "odd.mkv", codec="pcm_s16le")
    for path in (odd, tmp_path / "missing.mp4", tmp_path):
        assert write_overlay(tmp_path / "o.mp4", tracked, range(3), sound_from=path) == (1, [])


def test_a_relative_path_with_a_colon(tmp_path, tracked, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with OverlaySink("run:1/overlay.mp4", 25) as sink:
        for index in range(3):
            sink.write(*tracked(index))
    assert len(shown(tmp_path / "run:1" / "overlay.mp4")) == 3


def test_preview_shows_notes_below(tmp_path, tracked):
    heights = []
    for notes in ((), ((1, "lost from frame 3 on"), (7, "never seen " * 40))):
        with PreviewSink(tmp_path / "preview.png", tile_width=48) as sink:
            sink.write(*tracked(0))
            for note in notes:
                sink.note(*note)
        sheet = np.asarray(Image.open(tmp_path / "preview.png"))
        heights.append(len(sheet))
        assert sheet.shape[1] == 56
    assert heights[1] == heights[0] + 2 * 24
    for row, object_id in enumerate((1, 7)):
        strip = sheet[heights[0] + 24 * row :][:24]
        assert strip[12, 12].tolist() == list(object_colour(object_id))
        assert (strip[-1, 29:32] == 63).all()  # the dark ground of the text
