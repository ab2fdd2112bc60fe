"""Runs that were killed and go on: what is there in the end is as if nothing had happened."""

import io
import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from sam2track import Prompt, TrackingSession, load_model
from sam2track.cli import main
from sam2track.runners import resuming, writing
from sam2track.track.snapshots import cannot_resume, load_session, save_session
from sam2track.types import Frame


@pytest.fixture
def here(tmp_path, monkeypatch, clip_path, random_nano):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(resuming, "SAVE_EVERY", 0.0)
    os.symlink(clip_path, "clip.mp4")
    os.symlink(random_nano, "nano.safetensors")
    prompts = [
        {"object": 1, "points": [[32, 32]]},
        {"object": 2, "frame": 2, "box": [30, 20, 60, 50]},
        {"object": 1, "frame": 6, "points": [[60, 30]]},
    ]
    Path("prompts.json").write_text(json.dumps(prompts))
    return tmp_path


def track(*arguments):
    settings = ["video=clip.mp4", "prompts=prompts.json", "checkpoint=nano.safetensors"]
    return main(["track", *settings, "device=cpu", "sinks=[png,coco,mot,preview]", *arguments])


def files(folder):
    found = {path.relative_to(folder): path for path in Path(folder).rglob("*") if path.is_file()}
    return {str(name): path.read_bytes() for name, path in found.items() if name.name != "run.yaml"}


def killed_after(count, monkeypatch, *arguments):
    """Let a run end after some frames as SIGKILL ends it: nothing is finished."""
    written = []

    class Killed(BaseException):
        pass

    class FanOut(writing.FanOut):
        def write(self, frame, result):
            super().write(frame, result)
            written.append(frame.index)
            if len(written) == count:
                self._wait(0)
                raise Killed

        def __exit__(self, *exception):
            if exception[0] is not Killed:
                super().__exit__(*exception)

    with monkeypatch.context() as patch:
        patch.setattr(writing, "FanOut", FanOut)
        with pytest.raises(Killed):
            track("out=b", *arguments)


@pytest.mark.parametrize(
    "memory", ["fifo", "select", "distractor", "motion", "horizon", "redetect"]
)
def test_a_killed_run_goes_on_to_the_same_results(here, monkeypatch, memory):
    assert track("out=a", f"memory={memory}") == 0
    killed_after(5, monkeypatch, f"memory={memory}")
    assert Path("b/.journal/state.pt").is_file()
    assert len(list(Path("b/masks").iterdir())) == 5
    assert track("out=b", f"memory={memory}", "resume=true") == 0
    assert files("a") == files("b")


def test_a_run_that_is_killed_twice(here, monkeypatch):
    assert track("out=a") == 0
    killed_after(3, monkeypatch)
    killed_after(6, monkeypatch, "resume=true")
    assert track("out=b", "resume=true") == 0
    assert files("a") == files("b")


def test_a_finished_run_is_left_alone(here, capsys):
    assert track("out=a") == 0
    before = files("a")
    assert track("out=a", "resume=true") == 0
    assert "finished before: a" in capsys.readouterr().out
    assert files("a") == before


def test_there_need_be_no_earlier_run(here):
    assert track("out=a", "resume=true") == 0
    assert len(list(Path("a/masks").iterdir())) == 8


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("memory=select",), "resume=true: memory._target_="),
        (
            ("fill_hole_area=3",),
            "resume=true: fill_hole_area=3, but the run in b had null; give the",
        ),
        (("direction=0",), "resume=true: direction="),
    ],
)
def test_what_cannot_go_on_is_said(here, monkeypatch, capsys, arguments, message):
    killed_after(4, monkeypatch)
    assert track("out=b", "resume=true", *arguments) == 2
    assert message in capsys.readouterr().err


def test_a_memory_that_decides_later_says_that_it_cannot_be_resumed(here, capsys):
    assert track("out=a", "memory=tree", "memory.lag=3", "resume=true") == 0
    said = capsys.readouterr().out
    assert "this run could not have been resumed: its memory decides some frames later" in said


def test_ctrl_c_leaves_what_a_run_goes_on_from(here, monkeypatch):
    assert track("out=a") == 0
    count = []
    whole = writing.Review.add

    def interrupted(self, result):
        count.append(1)
        if len(count) == 4:
            raise KeyboardInterrupt
        return whole(self, result)

    with monkeypatch.context() as patch:
        patch.setattr(writing.Review, "add", interrupted)
        assert track("out=b") == 130
    assert track("out=b", "resume=true") == 0
    assert files("a") == files("b")


def test_a_state_that_is_not_ours_runs_no_code():
    class Evil:
        def __reduce__(self):
            return (os.mkdir, ("/nonexistent/evil",))

    file = io.BytesIO()
    torch.save({"objects": Evil(), "size": None}, file)
    session = TrackingSession(load_model("nano"))
    with pytest.raises(ValueError, match="the saved state cannot be read"):
        load_session(session, file.getvalue())


def test_a_session_that_archives_says_why_it_cannot_be_saved():
    session = TrackingSession(load_model("nano"), archive=True)
    assert "keeps every frame on disk" in (cannot_resume(session) or "")


def test_a_loaded_session_goes_on_as_the_saved_one():
    rng = np.random.default_rng(0)
    frames = [Frame(k, rng.integers(0, 255, (48, 64, 3), dtype=np.uint8)) for k in range(6)]
    model = load_model("nano")
    one, other = TrackingSession(model), TrackingSession(model)
    one.prompt(1, Prompt.from_box([10, 10, 40, 30]), frames[0])
    for frame in frames[:3]:
        one.step(frame)
    load_session(other, save_session(one))
    for frame in frames[3:]:
        assert (one.step(frame).logits == other.step(frame).logits).all()


def test_a_journal_of_an_earlier_run_does_not_leak_into_the_next(here, monkeypatch):
    assert track("out=a", "object=1", "fill_hole_area=2") == 0
    killed_after(6, monkeypatch)
    killed_after(3, monkeypatch, "fill_hole_area=2")  # not resumed: it begins anew
    assert track("out=b", "fill_hole_area=2", "resume=true") == 0
    assert files("a") == files("b")


def test_a_run_in_both_directions_that_was_killed_is_not_finished(here, monkeypatch, capsys):
    killed_after(3, monkeypatch, "direction=both")
    assert track("out=b", "direction=both", "resume=true") == 2
    assert "resume=true: direction=both cannot go on in the middle" in capsys.readouterr().err


def test_a_finished_run_with_other_settings_is_not_taken_for_this_one(here, capsys):
    assert track("out=a") == 0
    assert track("out=a", "memory=select", "resume=true") == 2
    assert "resume=true: memory._target_=" in capsys.readouterr().err


def test_other_prompts_in_the_same_file_are_noticed(here, monkeypatch, capsys):
    killed_after(5, monkeypatch)
    Path("prompts.json").write_text('[{"object": 5, "points": [[60, 40]]}]')
    assert track("out=b", "resume=true") == 2
    assert "the video or the prompts are not those of the run in b" in capsys.readouterr().err


def test_results_of_any_sink_are_replaced(here):
    assert track("out=a") == 0
    assert Path("a/boxes.txt").is_file()
    assert track("out=a", "sinks=[png]") == 0
    assert not Path("a/boxes.txt").exists()
    assert not Path("a/tracks.json").exists()
