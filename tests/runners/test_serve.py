"""``sam2track serve``: a project is made, served, and closed; what is wrong is said in one line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")

from conftest import LENGTH

from sam2track.annotate import Project
from sam2track.cli import main

ROOT = Path(__file__).parents[2]


@pytest.fixture
def here(tmp_path, monkeypatch, clip_path):
    monkeypatch.chdir(tmp_path)
    os.symlink(clip_path, "clip.mp4")
    return tmp_path


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ([], "project= or video= is missing: sam2track serve video=clip.mp4"),
        (["video=no.mp4"], "no such video: no.mp4"),
        (["project=P", "video=no.mp4"], "no.mp4"),
        (["project=P", "model=nono"], "nono"),
        (["project=P", "port=99999"], "port=99999: must be a whole number from 0 up to 65535"),
        (["project=P", "open=false", "host=256.0.0.1"], "host=256.0.0.1"),
    ],
)
def test_what_is_wrong_is_one_line(here, capfd, settings, said):
    assert main(["serve", *settings]) == 2
    error = capfd.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert said in error


def test_without_the_extra(here, capfd, monkeypatch):
    from sam2track.runners import serve

    monkeypatch.setattr(serve, "find_spec", lambda name: None)
    assert main(["serve", "video=clip.mp4"]) == 2
    assert "serve needs fastapi: pip install 'sam2track[serve]'" in capfd.readouterr().err


def test_a_video_is_served_until_ctrl_c(here, random_nano):
    settings = ["video=clip.mp4", "open=false", "port=0", f"checkpoint={random_nano}"]
    process = subprocess.Popen(
        [sys.executable, "-m", "sam2track", "serve", "threads=1", *settings],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith("serving clip_project: http://localhost:"), line
            address = line.split()[-1].partition("#")
            assert address[2] == "video=1\n".strip()
            with urllib.request.urlopen(f"{address[0]}api/videos/1", timeout=60) as answer:
                assert json.load(answer)["length"] == LENGTH
        finally:
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    with Project.open("clip_project") as project:
        assert [video.name for video in project.videos()] == ["clip"]


def test_another_host_needs_a_token(here, monkeypatch, capfd):
    from sam2track.annotate.server import running

    served = {}
    monkeypatch.setattr(
        running._Server, "run", lambda self, sockets: served.update(app=self.config)
    )
    settings = ["video=clip.mp4", "open=false", "port=0"]
    assert main(["serve", *settings, "host=0.0.0.0"]) == 0
    said = capfd.readouterr().out
    assert said.count("token=") == 1
    token = said.split("token=")[1].strip()
    assert len(token) > 40
    assert served["app"].app.token == token
    assert main(["serve", *settings, "token=mine"]) == 0
    assert served["app"].app.token == "mine"
    assert main(["serve", *settings]) == 0
    assert served["app"].app.token is None
