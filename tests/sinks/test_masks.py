"""Masks and boxes come back from files as they went in."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pycocotools import mask as rle

from sam2track.masks import davis_palette, object_colour
from sam2track.sinks import BoxSink, CocoSink, PaletteSink


def rectangle(x0, y0, x1, y1, size=(60, 96)):
    mask = np.zeros(size, bool)
    mask[y0:y1, x0:x1] = True
    return mask


def test_palette_is_the_one_of_davis():
    assert davis_palette()[:9].tolist() == [
        [0, 0, 0], [128, 0, 0], [0, 128, 0], [128, 128, 0], [0, 0, 128],
        [128, 0, 128], [0, 128, 128], [128, 128, 128], [64, 0, 0],
    ]  # fmt: skip
    assert davis_palette()[255].tolist() == [224, 224, 192]
    assert len(np.unique(davis_palette(), axis=0)) == 256


def test_overlay_colours_are_bright_and_apart():
    colours = np.array([object_colour(object_id) for object_id in range(1, 13)])
    assert (colours.max(axis=1) == 255).all()
    apart = np.abs(colours[:, None] - colours[None]).sum(-1)
    assert apart[~np.eye(12, dtype=bool)].min() > 60


@given(
    st.dictionaries(st.integers(1, 255), st.integers(0, 2**32 - 1), min_size=0, max_size=4),
    st.integers(0, 10**6),
)
@settings(max_examples=25, deadline=None)
def test_png_holds_ids_and_palette(tmp_path_factory, tracked, seeds, index):
    folder = tmp_path_factory.mktemp("masks")
    masks = {i: np.random.default_rng(seed).random((13, 17)) < 0.4 for i, seed in seeds.items()}
    frame, result = tracked(index, masks, size=(13, 17))
    with PaletteSink(folder) as sink:
        sink.write(frame, result)
    picture = Image.open(folder / f"{index:05d}.png")
    assert picture.mode == "P"
    np.testing.assert_array_equal(picture, result.label_map())
    assert picture.getpalette("RGB")[:768] == davis_palette().ravel().tolist()


@pytest.mark.parametrize("object_id", [0, -1, 256, 1000])
def test_ids_that_do_not_fit_a_png(object_id, tmp_path, tracked):
    with PaletteSink(tmp_path / "masks") as sink, pytest.raises(ValueError, match=f"{object_id} "):
        sink.write(*tracked(0, {object_id: rectangle(0, 0, 5, 5)}))
    assert not (tmp_path / "masks").exists()


def test_boxes_count_from_one(tmp_path, tracked):
    with BoxSink(tmp_path / "boxes.txt") as sink:
        first = {7: rectangle(0, 0, 10, 5), 300: rectangle(90, 50, 96, 60)}
        sink.write(*tracked(0, first, score=0.25))
        sink.write(*tracked(1, {7: np.zeros((60, 96), bool), 300: rectangle(3, 2, 4, 3)}))
    assert (tmp_path / "boxes.txt").read_text().splitlines() == [
        "1,7,1,1,10,5,0.2500,-1,-1,-1",
        "1,300,91,51,6,10,0.2500,-1,-1,-1",
        "2,300,4,3,1,1,0.5000,-1,-1,-1",
    ]


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=15, deadline=None)
def test_coco_gives_every_mask_back(tmp_path_factory, tracked, seed):
    rng = np.random.default_rng(seed)
    path = tmp_path_factory.mktemp("coco") / "tracks.json"
    given_masks = {}
    with CocoSink(path, name='a "clip"') as sink:
        order = list(range(6))
        random.Random(seed).shuffle(order)
        for index in [*order, 3]:  # frame 3 is corrected at the end
            ids = [i for i in (2, 1, 999) if rng.random() < 0.7]
            masks = {i: rng.random((13, 17)) < rng.choice([0, 0.02, 0.5]) for i in ids}
            for object_id, mask in masks.items():
                given_masks[object_id, index] = mask
            sink.write(*tracked(index, masks, size=(13, 17), score=rng.random()))
    document = json.loads(path.read_text())
    assert document["videos"][0] | {"file_names": 0} == {
        "id": 1, "name": 'a "clip"', "width": 17, "height": 13, "length": 6, "file_names": 0,
    }  # fmt: skip
    assert len(document["videos"][0]["file_names"]) == 6
    assert [note["id"] for note in document["annotations"]] == sorted({i for i, _ in given_masks})
    for note in document["annotations"]:
        check_annotation(note, {i: m for (o, i), m in given_masks.items() if o == note["id"]})


def check_annotation(note, masks):
    for index in range(6):
        mask = masks.get(index, np.zeros(1, bool))
        found = note["segmentations"][index]
        assert (found is None) == (not mask.any())
        columns = [note[field][index] for field in ("bboxes", "areas", "scores")]
        if found is None:
            assert columns == [None, None, None]
            continue
        np.testing.assert_array_equal(rle.decode(found).astype(bool), mask)
        assert columns[0] == rle.toBbox(found).tolist()
        assert columns[1] == mask.sum()
    seen = [score for score in note["scores"] if score is not None]
    assert note["score"] == pytest.approx(np.mean(seen) if seen else 0, abs=1e-4)


def test_a_long_video_does_not_wait_in_memory(tmp_path, tracked):
    frame, _ = tracked(0)
    sink = CocoSink(tmp_path / "tracks.json")
    with sink:
        for index in range(2000):
            sink.write(frame, tracked(index)[1])
        held = sum(len(places) * places.itemsize for places in sink._places.values())
        assert held == 2000 * 8
    assert (
        json.loads((tmp_path / "tracks.json").read_text())["annotations"][0]["areas"][1999] == 400
    )


def test_masks_are_named_after_pictures(tmp_path, tracked):
    with PaletteSink(tmp_path / "masks") as png, CocoSink(tmp_path / "t.json") as coco:
        for index, name in (
            (0, "00005.jpg"),
            (2, "cat.1.tiff"),
            (3, "caf\u00e9.png"),
            (4, "00005.bmp"),
        ):
            for sink in (png, coco):
                sink.write(*tracked(index, name=name))
    assert sorted(path.name for path in (tmp_path / "masks").iterdir()) == [
        "00005.bmp.png", "00005.png", "caf\u00e9.png", "cat.1.png",
    ]  # fmt: skip
    video = json.loads((tmp_path / "t.json").read_text())["videos"][0]
    assert video["file_names"] == ["00005.jpg", None, "cat.1.tiff", "caf\u00e9.png", "00005.bmp"]


def test_tracks_hold_times_and_notes(tmp_path, tracked):
    with CocoSink(tmp_path / "t.json", fps=12.5) as sink:
        sink.note(1, "lost from frame 1 on")
        for index in range(3):
            sink.write(*tracked(index))
        sink.note(1, 'its mask is "large"')
        sink.note(4, "never seen")
    document = json.loads((tmp_path / "t.json").read_text())
    assert document["videos"][0]["fps"] == 12.5
    assert document["videos"][0]["times"] == [0, 0.08, 0.16]
    assert document["videos"][0]["file_names"] == ["00000.png", "00001.png", "00002.png"]
    with CocoSink(tmp_path / "t.json", fps=12.5, times=[0, 0.5, 0.52, 9]) as sink:
        sink.write(*tracked(2))
    assert json.loads((tmp_path / "t.json").read_text())["videos"][0]["times"] == [0, 0.5, 0.52]
    one, four = document["annotations"]
    assert one["review"] == ["lost from frame 1 on", 'its mask is "large"']
    assert (four["id"], four["review"]) == (4, ["never seen"])
    assert four["areas"] == [None] * 3
