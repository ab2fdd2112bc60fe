"""Commands and Python blocks of the README, command.md and python.md do what they say.

Commands run on short clips under the names that the README uses. What needs a GPU, a camera, a
network or an official checkpoint is composed instead: its options exist and are of the right kind.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from composing import compose_config
from conftest import write_video
from pages import blocks
from PIL import Image

from sam2track import open_video
from sam2track.annotate import Project
from sam2track.cli import main
from sam2track.image import AutomaticSettings
from sam2track.model.weights import packaged_weights
from sam2track.runners import found_prompts
from sam2track.runners.automatic import AutomaticMasks
from sam2track.runners.compose import hydra_setting
from sam2track.runners.loader import Loader
from sam2track.runners.sweep import job_labels

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [ROOT / name for name in ("README.md", "docs/command.md", "docs/python.md")]
BLOCKS = [block for page in PAGES for block in blocks(page)]
COMMAND = (ROOT / "docs" / "command.md").read_text(encoding="utf-8")
NEEDS_MORE = ("video=0", "video=rtsp:", "device=cuda", "checkpoint=/path", "model=sam2")
WITHOUT_WEIGHTS = pytest.mark.skipif(packaged_weights("nano") is None, reason="nano has no weights")


COMMANDS = [
    line.removeprefix(".venv/bin/")
    for block in BLOCKS
    if block.language == "sh"
    for line in block.commands()
]
PYTHON = [block.text for block in BLOCKS if block.language == "python"]
TRACK = [line for line in COMMANDS if line.startswith("sam2track track ")]
LONG = [line for line in COMMANDS if " sam2track " in f" {line}" and line not in TRACK]


@pytest.fixture
def desk(tmp_path, monkeypatch):
    """A folder with everything that the commands name."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "videos").mkdir()
    for clip in (ROOT / "videos").glob("*.mp4"):
        os.symlink(clip, tmp_path / "videos" / clip.name)
    frames = np.random.default_rng(0).integers(0, 255, (6, 300, 400, 3), dtype=np.uint8)
    write_video(tmp_path / "clip.mp4", frames)
    (tmp_path / "frames").mkdir()
    for index, image in enumerate(frames[:3]):
        Image.fromarray(image).save(tmp_path / "frames" / f"{index}.jpg")
    mask = Image.fromarray(np.uint8(np.arange(300)[:, None] // 100 * np.ones(400)[None]), "P")
    mask.putpalette([0, 0, 0, 200, 0, 0, 0, 200, 0])
    mask.save(tmp_path / "first.png")
    prompts = [
        {"object": 1, "points": [[30, 30]]},
        {"object": 2, "frame": 2, "box": [9, 9, 90, 90]},
    ]
    (tmp_path / "prompts.json").write_text(json.dumps(prompts))
    return tmp_path


def test_every_block_is_of_a_kind_that_is_tested():
    assert {block.language for block in BLOCKS} == {"sh", "python"}
    assert len(TRACK) >= 10
    rest = [line for line in COMMANDS if line not in TRACK]
    assert all(line.startswith(("make ", "sam2track ", "accelerate ")) for line in rest), rest


@WITHOUT_WEIGHTS
@pytest.mark.parametrize("command", TRACK)
def test_a_command_runs(desk, command):
    arguments = shlex.split(command)[1:]
    if any(word.startswith(NEEDS_MORE) for word in arguments):
        assert compose_config(arguments[0], arguments[1:])
        return
    if "--config" in arguments:  # of an earlier command
        earlier = next(line for line in TRACK if "out=runs/a" in line)
        assert main([*shlex.split(earlier)[1:], "frames=4"]) == 0
    whole = ("--help", "direction=both")
    if not any(word in whole or "frames=" in word for word in arguments):
        arguments += ["frames=4"]
    assert main(arguments) == 0


@pytest.mark.parametrize("command", LONG)
def test_a_command_that_takes_long_is_understood(command):
    verb, *arguments = shlex.split(command.split("sam2track ")[1])
    if "-m" in arguments:
        arguments.remove("-m")
        settings = [hydra_setting(verb, arguments, place) for place in range(len(arguments))]
        assert len(job_labels(Loader(verb), verb, settings)) > 1
    else:
        assert compose_config(verb, arguments)


MANY = [line for line in COMMANDS if "project=ten" in line]


@WITHOUT_WEIGHTS
@pytest.mark.timeout(900)
@pytest.mark.parametrize("grid", ["coarse", pytest.param("whole", marks=pytest.mark.slow)])
def test_the_section_on_many_videos(desk, grid, monkeypatch):
    """As it stands there; without ``whole`` fewer clicks look for objects."""
    command = re.search(r"`python (scripts/cut_clips.py .*?)`", COMMAND)[1].split()
    size = ["--frames", "6"] if grid == "coarse" else []
    subprocess.run([sys.executable, ROOT / command[0], *command[1:], *size], check=True)
    prompts = re.search(r"`cup.json` is\s+`(.*?)`", COMMAND)[1]
    (desk / "cup.json").write_text(prompts)
    if grid == "coarse":
        settings = AutomaticSettings(points_per_side=9, use_m2m=False, sharpen=False)
        quick = AutomaticMasks(settings, None, None, "cpu", "auto")
        monkeypatch.setattr(found_prompts, "automatic_masks", lambda config: quick)
    assert len(MANY) == 5
    for line in MANY:
        assert main(shlex.split(line)[1:]) == 0, line
    with Project.open("ten", read_only=True) as project:
        videos = project.videos()
        assert len(videos) == 10
        objects = {video.name: len(project.objects(video.id)) for video in videos}
        assert min(objects.values()) >= 1
        names = [own.name for own in project.classes()]
        assert names == ["object", "cup"]
        added = json.loads(prompts)[0]["object"]
        cup = next(own for own in project.objects("cup-1") if own.number == added)
        assert names[cup.class_id - 1] == "cup"
        length = project.video("cup-1").length
        assert project.mask(cup.id, length - 1).pixels().any()
    found = json.loads(Path("ten_coco/annotations/instances_default.json").read_text())
    assert {own["name"] for own in found["videos"]} == objects.keys()
    assert len(list(Path("ten_yolo").rglob("*.jpg"))) == 10 * length
    assert len(list(Path("ten_cvat").rglob("annotations.xml"))) == 10
    assert Path("ten/report.html").read_text().count("<h2>") == 10


@WITHOUT_WEIGHTS
@pytest.mark.parametrize(("code", "length"), list(zip(PYTHON, [4, 4, 42, 4], strict=True)))
def test_a_python_block_runs(desk, code, length, capsys):
    with open_video("videos/cup.mp4") as video:
        clip = [frame.image for frame in islice(video, length)]
    (desk / "videos" / "cup.mp4").unlink()
    write_video(desk / "videos" / "cup.mp4", np.stack(clip))
    names = {"__name__": "readme"}
    exec(compile(code, "README.md", "exec"), names)
    said = capsys.readouterr().out.splitlines()
    if "archive=True" in code:
        assert said == [f"{length} masks"]
        assert sorted(names["session"].objects[1].anchors) == [0, 40]
    elif "cv2" in code:
        assert said == [f"{length} frames"]
        assert (desk / "overlay.mp4").is_file()
    else:
        assert len(said) == length


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
@pytest.mark.parametrize("command", [line for line in COMMANDS if line.startswith("make ")])
def test_make_knows_the_target(command):
    words = [*shlex.split(command), "--dry-run", "--always-make"]
    assert subprocess.run(words, cwd=ROOT, capture_output=True).returncode == 0


def test_the_demo_is_the_first_example():
    demo = re.search(r"sam2track (track .*)", (ROOT / "Makefile").read_text())[1]
    settings = compose_config("track", shlex.split(demo)[1:])
    example = compose_config("track", shlex.split(TRACK[0])[2:])
    assert (settings.video, settings.click) == (example.video, example.click)
