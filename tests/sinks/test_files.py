"""What holds for every sink: files are whole or not there."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import av
import pytest
from PIL import Image

from sam2track.sinks import (
    BoxSink,
    CocoSink,
    FanOut,
    OverlaySink,
    PaletteSink,
    PreviewSink,
    Sink,
    SinkError,
)

MAKERS = {
    "masks": PaletteSink,
    "overlay.mp4": lambda path: OverlaySink(path, 25),
    "backward.mp4": lambda path: OverlaySink(path, 25, direction=-1),
    "tracks.json": CocoSink,
    "boxes.txt": BoxSink,
    "preview.png": PreviewSink,
}


def check_whole(path: Path, frames: int) -> None:
    """Open what a sink wrote, as a user would."""
    if path.name == "masks":
        for index in range(frames):
            Image.open(path / f"{index:05d}.png").load()
        assert len(list(path.iterdir())) == frames
    elif path.suffix == ".mp4":
        with av.open(str(path)) as container:
            assert sum(1 for _ in container.decode(video=0)) == frames
    elif path.suffix == ".json":
        assert json.loads(path.read_text())["videos"][0]["length"] == frames
    elif path.suffix == ".txt":
        assert len(path.read_text().splitlines()) == frames
    else:
        Image.open(path).load()


@pytest.fixture(params=sorted(MAKERS))
def name(request) -> str:
    return request.param


def test_a_sink(name, tmp_path, tracked):
    path = tmp_path / "runs" / "a" / name
    with MAKERS[name](path) as sink:
        assert isinstance(sink, Sink)
        for index in range(9):
            sink.write(*tracked(index))
    check_whole(path, 9)
    assert os.listdir(path.parent) == [name]


def test_nothing_written_leaves_nothing(name, tmp_path):
    with MAKERS[name](tmp_path / "runs" / name):
        pass
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("stop", [KeyboardInterrupt, RuntimeError])
def test_what_was_written_stays_and_is_whole(name, stop, tmp_path, tracked):
    with pytest.raises(stop), MAKERS[name](tmp_path / name) as sink:  # noqa: PT012
        for index in range(5):
            sink.write(*tracked(index))
        raise stop
    check_whole(tmp_path / name, 5)
    assert os.listdir(tmp_path) == [name]


def test_an_older_file_is_replaced_only_by_a_whole_one(tmp_path, tracked):
    path = tmp_path / "boxes.txt"
    path.write_text("old")
    sink = BoxSink(path)
    sink.write(*tracked(0))
    assert path.read_text() == "old"
    sink.close()
    assert path.read_text().startswith("1,1,6,11,")


def test_a_full_disk_leaves_nothing_half_written(name, tmp_path, tracked, full_disk):
    path = tmp_path / "runs" / name
    sink = MAKERS[name](path)
    with full_disk(300), pytest.raises(SinkError) as caught, sink:  # noqa: PT012
        for index in range(60):
            sink.write(*tracked(index))
    assert caught.value.errno == errno.EFBIG
    assert str(path) in str(caught.value)
    assert "File too large" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert os.listdir(tmp_path) == []


def test_a_place_that_cannot_be_written(name, tmp_path, tracked):
    (tmp_path / "runs").write_text("a file, not a folder")
    sink = MAKERS[name](tmp_path / "runs" / name)
    with pytest.raises(SinkError, match=r"cannot write .*runs.*choose another place"), sink:
        sink.write(*tracked(0))
    assert os.listdir(tmp_path) == ["runs"]


def test_a_folder_in_the_way(tmp_path, tracked):
    (tmp_path / "boxes.txt").mkdir()
    with pytest.raises(SinkError, match="Is a directory"), BoxSink(tmp_path / "boxes.txt") as sink:
        sink.write(*tracked(0))
    assert os.listdir(tmp_path) == ["boxes.txt"]


def test_no_space_is_said_so(tmp_path, tracked, monkeypatch):
    def refuse(*_args, **_options):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "replace", refuse)
    sink = BoxSink(tmp_path / "boxes.txt")
    with pytest.raises(SinkError, match="No space left on device; free some space") as caught, sink:
        sink.write(*tracked(0))
    assert caught.value.errno == errno.ENOSPC
    assert os.listdir(tmp_path) == []


def test_all_at_once_on_a_full_disk(tmp_path, tracked, full_disk):
    """The video does not fit; everything else is finished and valid."""
    names = ["masks", "overlay.mp4", "boxes.txt", "tracks.json"]
    sinks = [MAKERS[name](tmp_path / name) for name in names]
    written = 0
    fan_out = FanOut(sinks)
    with full_disk(30_000), pytest.raises(SinkError, match=r"overlay\.mp4"), fan_out:  # noqa: PT012
        for index in range(200):
            fan_out.write(*tracked(index, size=(240, 320)))
            written += 1
    assert sorted(os.listdir(tmp_path)) == ["boxes.txt", "masks", "tracks.json"]
    frames = len(os.listdir(tmp_path / "masks"))
    assert 0 < frames <= written < 200  # equal where the writer keeps up
    check_whole(tmp_path / "masks", frames)
    check_whole(tmp_path / "boxes.txt", frames - 1)
    check_whole(tmp_path / "tracks.json", frames - 1)
