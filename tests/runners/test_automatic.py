"""``auto=true`` and ``prompts=auto``: masks of everything, from the command line."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from conftest import square_clip
from PIL import Image

from sam2track.cli import main
from sam2track.masks import decode_runs

# Random weights are sure of nothing.
LOOSE = ("automatic.pred_iou_thresh=0", "automatic.stability_score_thresh=0")
LOOSE += ("automatic.points_per_side=4", "automatic.use_m2m=false")
KEYS = {"id", "segmentation", "area", "bbox", "predicted_iou"}
KEYS |= {"point_coords", "stability_score", "crop_box"}


@pytest.fixture
def here(tmp_path, monkeypatch, random_nano):
    """A working folder with photos, a video and a checkpoint."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SAM2TRACK_DEBUG", raising=False)
    os.symlink(random_nano, "nano.safetensors")
    for name in ("photos", "video"):
        Path(name).mkdir()
        for index, picture in enumerate(square_clip()[:4]):
            Image.fromarray(picture).save(f"{name}/{index}.png")
    return tmp_path


def run(*arguments):
    return main([arguments[0], "checkpoint=nano.safetensors", "device=cpu", *arguments[1:]])


def test_everything_in_the_images_of_a_folder(here, capfd):
    assert run("image", "image=photos", "auto=true", "out=out", *LOOSE) == 0
    for index in range(4):
        folder = Path(f"out/{index}")
        document = json.loads((folder / "masks.json").read_text())
        drawn = np.asarray(Image.open(folder / "overlay.png"))
        original = np.asarray(Image.open(f"photos/{index}.png").convert("RGB"))
        assert document["annotations"]
        assert not np.array_equal(drawn, original)
        for own in document["annotations"]:
            assert own.keys() == KEYS
            mask = decode_runs(own["segmentation"], "here")
            x, y, width, height = own["bbox"]
            assert mask.shape == original.shape[:2]
            assert mask[y : y + height, x : x + width].sum() == mask.sum() == own["area"]
    assert run("image", "image=photos", "auto=true", "out=out", *LOOSE) == 0
    assert "finished before" in capfd.readouterr().out


def test_crops_can_be_chosen(here):
    crops = ("automatic=crops", *LOOSE)
    assert run("image", "image=photos/0.png", "auto=true", "out=out", *crops) == 0
    assert (Path("out") / "masks.json").exists()


def test_everything_in_a_video_is_followed(here):
    assert run("track", "video=video", "prompts=auto", "out=out", "max_objects=3", *LOOSE) == 0
    annotations = json.loads(Path("out/tracks.json").read_text())["annotations"]
    assert 1 <= len(annotations) <= 3
    assert {own["id"] for own in annotations} <= {1, 2, 3}
    assert not Path("out/.journal").exists()


def test_backward_and_from_a_later_frame(here):
    chosen = ("prompts=auto", "out=out", "frame=2", "direction=-1", "auto_every=0")
    assert run("track", "video=video", *chosen, *LOOSE) == 0
    names = sorted(path.name for path in Path("out/masks").iterdir())
    assert names == ["0.png", "1.png", "2.png"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("image", "image=photos", "auto=true", "click=[3,3]"), "needs no prompts: remove click="),
        (("image", "image=photos"), "prompts= or auto=true"),
        (("track", "video=video", "prompts=auto", "box=[1,1,5,5]"), "remove box="),
        (("track", "video=video", "prompts=auto", "resume=true"), "resume=true is not possible"),
        (("track", "video=video", "prompts=auto", "direction=both"), "direction=both is not poss"),
        (("track", "video=video", "prompts=auto", "frame=9"), "frame=9: video has 4 frames"),
        (("track", "video=video", "prompts=auto", "max_objects=0"), "max_objects=0: must be"),
        (("image", "image=photos", "auto=true", "automatic.box_nms_thresh=2"), "from 0 up to 1"),
    ],
)
def test_what_does_not_go_together_is_refused(here, capfd, arguments, message):
    assert run(*arguments, "out=out") == 2
    assert message in capfd.readouterr().err
    assert not Path("out").exists()
