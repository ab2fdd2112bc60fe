"""The table of tracks."""

import csv
from array import array
from dataclasses import replace

import numpy as np
import pytest
from exchange_samples import sample

from sam2track.annotate.exchange import ExchangeSink, write
from sam2track.prompts import Prompt

from .test_sink import tracked


def rows_of(folder):
    with (folder / "tracks.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_row_for_each_object_on_each_frame(tmp_path):
    annotations = sample(boxes=True)
    losses = write("csv", annotations, tmp_path / "out")
    found = {
        (row["video"], int(row["id"]), int(row["frame"])): row for row in rows_of(tmp_path / "out")
    }
    classes = {own.id: own.name for own in annotations.classes}
    expected = 0
    for own in annotations.videos:
        for track in own.tracks:
            for index, frame in track.frames.items():
                mask = frame.mask(own.video.size)
                if mask is not None and not mask.any():
                    continue
                expected += 1
                row = found[own.video.name, track.id, index]
                assert (row["class"], row["name"]) == (classes[track.class_id], track.name)
                assert row["seconds"] == ""  # no file gave times
                assert row["made"] == frame.made
                assert row["score"] == ("" if frame.score is None else f"{frame.score:.3f}")
                box = tuple(float(row[key]) for key in ("x0", "y0", "x1", "y1"))
                if mask is None:
                    assert box == frame.box
                    assert (float(row["x"]), float(row["y"])) == (5.5 + index, 6.5)
                    assert int(row["area"]) == 64
                else:
                    y, x = np.nonzero(mask)
                    assert float(row["x"]) == pytest.approx(x.mean(), abs=0.006)
                    assert float(row["y"]) == pytest.approx(y.mean(), abs=0.006)
                    assert int(row["area"]) == mask.sum()
                    assert box == (x.min(), y.min(), x.max() + 1, y.max() + 1)
    assert len(found) == expected > 20
    assert {loss.what for loss in losses} >= {"attributes of tracks"}


def test_times_of_a_video_file(tmp_path):
    annotations = sample()
    first = annotations.videos[0]
    times = tuple(0.5 * index for index in range(first.video.length))
    timed = replace(first, video=replace(first.video, times=times))
    write("csv", replace(annotations, videos=(timed,)), tmp_path / "out", frames="every 2")
    assert {(row["frame"], row["seconds"]) for row in rows_of(tmp_path / "out")} >= {("2", "1.000")}


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_run_of_the_tracker_gives_a_table(tmp_path):
    with ExchangeSink(tmp_path / "out", "csv", name="cup", label="mug") as sink:
        for index in range(3):
            sink.write(*tracked(index, seen=index != 1))
    rows = rows_of(tmp_path / "out")
    assert [(row["video"], row["frame"], row["class"]) for row in rows] == [
        ("cup", "0", "mug"),
        ("cup", "2", "mug"),
    ]
    assert rows[1]["x"] == "8.50"  # columns 4 to 13
    with pytest.raises(ValueError, match="needs the video"):
        ExchangeSink(tmp_path / "other", "overlay")


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_run_tells_times_and_which_frames_were_prompted(tmp_path):
    prompts = {0: [(9, Prompt.click(1, 1))], 2: [(4, Prompt.click(8, 5))]}
    times = array("d", (0, 0.04, 0.1, 0.2))
    with ExchangeSink(tmp_path / "out", "csv", times=times, prompts=prompts) as sink:
        for index in range(3):
            sink.write(*tracked(index))
    assert [(row["seconds"], row["made"]) for row in rows_of(tmp_path / "out")] == [
        ("0.000", "propagated"),  # another object was prompted
        ("0.040", "propagated"),
        ("0.100", "prompt"),
    ]
