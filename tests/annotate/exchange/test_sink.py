"""Results of tracking in an exchange format."""

import warnings

import numpy as np
import pytest
import torch
from composing import compose_config

from sam2track.annotate.exchange import ExchangeSink, read
from sam2track.runners.output import make_sinks, prepare_folder
from sam2track.sinks import SinkError
from sam2track.types import Frame, FrameResult
from sam2track.video import ArrayVideo

HEIGHT, WIDTH = 20, 30


def tracked(index, *, seen=True, name=None):
    mask = torch.zeros(1, HEIGHT, WIDTH, dtype=torch.bool)
    mask[0, 3:9, 2 + index : 12 + index] = seen
    owner = torch.where(mask[0], 0, -1)
    one = torch.ones(1)
    result = FrameResult(index, (4,), mask, owner, one / 2, one, torch.zeros(1, 4, 4))
    return Frame(index, np.zeros((HEIGHT, WIDTH, 3), np.uint8), name=name), result


def test_tracked_frames_are_written(tmp_path):
    with ExchangeSink(tmp_path / "out", "coco", name="cup", fps=10.0, label="mug") as sink:
        for index in (3, 2, 5):  # in any order
            sink.write(*tracked(index, seen=index != 5))
    back, losses = read("coco", tmp_path / "out")
    (own,) = back.videos
    assert (own.video.name, own.video.length, own.video.fps) == ("cup", 6, 10.0)
    assert [one.name for one in back.classes] == ["mug"]
    (track,) = own.tracks
    assert track.id == 4
    assert {index: frame.score for index, frame in track.frames.items()} == {2: 0.5, 3: 0.5}
    mask = track.frames[3].mask((HEIGHT, WIDTH))
    np.testing.assert_array_equal(mask, tracked(3)[1].masks[0].numpy())
    assert not list(losses)


def test_names_of_pictures_are_kept(tmp_path):
    with warnings.catch_warnings(), ExchangeSink(tmp_path / "out", "davis", name="cup") as sink:
        warnings.simplefilter("ignore")
        for index, name in enumerate(("a.jpg", "b.jpg")):
            sink.write(*tracked(index, name=name))
    assert sorted(p.name for p in (tmp_path / "out").rglob("*.png")) == ["a.png", "b.png"]


def test_a_warning_tells_what_is_lost(tmp_path):
    sink = ExchangeSink(tmp_path / "out", "davis")
    sink.write(*tracked(0))
    with pytest.warns(UserWarning, match=r"out \(davis\), not kept: 1 score of masks"):
        sink.close()


def test_nothing_is_written_without_a_frame(tmp_path):
    ExchangeSink(tmp_path / "out").close()
    assert not (tmp_path / "out").exists()


def test_wrong_formats_and_folders_are_refused(tmp_path):
    with pytest.raises(ValueError, match="no format 'coc'"):
        ExchangeSink(tmp_path / "out", "coc")
    with pytest.raises(ValueError, match="give another format, or use sam2track"):
        ExchangeSink(tmp_path / "out", "overlay")
    with pytest.raises(ValueError, match="a video's name is 'a/b'"):
        ExchangeSink(tmp_path / "out", name="a/b")
    with pytest.raises(ValueError, match="the name of class 1 is ''"):
        ExchangeSink(tmp_path / "out", label="")
    (tmp_path / "mine.txt").touch()
    with pytest.raises(ValueError, match="holds files already"):
        ExchangeSink(tmp_path).write(*tracked(0))


def test_a_disk_error_is_one_of_sinks(tmp_path, monkeypatch):
    def full(*_, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    sink = ExchangeSink(tmp_path / "out")
    sink.write(*tracked(0))
    with pytest.raises(SinkError, match="No space left on device; free some space"):
        sink.close()
    assert not list(tmp_path.iterdir())


def test_a_new_run_replaces_what_an_earlier_one_wrote(tmp_path):
    config = compose_config(
        "track", ["video=cup.mp4", "sinks=[exchange]", "sinks.exchange.format=vots"]
    )
    for _ in range(2):
        prepare_folder(tmp_path / "run", config)
        video = ArrayVideo(np.zeros((1, 8, 8, 3), np.uint8), fps=10.0, name="cup")
        (sink,) = make_sinks(config, tmp_path / "run", video, [])
        sink.write(*tracked(0))
        with pytest.warns(UserWarning, match="not kept: "):
            sink.close()
    assert (tmp_path / "run/exchange/cup/groundtruth_004.txt").is_file()
