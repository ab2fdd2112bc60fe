"""What stands for several runs, and what the runs are named."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sam2track.cli import main
from sam2track.runners.loader import Loader
from sam2track.runners.sweep import job_labels, job_name, paths_of


def names(*overrides, verb="benchmark"):
    return list(job_labels(Loader(verb), verb, overrides).values())


def test_a_job_is_named_by_what_it_varies():
    sweep = ["dataset=davis17", "memory=fifo,motion", "prompt=mask,click"]
    labels = job_labels(Loader("benchmark"), "benchmark", sweep)
    job = ["dataset=davis17", "prompt=click", "memory=motion"]
    assert job_name(job, labels) == "memory=motion,prompt=click"


def test_lists_and_ranges():
    assert names("memory.recent=range(4,6)") == ["memory.recent=4", "memory.recent=5"]
    swept = names("dataset.names=[cat],[dog]", "dataset.root='a/b'")
    assert swept == ["dataset.names=[cat]", "dataset.names=[dog]"]
    swept = names("checkpoint='runs/a.pt','b.pt'")
    assert swept == ["checkpoint=runs_a.pt", "checkpoint=b.pt"]
    assert names("memory=glob(mo*)") == ["memory=motion", "memory=motion_distractor"]


def test_videos_of_the_same_name_get_different_ones():
    videos = r"video='cam1/a.mp4','cam2/a.mp4','it\'s.mov'"
    assert names(videos, verb="track") == ["a", "a-2", "it's"]
    both = names(videos, "memory=fifo,motion", verb="track")
    assert both == ["video=a", "video=a-2", "video=it's", "memory=fifo", "memory=motion"]


def test_a_list_of_one_is_named_too():
    labels = job_labels(Loader("track"), "track", ["video='a.mp4'"], ["video='a.mp4'"])
    assert labels == {"video='a.mp4'": "a"}


@pytest.fixture
def clips(tmp_path, monkeypatch):
    """A folder with videos, one with pictures, one with both, and files with odd names."""
    monkeypatch.chdir(tmp_path)
    for name in ("clips/b.mp4", "clips/a.mov", "clips/notes.txt", "frames/0.png", "frames/1.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    for name in ("mixed/0.png", "mixed/a.mp4", "[c,d].mp4", "e,f.mp4", "clips/.hidden.mp4"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("video", "clips", ["clips/a.mov", "clips/b.mp4"]),
        ("video", "clips/*.m*", ["clips/a.mov", "clips/b.mp4"]),
        ("video", "[clips/a.mov,clips/*.mp4,frames]", ["clips/a.mov", "clips/b.mp4", "frames"]),
        ("video", "clips/*.avi", None),
        ("video", "frames", None),
        ("video", "mixed", None),
        ("video", "0", None),
        ("video", "rtsp://host/a?b=1,2", None),
        ("video", "[c,d].mp4", None),
        ("video", "e,f.mp4", None),
        ("video", "a,b", ["a", "b"]),
        ("checkpoint", "a,b", ["a", "b"]),
        ("checkpoint", "e,f.mp4", None),
        ("checkpoint", "*.mp4", None),
        ("out", "a,b", None),
        ("memory", "a,b", None),
    ],
)
def test_which_paths_a_value_stands_for(clips, key, value, expected):
    assert paths_of(key, value, multirun=True) == expected


def test_commas_are_part_of_a_name_without_m(clips):
    assert paths_of("video", "a,b", multirun=False) is None
    assert paths_of("video", "[a,b]", multirun=False) == ["a", "b"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["memory=fifo"], "no value stands for several"),
        (["memory=fifo,nonsense"], "no 'nonsense'"),
        (["memory.recent=3,many"], "memory.recent=many: must be a whole number"),
        (["memory.recent=interval(1,6)", "memory=fifo"], "give the values themselves"),
        (["memory=fifo,)"], "cannot be read"),
    ],
)
def test_what_cannot_be_swept_runs_nothing(tmp_path, capsys, arguments, message):
    out = tmp_path / "out"
    assert main(["benchmark", "-m", f"out={out}", *arguments]) == 2
    assert message in capsys.readouterr().err
    assert not out.exists()


def test_pictures_beside_videos_have_their_names(tmp_path):
    """Masks lie beside the videos that they are of; other pictures make the folder one video."""
    page = Image.fromarray(np.zeros((9, 9), np.uint8))
    for name in ("a_labels.png", "a.png"):
        page.save(tmp_path / name)
    page.save(tmp_path / "a.tif", save_all=True, append_images=[page])
    (tmp_path / "b.mp4").touch()
    found = paths_of("video", str(tmp_path), multirun=False)
    assert found == [str(tmp_path / "a.tif"), str(tmp_path / "b.mp4")]
    for name in ("a-cells.tif", "b.tif"):  # labels in a page
        page.save(tmp_path / name)
    assert paths_of("video", str(tmp_path), multirun=False) == found
    page.save(tmp_path / "c.png")
    assert paths_of("video", str(tmp_path), multirun=False) is None
    frames = tmp_path / "frames"
    frames.mkdir()
    for index in range(2):  # a page each
        page.save(frames / f"t{index}.tif")
    assert paths_of("video", str(frames), multirun=False) is None


def test_folders_of_pictures_are_videos_of_a_folder(tmp_path, monkeypatch):
    """Also with masks beside them; beside other videos they may be masks themselves."""
    monkeypatch.chdir(tmp_path)

    def found(*names, spec="films"):
        shutil.rmtree("films", ignore_errors=True)
        for name in names:
            Path("films", name).parent.mkdir(parents=True, exist_ok=True)
            Path("films", name).touch()
        return paths_of("video", spec, multirun=False)

    frames = ["b/0.png", "b/1.png", "a.1/0.jpg", "notes/a.txt", ".hidden/0.png"]
    films = ["films/a.1", "films/b"]
    assert found(*frames) == films
    beside = [*frames, "b_labels.png", "a.1.png", "a.1-cells.tif"]
    assert found(*beside) == films
    assert found(*beside, spec="films/[ab]*") == films
    assert found(*frames, "c_labels.png") is None
    assert found("0.png", "1.png", "masks/0.png") is None  # one video, with its masks in it
    assert found("c.mp4", "c.png", "masks/0.png") == ["films/c.mp4"]
    assert found(*frames, "c.mp4", "b.png") == [*films, "films/c.mp4"]
    assert found("notes/a.txt") is None


def test_a_pattern_leaves_pictures_beside_videos_out(clips):
    for name in ("clips/a_labels.png", "clips/b.png", "clips/c.png", "frames/10.png"):
        Path(name).touch()
    found = paths_of("video", "clips/*", multirun=False)
    assert found == ["clips/a.mov", "clips/b.mp4", "clips/c.png", "clips/notes.txt"]
    assert paths_of("video", "frames/*", multirun=False) == [
        "frames/0.png",
        "frames/1.png",
        "frames/10.png",
    ]
    assert paths_of("video", "clips/*.png", multirun=False) == [
        "clips/a_labels.png",
        "clips/b.png",
        "clips/c.png",
    ]
