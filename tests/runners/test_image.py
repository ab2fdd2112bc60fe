"""``sam2track image``: what it writes, what it resumes, and what it says of bad input."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from conftest import square_clip
from PIL import Image
from pycocotools import mask as rle

from sam2track import ImagePredictor, Prompt, load_image_model
from sam2track.cli import main
from sam2track.image import read_image
from sam2track.masks import Finish

NAMES = ("mask.png", "masks.json", "overlay.png")


@pytest.fixture
def here(tmp_path, monkeypatch, random_nano):
    """A working folder with a photo, a folder of photos and other things, and a checkpoint."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SAM2TRACK_DEBUG", raising=False)
    os.symlink(random_nano, "nano.safetensors")
    clip = square_clip()
    Image.fromarray(clip[0]).save("photo.png")
    Path("photos").mkdir()
    for name, picture in zip(("b2.jpg", "b10.png", "a.png"), clip, strict=False):
        Image.fromarray(picture).save(f"photos/{name}")
    Path("photos/notes.txt").write_text("no picture")
    Path("photos/.hidden.png").write_text("no picture")
    return tmp_path


def image(*arguments):
    return main(["image", "checkpoint=nano.safetensors", "device=cpu", *arguments])


def one_line(capfd):
    said = capfd.readouterr().err
    assert said.startswith("error: "), said
    assert said.count("\n") == 1, said
    return said


def document(folder):
    return json.loads(Path(folder, "masks.json").read_text())


def written(folder):
    return sorted(path.name for path in Path(folder).iterdir())


def test_a_click_leaves_every_result(here, capfd):
    plain = ("sharpen=false", "fill_hole_area=0")
    assert image("image=photo.png", "click=[30,30]", *plain) == 0
    assert written("outputs/photo") == [*NAMES, "run.yaml"]
    assert capfd.readouterr().out.splitlines()[-1] == "1 image: outputs/photo"
    (one,) = document("outputs/photo")["annotations"]
    predictor = ImagePredictor(load_image_model("nano", "nano.safetensors", device="cpu"))
    expected = predictor.segment(predictor.encode("photo.png"), [Prompt.click(30, 30)])
    mask = expected.rendered(read_image("photo.png"), Finish(speck_area=0.3))[0].numpy()
    assert (mask == expected.masks()[0, 0].numpy()).mean() > 0.9
    assert np.array_equal(rle.decode(one["segmentation"]), mask)
    assert np.array_equal(np.asarray(Image.open("outputs/photo/mask.png")), mask)
    assert one["area"] == mask.sum()
    assert one["bbox"] == rle.toBbox(one["segmentation"]).tolist()
    assert one["predicted_iou"] == pytest.approx(expected.scores.item(), abs=1e-4)
    assert one["prompt"] == {"source": "click=[30,30]", "points": [[30.0, 30.0]], "labels": [1]}
    assert document("outputs/photo")["image"] == {
        "file_name": "photo.png", "width": 128, "height": 80
    }  # fmt: skip


def test_prompts_of_all_kinds_in_a_file(here):
    shape = np.zeros((80, 128), np.uint8)
    shape[20:44, 20:44] = 255
    Image.fromarray(shape).save("shape.png")
    entries = [
        {"object": 2, "box": [20, 20, 44, 44]},
        {"object": 7, "points": [[30, 30], [100, 70]], "labels": [1, 0]},
        {"object": 2, "points": [[30, 30]]},
        {"object": 3, "mask": "shape.png"},
    ]
    Path("prompts.json").write_text(json.dumps(entries))
    assert image("image=photo.png", "prompts=prompts.json", "out=a") == 0
    found = {one["id"]: one for one in document("a")["annotations"]}
    assert list(found) == [2, 7, 3]
    assert found[2]["prompt"]["box"] == [20, 20, 44, 44]
    assert found[2]["prompt"]["points"] == [[30, 30]]
    assert np.array_equal(rle.decode(found[3]["prompt"]["mask"]) * 255, shape)
    assert np.asarray(Image.open("a/overlay.png")).shape == (80, 128, 3)


def test_a_second_run_replaces_the_first(here):
    assert image("image=photo.png", "click=[30,30]", "out=a") == 0
    assert image("image=photo.png", "box=[20,20,44,44]", "out=a") == 0
    assert document("a")["annotations"][0]["prompt"]["box"] == [20, 20, 44, 44]


