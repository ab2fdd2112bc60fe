"""What Hydra brings: several runs, launchers, groups of one's own, callbacks, completion."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sam2track.cli import main

ROOT = Path(__file__).parents[1]


def installed(name):
    return pytest.mark.skipif(
        importlib.util.find_spec(name) is None, reason=f"{name} is not installed"
    )


@pytest.fixture
def here(tmp_path, monkeypatch, clip_path, random_nano):
    """A working folder with a checkpoint and two videos of the same name."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SAM2TRACK_DEBUG", raising=False)
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}{os.pathsep}{tmp_path}")
    os.symlink(random_nano, "nano.safetensors")
    for folder in ("cam1", "cam2"):
        Path(folder).mkdir()
        shutil.copy(clip_path, f"{folder}/clip.mp4")
    return tmp_path


def track(*arguments):
    options = ("checkpoint=nano.safetensors", "device=cpu", "click=[30,30]", "frames=1")
    return main(["track", *options, "sinks=png", *arguments])


def runs(folder):
    return sorted(str(path.parent.relative_to(folder)) for path in Path(folder).rglob("run.yaml"))


def said(capfd):
    """The errors, line by line."""
    return capfd.readouterr().err.splitlines()


@pytest.mark.parametrize(
    "arguments",
    [
        ("-m", "video=cam1/clip.mp4,cam2/clip.mp4,no.mp4"),
        ("video=[cam1/clip.mp4,cam2/clip.mp4,no.mp4]",),
    ],
)
def test_several_videos_go_on_after_one_that_fails(here, capfd, arguments):
    assert track(*arguments, "out=a") == 2
    assert runs("a") == ["clip", "clip-2"]
    assert said(capfd) == ["error: no: no such video: no.mp4; check the path"]


