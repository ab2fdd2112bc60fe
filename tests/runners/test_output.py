"""Folders for results: which one, and one run at a time."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import time
from array import array

import numpy as np
import pytest
import torch
from composing import compose_config

from sam2track.cli import main
from sam2track.runners.output import (
    claim_folder,
    default_folder,
    locked,
    make_sinks,
    prepare_folder,
)
from sam2track.types import Frame, FrameResult
from sam2track.video import ArrayVideo


def run_of(video, folder):
    prepare_folder(folder, compose_config("track", [f"video={video}"]))


def test_another_videos_results_are_not_replaced(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "outputs" / "video"
    assert default_folder(folder, "cam1/video.mp4") == folder
    run_of("cam1/video.mp4", folder)
    assert default_folder(folder, "cam1/video.mp4") == folder
    assert default_folder(folder, str(tmp_path / "cam1/video.mp4")) == folder
    second = default_folder(folder, "cam2/video.mp4")
    assert second.name == "video-2"
    run_of("cam2/video.mp4", second)
    assert default_folder(folder, "cam3/video.mp4").name == "video-3"
    assert default_folder(folder, "cam2/video.mp4") == second


def test_a_run_file_that_cannot_be_read_belongs_to_another_video(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "run.yaml").write_text("video: [")
    assert default_folder(tmp_path / "a", "a.mp4").name == "a-2"


def test_a_locked_folder_is_refused_and_let_go(tmp_path):
    folder = tmp_path / "new" / "out"
    with (
        locked(folder),
        pytest.raises(ValueError, match="is in use by another run"),
        locked(folder),
    ):
        pass
    assert list(tmp_path.iterdir()) == []  # nothing was written: nothing stays
    with locked(folder):
        assert claim_folder(folder) == folder
        (folder / "run.yaml").touch()
    assert os.listdir(folder) == ["run.yaml"]


@pytest.mark.parametrize(
    "command",
    [
        ("benchmark", "dataset=synthetic_long", "dataset.short=true", "tracker=copy"),
        ("train", "device=cpu"),
    ],
)
def test_a_second_run_is_refused_in_one_line(tmp_path, capsys, command):
    with locked(tmp_path):
        assert main([*command, f"out={tmp_path}"]) == 2
    assert capsys.readouterr().err == (
        f"error: out={tmp_path} is in use by another run; wait for its end, or give another "
        "folder\n"
    )
    assert list(tmp_path.iterdir()) == []


def hold(folder, held):
    with locked(folder):
        held.set()
        time.sleep(60)


def test_a_run_that_is_killed_lets_go(tmp_path):
    context = multiprocessing.get_context("spawn")
    held = context.Event()
    process = context.Process(target=hold, args=(tmp_path, held))
    process.start()
    assert held.wait(60)
    with pytest.raises(ValueError, match="is in use by another run"), locked(tmp_path):
        pass
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    with locked(tmp_path):
        pass


def test_a_new_run_takes_results_out_unless_it_goes_on(tmp_path):
    config = compose_config("track", ["video=a.mp4"])
    prepare_folder(tmp_path, config)
    (tmp_path / "masks").mkdir()
    (tmp_path / "masks" / "cat.png").touch()
    (tmp_path / "masks" / "notes.txt").touch()
    prepare_folder(tmp_path, config, keep_results=True)
    assert len(os.listdir(tmp_path / "masks")) == 2
    prepare_folder(tmp_path, config)
    assert os.listdir(tmp_path / "masks") == ["notes.txt"]


@pytest.mark.parametrize("times", [None, array("d", [0, 0.5, 0.75])])
def test_a_sink_is_given_the_times_of_the_frames(tmp_path, times):
    source = ArrayVideo(np.zeros((3, 4, 4, 3), np.uint8), name="${v}", fps=2.0)
    setattr(source, "times", times)  # noqa: B010 - as a video file has them
    (sink,) = make_sinks(compose_config("track", ["sinks=coco"]), tmp_path, source, [])
    frame = Frame(2, np.zeros((4, 4, 3), np.uint8))
    none = torch.zeros(0)
    masks, owner = torch.zeros(0, 4, 4).bool(), torch.full((4, 4), -1)
    with sink:
        sink.write(frame, FrameResult(2, (), masks, owner, none, none, torch.zeros(0, 4, 4)))
    video = json.loads((tmp_path / "tracks.json").read_text())["videos"][0]
    assert video["name"] == "${v}"
    assert video["times"] == list(times or [0, 0.5, 1])
