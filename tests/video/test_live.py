"""Streams, over HTTP from this machine, and what cannot be opened."""

from __future__ import annotations

import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from sam2track.video import LiveVideo, VideoError, VideoSource


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *words):
        pass


@pytest.fixture
def address(clip):
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(clip.parent)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_stream_gives_frames_in_order(address, number):
    with LiveVideo(f"{address}/clip.mp4") as video:
        assert isinstance(video, VideoSource)
        assert (video.name, video.size, video.fps, video.length) == ("clip", (48, 80), 25.0, None)
        frames = list(video)
    assert [frame.index for frame in frames] == list(range(60))
    assert [number(frame.image) for frame in frames] == list(range(60))


def test_a_stream_goes_on_where_it_was(address, number):
    with LiveVideo(f"{address}/clip.mp4") as video:
        first = next(iter(video))
        second = next(iter(video))
    assert (first.index, number(first.image)) == (0, 0)
    assert (second.index, number(second.image)) == (1, 1)


def test_no_stream(address, capfd):
    with pytest.raises(VideoError, match=r"cannot open .*nothing\.mp4: check the address"):
        LiveVideo(f"{address}/nothing.mp4")
    assert capfd.readouterr().err == ""


def test_a_password_is_not_repeated():
    with pytest.raises(VideoError) as caught:
        LiveVideo("rtsp://user:secret@127.0.0.1:1/door")
    assert "rtsp://127.0.0.1:1/door" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_no_camera(capfd):
    with pytest.raises(VideoError, match="cannot open camera 99: connect it"):
        LiveVideo(99)
    assert capfd.readouterr().err == ""
