"""A user's own videos: natural order, hidden folders, and results of ``sam2track track``."""

from __future__ import annotations

import numpy as np
import pytest
from data import layouts
from data.layouts import LENGTH, label_map, pictures, save_image, save_labels
from omegaconf import OmegaConf

from sam2track.data.readers.davis import davis
from sam2track.data.readers.folder import folder
from sam2track.data.readers.mose import mose
from sam2track.runners.compose import literal


def write_pictures(path, names):
    for image, name in zip(pictures()[0], names, strict=True):
        save_image(path / name, image)


def write_masks(path, names):
    for masks, name in zip(pictures()[1], names, strict=True):
        save_labels(path / f"{name}.png", label_map(masks))


def assert_in_step(sequence):
    """Each mask lies on its frame."""
    assert sequence.annotated == tuple(range(LENGTH))
    for index, expected in enumerate(pictures()[1]):
        masks = sequence.masks(index)
        for k, mask in expected.items():
            np.testing.assert_array_equal(masks[k], mask)
        inside = sequence.frame(index).image[expected[1]].astype(int).mean(0)
        assert np.abs(inside - layouts.COLOURS[1]).max() < 40


def test_names_without_leading_zeros_are_ordered_by_number(tmp_path):
    names = [f"frame{number}" for number in (1, 2, 3, 9, 10, 11)]
    write_pictures(tmp_path / "JPEGImages/v", [f"{name}.png" for name in names])
    write_masks(tmp_path / "Annotations/v", names)
    (sequence,) = folder(tmp_path)
    assert [sequence.frame_name(index) for index in range(LENGTH)] == names
    assert sequence.frame(4).name == "frame10.png"
    assert_in_step(sequence)


def test_hidden_folders_are_no_videos(tmp_path):
    layouts.folder(tmp_path)
    (tmp_path / "JPEGImages/.ipynb_checkpoints").mkdir()
    assert [sequence.name for sequence in folder(tmp_path)] == ["kitchen", "street"]
    (tmp_path / "Annotations/.ipynb_checkpoints").mkdir()
    assert [sequence.name for sequence in folder(tmp_path)] == ["kitchen", "street"]
    layouts.mose(tmp_path / "MOSE")
    (tmp_path / "MOSE/valid/JPEGImages/.ipynb_checkpoints").mkdir()
    assert [sequence.name for sequence in mose(tmp_path / "MOSE")] == ["aaa", "bbb"]


def test_kinds_of_pictures_may_be_mixed(tmp_path):
    write_pictures(
        tmp_path / "JPEGImages/v",
        [f"{i}.{s}" for i, s in enumerate(["png", "bmp", "tif", "png", "bmp", "jpg"])],
    )
    write_masks(tmp_path / "Annotations/v", range(LENGTH))
    assert_in_step(folder(tmp_path)[0])


def test_pictures_of_one_name_have_masks_of_their_own(tmp_path):
    """As the tracker names them: the second keeps its suffix."""
    write_pictures(
        tmp_path / "JPEGImages/v", ["1.bmp", "1.jpg", "2.bmp", "2.jpg", "3.bmp", "3.jpg"]
    )
    write_masks(tmp_path / "Annotations/v", ["1", "1.jpg", "2", "2.jpg", "3", "3.jpg"])
    assert_in_step(folder(tmp_path)[0])


@pytest.mark.parametrize("named_by", ["picture", "index"])
def test_masks_that_the_tracker_wrote_into_annotations(tmp_path, named_by):
    stems = [f"{5 * index:05d}" for index in range(1, LENGTH + 1)]
    write_pictures(tmp_path / "JPEGImages/v", [f"{stem}.jpg" for stem in stems])
    names = stems if named_by == "picture" else [f"{index:05d}" for index in range(LENGTH)]
    write_masks(tmp_path / "Annotations/v/masks", names)
    (tmp_path / "Annotations/v/run.yaml").write_text("video: JPEGImages/v\n")
    assert_in_step(folder(tmp_path)[0])


@pytest.mark.parametrize("given", ["absolute", "from here", "from above"])
def test_runs_are_a_dataset(tmp_path, monkeypatch, given):
    write_pictures(tmp_path / "shots/street", [f"{index}.jpg" for index in range(LENGTH)])
    layouts.write_video(tmp_path / "shots/cup.mp4", pictures()[0])
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "shots" if given == "from here" else tmp_path / "elsewhere")
    start = {"absolute": f"{tmp_path}/shots/", "from here": "", "from above": "shots/"}[given]
    for video, names in (
        ("street", range(LENGTH)),
        ("cup.mp4", [f"{i:05d}" for i in range(LENGTH)]),
    ):
        run = tmp_path / "outputs" / video.removesuffix(".mp4")
        write_masks(run / "masks", names)
        (run / "run.yaml").write_text(f"video: {start}{video}\nclick: [1, 1]\n")
    cup, street = folder(tmp_path / "outputs")
    assert (cup.name, street.name) == ("cup", "street")
    assert_in_step(cup)
    assert_in_step(street)
    (alone,) = folder(tmp_path / "outputs" / "street")
    assert alone.name == "street"
    (tmp_path / "shots/cup.mp4").unlink()
    with pytest.raises(FileNotFoundError, match=r"run\.yaml: no video .*cup\.mp4, neither here"):
        folder(tmp_path / "outputs")


def test_a_mistyped_name_gets_a_suggestion(tmp_path):
    layouts.folder(tmp_path)
    with pytest.raises(
        ValueError, match=r"no video 'kitchn'; did you mean 'kitchen'\? It has kitchen, street"
    ):
        folder(tmp_path, names=["kitchn"])
    layouts.davis17(tmp_path / "davis")
    with pytest.raises(ValueError, match="no video 'cta'; did you mean 'cat'"):
        davis(tmp_path / "davis", names=["cta"])


def test_the_video_of_a_run_may_end_in_anything(tmp_path):
    layouts.write_video(tmp_path / "cup.mp4", pictures()[0])
    (tmp_path / "cup.mp4").rename(tmp_path / "cup.recording")
    write_masks(tmp_path / "run" / "masks", [f"{index:05d}" for index in range(LENGTH)])
    (tmp_path / "run" / "run.yaml").write_text(f"video: {tmp_path}/cup.recording\n")
    assert_in_step(folder(tmp_path / "run")[0])


@pytest.mark.parametrize("name", ["${v}", "a\\${v}", r"\\${v}", "$v"])
def test_the_video_of_a_run_may_look_like_an_interpolation(tmp_path, name):
    layouts.write_video(tmp_path / "cup.mp4", pictures()[0])
    (tmp_path / "cup.mp4").rename(tmp_path / f"{name}.mp4")
    write_masks(tmp_path / "run" / "masks", [f"{index:05d}" for index in range(LENGTH)])
    settings = OmegaConf.create({"video": literal(f"{tmp_path}/{name}.mp4")})
    (tmp_path / "run" / "run.yaml").write_text(OmegaConf.to_yaml(settings))
    assert_in_step(folder(tmp_path / "run")[0])


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (5, "names=5 is no list of videos"),
        ("street", "names='street' is no list of videos"),
        ([], r"names=\[\] is no list of videos"),
        (["street", "street"], "has a video twice"),
        ([5], "no video 5"),
        ([["street"]], r"no video \['street'\]"),
    ],
)
def test_names_are_a_list_of_different_videos(tmp_path, names, words):
    layouts.folder(tmp_path)
    with pytest.raises(ValueError, match=words):
        folder(tmp_path, names=names)
