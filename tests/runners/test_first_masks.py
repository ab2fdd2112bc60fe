"""``image_model=``: another model makes the first mask, the tracker follows it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from conftest import square_clip
from PIL import Image

from sam2track.cli import main

MODEL = ("checkpoint=nano.safetensors", "device=cpu")
BOTH = (*MODEL, "image_model=nano", "image_checkpoint=nano.safetensors", "sinks=[png]")


@pytest.fixture
def here(tmp_path, monkeypatch, random_nano):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SAM2TRACK_DEBUG", raising=False)
    os.symlink(random_nano, "nano.safetensors")
    Path("frames").mkdir()
    for index, image in enumerate(square_clip()):
        Image.fromarray(image).save(f"frames/{index}.png")
    return tmp_path


def masks(folder):
    return [np.asarray(Image.open(path)) for path in sorted(Path(folder).glob("*.png"))]


def same(one, other):
    return len(one) == len(other) and all(map(np.array_equal, one, other))


@pytest.mark.parametrize("direction", [1, -1])
def test_the_first_mask_is_that_of_the_image_model(here, direction):
    where = ("video=frames", f"direction={direction}", "frame=3")
    image = ("image=frames/3.png", "sharpen=false", "fill_hole_area=0", "out=one")
    assert main(["image", *MODEL, *image, "click=[40,30]"]) == 0
    assert main(["track", *MODEL, "sinks=[png]", *where, "mask=one/mask.png", "out=mask"]) == 0
    assert main(["track", *BOTH, *where, "click=[40,30]", "out=both"]) == 0
    assert main(["track", *MODEL, "sinks=[png]", *where, "click=[40,30]", "out=click"]) == 0
    assert same(masks("both/masks"), masks("mask/masks"))
    assert not same(masks("both/masks"), masks("click/masks"))


def test_masks_and_corrections_stay_the_trackers(here):
    shape = np.zeros((80, 128), np.uint8)
    shape[20:44, 20:44] = 255
    Image.fromarray(shape).save("shape.png")
    entries = [
        {"object": 1, "mask": "shape.png"},
        {"object": 2, "frame": 2, "points": [[40, 30]]},
        {"object": 2, "frame": 2, "box": [20, 10, 60, 50]},
        {"object": 2, "frame": 5, "points": [[100, 70]], "labels": [0]},
    ]
    Path("prompts.json").write_text(json.dumps(entries))
    assert main(["track", *BOTH, "video=frames", "prompts=prompts.json", "out=a"]) == 0
    assert len(masks("a/masks")) == 8
    assert np.array_equal(masks("a/masks")[0] > 0, shape > 0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["image_model=sam_vit_x"], "no model named 'sam_vit_x'; there are: nano"),
        (["image_checkpoint=none.pth"], "no such checkpoint: none.pth"),
        (["model=sam_vit_b", "image_model=null"], "sam_vit_b segments single images and has no"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(here, capfd, settings, message):
    arguments = ["video=frames", "click=[40,30]", "out=a", *BOTH, *settings]
    assert main(["track", *arguments]) == 2
    said = capfd.readouterr().err
    assert message in said
    assert said.count("\n") == 1
    assert not Path("a").exists()