def test_a_folder_is_resumed(here, capfd):
    settings = ("image=photos", "click=[30,30]", "out=a")
    assert image(*settings) == 0
    assert written("a") == ["a", "b10", "b2", "run.yaml"]
    assert all(written(f"a/{name}") == list(NAMES) for name in ("a", "b10", "b2"))
    before = {path: path.stat().st_mtime_ns for path in Path("a").glob("*/*")}
    assert image(*settings) == 0
    assert capfd.readouterr().out.splitlines()[-1] == "finished before: a"
    Path("a/b10/masks.json").unlink()
    assert image(*settings) == 0
    changed = {path for path, at in before.items() if path.stat().st_mtime_ns != at}
    assert {path.parent.name for path in changed} == {"b10"}
    later = time.time() + 5
    os.utime("photos/a.png", (later, later))  # the picture is newer than its masks
    assert image(*settings) == 0
    assert Path("a/a/masks.json").stat().st_mtime_ns != before[Path("a/a/masks.json")]


def test_other_settings_do_not_go_on(here, capfd):
    assert image("image=photos", "click=[30,30]", "out=a") == 0
    capfd.readouterr()
    assert image("image=photos", "click=[31,30]", "out=a") == 2
    assert "holds results with click=[30, 30], now click=[31, 30]; give a new" in one_line(capfd)


def test_everything_leaves_no_mask_of_an_earlier_run(here):
    assert image("image=photo.png", "click=[30,30]", "out=a") == 0
    assert image("image=photo.png", "auto=true", "automatic.points_per_side=1", "out=a") == 0
    assert written("a") == ["masks.json", "overlay.png", "run.yaml"]


def test_other_results_are_not_replaced(here, capfd):
    assert image("image=photos", "click=[30,30]", "out=a") == 0
    Path("b").mkdir()
    Path("b/run.yaml").write_text("video: clip.mp4")
    for folder, held in (("a", "several images"), ("b", "another command")):
        before = Path(folder, "run.yaml").read_bytes()
        capfd.readouterr()
        assert image("image=photo.png", "click=[30,30]", f"out={folder}") == 2
        assert f"out={folder} holds results of {held}; give a new folder" in one_line(capfd)
        assert Path(folder, "run.yaml").read_bytes() == before


def test_the_setting_that_differs_is_named(here, capfd):
    settings = ("image=photos", "auto=true", "out=a")
    assert image(*settings, "automatic.points_per_side=1") == 0
    capfd.readouterr()
    assert image(*settings, "automatic.points_per_side=2") == 2
    said = one_line(capfd)
    assert "with automatic.points_per_side=1, now automatic.points_per_side=2; give a new" in said


@pytest.mark.parametrize("content", [b"a: [", b"- 1", b"\xff\xfe\x80", b"\0"])
def test_settings_that_cannot_be_read_are_named(here, capfd, content):
    assert image("image=photos", "click=[30,30]", "out=a") == 0
    Path("a/run.yaml").write_bytes(content)
    capfd.readouterr()
    assert image("image=photos", "click=[30,30]", "out=a") == 2
    assert "a/run.yaml holds no settings, so the run cannot go on; give a new" in one_line(capfd)


def test_a_run_that_was_killed_at_its_first_file_begins_again(here):
    Path("a").mkdir()
    Path("a/.run.yaml.part").write_text("half")
    assert image("image=photo.png", "click=[30,30]", "out=a") == 0


def test_prompts_of_a_folder_are_for_the_images_that_they_name(here, capfd):
    entries = [{"object": 1, "frame": 1, "points": [[30, 30]]}]
    Path("prompts.json").write_text(json.dumps(entries))
    assert image("image=photos", "prompts=prompts.json", "out=a") == 0
    assert written("a") == ["b2", "run.yaml"]  # a, b2, b10
    entries[0]["frame"] = 3
    Path("prompts.json").write_text(json.dumps(entries))
    capfd.readouterr()
    assert image("image=photos", "prompts=prompts.json", "out=b") == 2
    assert "prompts.json, entry 1: no image 3; there are 3, counted from 0" in one_line(capfd)