def test_the_exit_status_is_the_worst(here, capfd):
    cut = Path("cam1/clip.mp4").read_bytes()
    Path("cam1/clip.mp4").write_bytes(cut[: len(cut) // 2])
    Path("cam3").mkdir()
    assert track("video=[cam2/clip.mp4,cam1/clip.mp4,cam3]", "out=a") == 2
    assert len(said(capfd)) == 2


@pytest.mark.parametrize("video", ["cam*/clip.mp4", "both"])
def test_a_pattern_and_a_folder_of_videos(here, video):
    Path("both").mkdir()
    shutil.copy("cam1/clip.mp4", "both/a.mp4")
    shutil.copy("cam1/clip.mp4", "both/b.mp4")
    assert track(f"video={video}") == 0
    assert runs("outputs/track") == (["a", "b"] if video == "both" else ["clip", "clip-2"])


def test_what_is_named_like_a_list_is_one_video(here):
    shutil.move("cam1/clip.mp4", "[a,b].mp4")
    assert track("video=[a,b].mp4", "out=one") == 0
    assert runs("one") == ["."]


def test_a_single_run_leaves_nothing_of_hydras(here):
    assert track("video=cam1/clip.mp4", "out=run:1") == 0
    assert sorted(os.listdir("run:1")) == [".finished", "masks", "run.yaml"]
    assert not Path("outputs").exists()
    assert not list(here.glob("*.log"))


@installed("hydra_plugins.hydra_joblib_launcher")
def test_joblib_runs_each_job_in_a_process(here, capfd):
    launcher = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
    assert track("-m", "video=cam1/clip.mp4,no.mp4", "memory=fifo,motion", *launcher, "out=a") == 2
    assert runs("a") == ["video=clip,memory=fifo", "video=clip,memory=motion"]
    lines = said(capfd)
    assert len(lines) == 2
    assert all("no such video: no.mp4" in line for line in lines)


@pytest.mark.slow
@installed("hydra_plugins.hydra_ray_launcher")
def test_ray_runs_each_job_on_its_cluster(here, monkeypatch):
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    launcher = ("hydra/launcher=ray", "+hydra.launcher.ray.init.num_cpus=1")
    try:
        assert track("-m", "video=cam1/clip.mp4", "memory=fifo,motion", *launcher, "out=a") == 0
    finally:
        import ray

        ray.shutdown()
    assert runs("a") == ["memory=fifo", "memory=motion"]


@installed("hydra_plugins.hydra_submitit_launcher")
def test_slurm_can_be_composed(capsys):
    queue = ("hydra/launcher=submitit_slurm", "hydra.launcher.partition=gpu")
    assert main(["benchmark", "--cfg", "hydra", "-p", "hydra.launcher", *queue]) == 0
    assert "partition: gpu" in capsys.readouterr().out


def test_a_launcher_that_is_not_installed_is_named_with_its_extra(capsys, monkeypatch):
    from hydra._internal.config_repository import ConfigRepository

    monkeypatch.setattr(ConfigRepository, "get_group_options", lambda *_, **__: ["basic"])
    assert main(["track", "hydra/launcher=ray", "video=a"]) == 2
    assert "pip install 'sam2track[ray]'" in capsys.readouterr().err


def test_the_settings_can_be_shown(capsys):
    assert main(["track", "--cfg", "job", "video=it's ${x}.mp4", "memory=motion"]) == 0
    shown = capsys.readouterr().out
    assert "MotionMemory" in shown
    assert "it''s" in shown or "it's" in shown
    assert "hydra:" not in shown
    assert main(["track", "--cfg", "job", "memory.recent=abc"]) == 2
    assert "memory.recent=abc: must be a whole number" in capsys.readouterr().err


def test_info_says_where_settings_come_from():
    command = [sys.executable, "-m", "sam2track", "track", "--info", "searchpath"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    assert str(ROOT / "configs") in shown


def test_a_memory_of_ones_own(here, capfd):
    Path("mine/memory").mkdir(parents=True)
    Path("mine/memory/mine.yaml").write_text(
        "# Mine\n_target_: my_memory.make\n_partial_: true\nrecent: 2  # how many\n"
    )
    Path("my_memory.py").write_text(
        "from sam2track.memory.fifo import FifoMemory\n"
        "def make(*, recent, **others):\n"
        "    print(f'mine {recent}')\n"
        "    return FifoMemory(recent=recent, pointers=4, **others)\n"
    )
    sys.path.insert(0, str(here))
    try:
        mine = ("--config-dir", "mine", "memory=mine")
        assert track("video=cam1/clip.mp4", *mine, "memory.recent=3", "out=a") == 0
    finally:
        sys.path.remove(str(here))
    assert "mine 3" in capfd.readouterr().out
    assert track("video=cam1/clip.mp4", *mine, "memory.recent=few", "out=b") == 2
    assert "memory.recent=few: must be a whole number" in capfd.readouterr().err
    assert track("video=cam1/clip.mp4", "--config-dir", "mine", "memory=mien", "out=b") == 2
    assert "did you mean mine" in capfd.readouterr().err


def test_callbacks_are_called(here, monkeypatch):
    Path("my_callback.py").write_text(
        "import json\n"
        "from hydra.experimental.callback import Callback\n"
        "class Note(Callback):\n"
        "    def on_job_end(self, config, job_return, **others):\n"
        "        json.dump([config.video, job_return.return_value.status], open('note', 'w'))\n"
    )
    monkeypatch.syspath_prepend(str(here))
    callback = "+hydra.callbacks.note._target_=my_callback.Note"
    assert track("video=cam1/clip.mp4", callback, "out=a") == 0
    assert json.loads(Path("note").read_text()) == ["cam1/clip.mp4", 0]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("sam2track tr", {"track", "train"}),
        ("sam2track track memory=mo", {"memory=motion", "memory=motion_distractor"}),
        ("sam2track track memory=motion memory.poi", {"memory.pointers="}),
        ("sam2track benchmark proto", {"protocol="}),
        ("sam2track nothing a", set()),
    ],
)
def test_completion(capsys, monkeypatch, line, expected):
    monkeypatch.setenv("COMP_LINE", line)
    assert main(["-sc", "query=bash"]) == 0
    assert set(capsys.readouterr().out.split()) == expected
