"""The verbs annotate, export and import, on a clip of eight frames."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sam2track.annotate import Project, ProjectError
from sam2track.annotate.jobs import Jobs
from sam2track.cli import main
from sam2track.model.weights import packaged_weights
from sam2track.video import open_video

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(packaged_weights("nano") is None, reason="nano has no weights")


@pytest.fixture
def here(tmp_path, monkeypatch, clip_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SAM2TRACK_DEBUG", raising=False)
    Path("clips").mkdir()
    shutil.copy(clip_path, "clips/one.mp4")
    with open_video(clip_path) as video:  # another content of the same frames
        Path("clips/two").mkdir()
        for frame in video:
            Image.fromarray(frame.image).save(f"clips/two/{frame.index}.png")
    prompts = [
        {"object": 1, "points": [[32, 32]]},
        {"object": 4, "frame": 2, "box": [8, 8, 60, 50]},
    ]
    Path("prompts.json").write_text(json.dumps(prompts))
    return tmp_path


def annotate(*arguments):
    return main(["annotate", "project=P", "device=cpu", *arguments])


def masks():
    with Project.open("P", read_only=True) as project:
        return {
            (project.video(thing.video_id).name, thing.number, mask.frame): mask.counts
            for thing in project.objects()
            for mask in project.masks(thing.id)
        }


def test_videos_are_taken_out(here, capfd):
    with Project.create("P") as project:
        project.add_videos(["clips/one.mp4", "clips/two"])
    assert annotate("remove=gone") == 0
    assert "0 videos removed, 2 left" in capfd.readouterr().out
    Path("clips/one.mp4").unlink()
    assert annotate("remove=gone") == 0
    assert "one: removed from the project\n1 videos removed, 1 left" in capfd.readouterr().out
    assert annotate("remove=three") == 2
    assert "no video 'three' in P; there are: two" in capfd.readouterr().err
    assert annotate("remove=[two]") == 0
    with Project.open("P") as project:
        assert project.videos() == []


def test_without_prompts_videos_are_added_and_wait(here, capfd):
    assert annotate("videos=[clips/one.mp4,clips/two]") == 0
    said = capfd.readouterr().out
    assert "one: it has no object\n" in said
    assert "0 of 2 videos: P\n2 videos without an object: give prompts=" in said
    assert annotate("prompts=prompts.json", "videos=clips/one.mp4") == 0
    assert annotate() == 0  # of those that the project has
    assert "1 of 2 videos: P\n1 video without an object" in capfd.readouterr().out


def test_stacks_with_labels_beside_them(here, capfd):
    """A folder of TIFF stacks is many videos, also with a picture of labels beside each."""
    for name in ("a", "b"):
        with open_video("clips/one.mp4") as video:
            grey = [frame.image[..., 1].astype(np.uint16) * 16 for frame in video]
        pages = [Image.fromarray(page) for page in (grey if name == "a" else grey[::-1])]
        Path("films").mkdir(exist_ok=True)
        pages[0].save(f"films/{name}.tif", save_all=True, append_images=pages[1:])
        labels = np.zeros((*video.size,), np.uint16)
        labels[8:30, 8:30], labels[40:60, 30:60] = 1, 300 + len(name)
        Image.fromarray(labels).save(f"films/{name}_labels.png")
    assert annotate("videos=films", "prompts={folder}/{name}_labels.png") == 0
    assert "a: 2 objects" in capfd.readouterr().out
    assert {key[:2] for key in masks()} == {("a", 1), ("a", 301), ("b", 1), ("b", 301)}
    assert main(["export", "project=P", "format=csv", "out=table"]) == 0
    assert Path("table/tracks.csv").read_text().startswith("video,frame,seconds,id,class,")


def test_folders_of_pictures_with_labels_beside_them(here, capfd):
    shutil.copytree("clips/two", "films/exp")
    labels = np.zeros((80, 128), np.uint8)
    labels[20:44, 20:44], labels[50:70, 90:110] = 1, 2
    Image.fromarray(labels).save("films/exp_labels.png")
    for spec in ("films", "films/*"):
        assert annotate(f"videos={spec}", "prompts={folder}/{name}_labels.png") == 0
        assert "1 of 1 videos" in capfd.readouterr().out
    assert {key[:2] for key in masks()} == {("exp", 1), ("exp", 2)}


def test_videos_are_annotated_once(here, capfd):
    assert annotate("videos=[clips/one.mp4,clips/two]", "prompts=prompts.json") == 0
    said = capfd.readouterr().out.splitlines()
    assert [line.split(", ")[0] for line in said] == ["one: 2 objects", "two: 2 objects", *said[2:]]
    assert said[2:] == ["2 of 2 videos: P"]
    found = masks()
    assert set(found) == {(v, k, f) for v in ("one", "two") for k in (1, 4) for f in range(8)}
    assert annotate("prompts=prompts.json") == 0
    assert capfd.readouterr().out.splitlines() == [
        "one: finished before, 2 objects",
        "two: finished before, 2 objects",
        "2 of 2 videos: P",
    ]
    assert masks() == found
    assert "data:image/jpeg" in Path("P/report.html").read_text()


def test_what_is_to_be_looked_at_is_counted(here, capfd):
    assert annotate("videos=clips/one.mp4", "prompts=prompts.json") == 0
    assert "to look at" not in capfd.readouterr().out
    with Project.open("P") as project:
        thing = project.objects("one")[0]
        project.review("one", "review", object_id=thing.id)
    assert annotate("prompts=prompts.json") == 0
    assert "1 of 1 videos: P\n1 to look at: P/report.html\n" in capfd.readouterr().out
    assert annotate("prompts=prompts.json", "report=false") == 0
    assert "1 to look at: sam2track serve project=P\n" in capfd.readouterr().out


def test_the_masks_are_those_of_track(here):
    assert annotate("videos=clips/two", "prompts=prompts.json") == 0
    settings = ["video=clips/two", "prompts=prompts.json"]
    assert main(["track", *settings, "device=cpu", "sinks=coco", "out=a"]) == 0
    tracks = json.loads(Path("a/tracks.json").read_text())["annotations"]
    found = masks()
    compared = 0
    for track in tracks:
        for index, runs in enumerate(track["segmentations"]):
            if runs is not None:
                assert found["two", track["id"], index] == runs["counts"]
                compared += 1
    assert compared > 8


def test_two_workers_make_the_same_masks(here, capfd):
    settings = ["videos=[clips/one.mp4,clips/two]", "prompts=prompts.json", "report=false"]
    assert annotate(*settings) == 0
    before = masks()
    shutil.move("P", "Q")
    assert annotate(*settings, "executor.workers=2") == 0
    said = capfd.readouterr().out.splitlines()
    assert sorted(line.split(", ")[0] for line in said[-3:-1]) == [
        "one: 2 objects",
        "two: 2 objects",
    ]
    assert masks() == before
    assert not Path("P/work").exists()


def test_a_video_that_fails_does_not_stop_the_others(here, capfd):
    assert annotate("videos=[no.mp4,clips/one.mp4]", "prompts=prompts.json") == 1
    said = capfd.readouterr()
    assert "no.mp4: failed: no such video: " in said.out
    assert said.err.splitlines()[-1].startswith(
        "error: 1 of 2 videos failed: no.mp4: no such video"
    )
    assert len(masks()) == 16
    assert "no such video" in Path("P/report.html").read_text()


def test_first_masks_and_a_folder_of_videos(here):
    mask = np.zeros((80, 128), np.uint8)
    mask[20:44, 20:44] = 255
    Image.fromarray(mask).save("clips/one.png")
    shutil.rmtree("clips/two")
    shutil.move("clips/one.png", "first.png")
    assert annotate("videos=clips", "prompts=first") == 1
    shutil.move("first.png", "clips/one.png")
    assert annotate("videos=clips/*.mp4", "prompts=first", "class_name=square") == 0
    with Project.open("P", read_only=True) as project:
        assert [own.name for own in project.classes()] == ["square"]
    assert len(masks()) == 8


def squares(name="clips/squares"):
    """A clip in which a red square moves over a grey floor, for a detector of red squares."""
    Path(name).mkdir()
    for index in range(6):
        image = np.full((96, 96, 3), 120, np.uint8)
        image[24:60, 12 + 2 * index : 48 + 2 * index] = (255, 0, 0)
        Image.fromarray(image).save(f"{name}/{index}.png")


def test_everything_without_prompts(here, capfd):
    squares()
    settings = ["videos=clips/squares", "prompts=auto", "auto_every=3"]
    settings += ["automatic.points_per_side=6", "automatic.use_m2m=false"]  # quick
    assert annotate(*settings, "report=true") == 0
    found = masks()
    assert {frame for _, _, frame in found} == set(range(6))
    with Project.open("P", read_only=True) as project:
        assert any(entry.what == "quality" for entry in project.history())
        told = [e.data["source"] for e in project.history() if e.what == "prompt"]
    assert all(source.startswith("automatic, frame ") for source in told)
    assert annotate(*settings) == 0
    assert "finished before" in capfd.readouterr().out
    assert masks() == found
    assert "quality" in Path("P/report.html").read_text()


def test_a_detector_and_boxes_of_a_file(here):
    squares()
    network = ROOT / "tests" / "annotate" / "prompting" / "detectors" / "yolov8.onnx"
    arguments = ["prompts=detector", f"detector={network}", "check=false", "report=false"]
    arguments += ["detector_score=0.9"]  # cells beside the square see a part of it
    assert annotate("videos=clips/squares", *arguments) == 0
    with Project.open("P", read_only=True) as project:
        assert [own.name for own in project.classes()] == ["red thing"]
        assert len(project.objects()) == 1
        assert not [entry for entry in project.history() if entry.what == "quality"]
    shutil.rmtree("P")
    Path("clips/squares.txt").write_text("1,4,13,25,36,36,1,-1,-1,-1\n4,4,19,25,36,36,1,-1,-1,-1\n")
    arguments = ["prompts={folder}/{name}.txt", "auto_every=2", "class_name=square"]
    assert annotate("videos=clips/squares", *arguments, "report=false") == 0
    with Project.open("P", read_only=True) as project:
        (thing,) = project.objects()
        assert (thing.number, project.classes()[0].name) == (4, "square")
        assert [item.frame for item in project.prompts(thing.id)] == [0, 3]
        mask = project.mask(thing.id, 0).pixels()
    assert mask[24:60, 12:48].mean() > 0.8


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["videos=clips/one.mp4", "prompts=detector"], "detector= is missing"),
        (
            ["videos=clips/one.mp4", "prompts=detector", "detector=x"],
            "detector=x: no such detector",
        ),
        (["videos=clips/one.mp4", "prompts=detector", "detector=x.onnx"], "x.onnx cannot be read"),
        (["videos=clips/one.mp4", "prompts=det.txt"], "no such file of boxes: det.txt"),
        (["min_quality=2"], "min_quality=2: must be a number from 0 up to 1"),
        (["videos=clips/one.mp4", "prompts=no.json"], "no such prompts file: no.json"),
        (["prompts=prompts.json"], "videos= is missing: the project has none yet"),
        (["executor=ry"], "executor=ry"),
        (["executor.workers=0"], "executor.workers=0: must be a whole number from 1"),
        (["videos=clips", "model=nan", "executor.workers=2"], "no model named 'nan'"),
        (["direction=1"], "direction=1: must be both, forward or backward"),
        (["videos=clips", "model=nan"], "no model named 'nan'"),
    ],
)
def test_wrong_settings(here, capfd, arguments, message):
    assert annotate(*arguments) == 2
    assert message in capfd.readouterr().err
    if "videos" in arguments[0]:
        assert not Path("P").exists()


def test_a_project_in_use_is_said_before_workers_begin(here, capfd):
    with Project.create("P"):
        assert annotate("videos=clips", "executor.workers=2") == 2
    assert "P is in use by another process; wait" in capfd.readouterr().err


@pytest.mark.parametrize("verb", ["annotate", "export", "import"])
def test_a_project_must_be_named(here, capfd, verb):
    assert main([verb]) == 2
    assert "project= is missing" in capfd.readouterr().err


def test_there_and_back(here, capfd):
    assert annotate("videos=clips/two", "prompts=prompts.json", "report=false") == 0
    before = masks()
    assert main(["export", "project=P", "format=coco", "out=out", "frames=every 2"]) == 0
    assert main(["import", "project=P", "format=coco", "path=out", "objects_are=same"]) == 0
    assert "0 objects, 0 masks: P" in capfd.readouterr().out
    assert masks() == before
    assert main(["import", "project=P", "format=coco", "path=out"]) == 0
    assert len(masks()) > len(before)


def test_exports_and_imports_that_cannot_be(here, capfd):
    assert annotate("videos=clips/two", "prompts=prompts.json", "report=false") == 0
    for arguments, message in (
        (["export", "project=Q", "format=coco", "out=out"], "Q is no project"),
        (["export", "project=P", "format=cocco", "out=out"], "did you mean 'coco'?"),
        (["export", "project=P", "format=coco"], "out= is missing"),
        (["export", "project=P", "format=coco", "out=o", "classes=[dog]"], "dog"),
        (["export", "project=P", "format=coco", "out=o", "names=[x]"], "no video 'x'"),
        (["export", "project=P", "format=coco", "out=o", "names=xy"], "no video 'xy'"),
        (["import", "project=P", "format=coco", "path=no.json"], "no such file or folder: no.json"),
        (["import", "project=P", "format=coco", "path=prompts.json"], "prompts.json"),
    ):
        assert main(arguments) == 2, arguments
        said = capfd.readouterr().err.splitlines()
        assert len(said) == 1
        assert message in said[0]
    assert not Path("o").exists()


def test_a_project_that_cannot_be_written_during_the_run_is_no_wrong_setting(
    here, capfd, monkeypatch
):
    def full(*_):
        raise ProjectError("the disk is full")

    monkeypatch.setattr(Jobs, "run", full)
    assert annotate("videos=clips/one.mp4", "prompts=prompts.json") == 1
    assert "error: the disk is full" in capfd.readouterr().err


def test_ctrl_c_says_how_to_go_on(here, capfd, monkeypatch):
    from sam2track.annotate import jobs

    whole = jobs.Jobs.run

    def interrupted(self, path, watch=iter):
        if "two" in str(path):
            raise KeyboardInterrupt
        return whole(self, path, watch)

    monkeypatch.setattr(jobs.Jobs, "run", interrupted)
    assert annotate("videos=[clips/one.mp4,clips/two]", "prompts=prompts.json") == 130
    assert "error: interrupted after 1 of 2 videos; run it again" in capfd.readouterr().err
    assert len(masks()) == 16


@pytest.mark.slow
def test_a_command_without_prompts_that_is_killed_goes_on(here):
    """Killed while it looks for objects, tracks, or rates: the same prompts, masks and ratings."""
    command = [sys.executable, ROOT / "scripts" / "cut_clips.py", ROOT / "videos", "cuts"]
    options = {"env": {**os.environ, "PYTHONPATH": str(ROOT)}, "check": True}
    subprocess.run([*command, "--count", "2", "--frames", "12"], **options)
    command = [sys.executable, "-m", "sam2track", "annotate", "threads=1", "report=false"]
    command += ["videos=cuts", "prompts=auto", "auto_every=5"]
    began = time.monotonic()
    subprocess.run([*command, "project=whole"], **options)
    seconds = time.monotonic() - began
    for share in (0.3, 0.5, 0.6, 0.7, 0.7):
        process = subprocess.Popen([*command, "project=P"], env=options["env"])
        try:
            process.wait(share * seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
    subprocess.run([*command, "project=P"], **options)

    def told(folder):
        with Project.open(folder, read_only=True) as project:
            kinds = ("prompt", "quality", "review", "add object")
            entries = [(e.what, e.object_id, e.frame, e.data) for e in project.history()]
            states = [review for video in project.videos() for review in project.reviews(video.id)]
            return [entry for entry in entries if entry[0] in kinds], states

    found = masks()
    assert len({thing for _, thing, _ in found}) > 1
    assert told("P") == told("whole")
    shutil.rmtree("P")
    shutil.move("whole", "P")
    assert found == masks()


@pytest.mark.slow
def test_a_command_that_is_killed_goes_on(here):
    """The whole command, with the packaged weights, on a real clip; killed three times."""
    command = [sys.executable, "-m", "sam2track", "annotate", "threads=1", "report=false"]
    command += [f"videos={ROOT / 'videos' / 'cup.mp4'}", "prompts=click.json"]
    Path("click.json").write_text('[{"object": 1, "frame": 10, "box": [200, 120, 420, 400]}]')
    options = {"env": {**os.environ, "PYTHONPATH": str(ROOT)}, "check": True}
    subprocess.run([*command, "project=whole"], **options)
    for seconds in (8, 11, 14):
        process = subprocess.Popen([*command, "project=P"], env=options["env"])
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
    subprocess.run([*command, "project=P"], **options)
    found = masks()
    shutil.rmtree("P")
    shutil.move("whole", "P")
    assert found == masks()