def test_broken_images_are_named_and_the_others_done(here, capfd):
    whole = Path("photos/a.png").read_bytes()
    Path("photos/cut.png").write_bytes(whole[: len(whole) // 2])
    Path("photos/empty.jpg").write_bytes(b"")
    Image.new("RGB", (20, 20)).save("photos/small.png")  # the click is outside
    Path("photos/folder.png").mkdir()
    assert image("image=photos", "click=[30,30]", "out=a") == 1
    said = capfd.readouterr()
    lines = [line for line in said.err.splitlines() if "error: " in line]
    assert len(lines) == 4
    assert "3 of 6 images failed: cut.png; empty.jpg; small.png" in lines[-1]
    assert "the click (30, 30) is outside the frame" in said.err
    assert "Traceback" not in said.err
    assert said.out.splitlines()[-1] == "3 images: a"
    assert written("a") == ["a", "b10", "b2", "run.yaml"]


def test_an_image_that_memory_is_too_small_for_stops_no_other(here, capfd, monkeypatch):
    def read(path):
        if path.stem == "b2":
            raise MemoryError
        return read_image(path)

    monkeypatch.setattr("sam2track.runners.image.read_picture", read)
    assert image("image=photos", "click=[30,30]", "out=a") == 1
    said = capfd.readouterr()
    assert "1 of 3 images failed: photos/b2.jpg: not enough memory; make it smaller" in said.err
    assert said.out.splitlines()[-1] == "2 images: a"


def test_a_pattern_keeps_the_folders_apart(here):
    Path("more/photos").mkdir(parents=True)
    Image.open("photo.png").save("more/photos/a.png")
    Image.open("photo.png").convert("RGB").save("more/photos/a.jpg")
    assert image("image=**/photos/a.*", "click=[30,30]", "out=out") == 0
    results = sorted(str(path.parent) for path in Path("out").rglob("masks.json"))
    assert results == ["out/more/photos/a.jpg", "out/more/photos/a.png", "out/photos/a"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["image=nowhere.png", "click=[1,1]"], "no such image: nowhere.png"),
        (["image=photos/*.gif", "click=[1,1]"], "matches no images; known are jpg, jpeg"),
        (["image=empty", "click=[1,1]"], "image=empty holds no images"),
        (["image=photo.png"], "nothing to segment: give click=[x,y]"),
        (["image=photo.png", "prompts=auto"], "give auto=true for masks of everything"),
        (["click=[1,1]"], "image= is missing: sam2track image image=photo.jpg click=[x,y]"),
        (["image=photo.png", "click=[128,1]"], "the click (128, 1) is outside the frame"),
        (["image=photo.png", "click=[1,1]", "labels=0"], "begins with clicks that are not on it"),
        (["image=photos/notes.txt", "click=[1,1]"], "cannot read photos/notes.txt: not a picture"),
        (["image=photo.png", "click=[1,1]", "model=sam_vit_x"], "no model named 'sam_vit_x'"),
        (["photo.png", "click=[1,1]"], "did you mean image=photo.png?"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(here, capfd, arguments, message):
    Path("empty").mkdir()
    assert image(*arguments) == 2
    assert message in one_line(capfd)
    assert not Path("outputs").exists()


def test_a_folder_with_other_files_is_not_written_to(here, capfd):
    assert image("image=photo.png", "click=[30,30]", "out=photos") == 2
    assert "out=photos holds other files and no earlier run" in one_line(capfd)


@pytest.mark.slow
def test_a_run_that_is_killed_goes_on(here):
    """Whatever moment it is killed at, each image is done once in the end."""
    for index in range(40):
        Image.fromarray(square_clip()[index % 8]).save(f"photos/more{index}.png")
    command = [sys.executable, "-m", "sam2track", "image", "image=photos", "click=[30,30]"]
    command += ["checkpoint=nano.safetensors", "device=cpu", "out=a"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    running = subprocess.Popen(command, env=environment)
    deadline = time.monotonic() + 120
    while len(list(Path("a").glob("*/masks.json"))) < 5 and time.monotonic() < deadline:
        time.sleep(0.02)
    running.kill()
    running.wait()
    done = {path: path.stat().st_mtime_ns for path in Path("a").glob("*/masks.json")}
    assert 5 <= len(done) < 43
    subprocess.run(command, env=environment, check=True)
    assert len(list(Path("a").glob("*/masks.json"))) == 43
    assert all(path.stat().st_mtime_ns == at for path, at in done.items())
    assert not list(Path("a").rglob(".*.part"))
