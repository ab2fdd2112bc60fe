"""DAVIS on disk: a miniature of both years."""

from __future__ import annotations

import numpy as np
import pytest
from data.layouts import DATA, PALETTE
from PIL import Image

from sam2track.data.readers.davis import davis
from sam2track.masks.label_maps import read_labels


def save(path, labels, *, palette):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(labels)
    if palette:
        image.putpalette(PALETTE)
    image.save(path)


@pytest.fixture
def root(tmp_path):
    """``cat``, four frames: the square 1 in all, 2 from the second on, void in the third."""
    for index in range(4):
        picture = np.full((20, 30, 3), 40 * index, np.uint8)
        labels = np.zeros((20, 30), np.uint8)
        labels[5:10, 5:10] = 1
        labels[12:18, 12:18] = 2 if index else 0
        labels[0, 0] = 255 if index == 2 else 0
        path = tmp_path / "JPEGImages" / "480p" / "cat" / f"{index:05d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(path)
        save(tmp_path / f"Annotations/480p/cat/{index:05d}.png", labels, palette=True)
    for year in (2016, 2017):
        listed = tmp_path / "ImageSets" / str(year) / "val.txt"
        listed.parent.mkdir(parents=True)
        listed.write_text("cat\n")
    return tmp_path


def test_2017_has_several_objects(root):
    (cat,) = davis(root, 2017)
    assert (cat.name, len(cat), cat.annotated) == ("cat", 4, (0, 1, 2, 3))
    frame = cat.frame(2)
    assert (frame.index, frame.size, frame.image.dtype) == (2, (20, 30), np.uint8)
    assert abs(int(frame.image[0, 0, 0]) - 80) <= 2  # JPEG
    assert list(cat.masks(0)) == [1]
    assert list(cat.masks(2)) == [1, 2]  # void is nobody's
    assert cat.masks(2)[2].sum() == 36


def test_2016_has_one(root):
    (cat,) = davis(root, 2016)
    masks = cat.masks(1)
    assert list(masks) == [1]
    assert masks[1].sum() == 25 + 36
    assert masks[1].dtype == bool


def test_only_the_first_frame_annotated(root):
    for path in sorted((root / "Annotations/480p/cat").iterdir())[1:]:
        path.unlink()
    (cat,) = davis(root)
    assert len(cat) == 4
    assert cat.annotated == (0,)
    with pytest.raises(KeyError):
        cat.labels(1)


def test_names_need_no_list(root):
    (root / "ImageSets/2017/val.txt").unlink()
    assert [sequence.name for sequence in davis(root, names=["cat"])] == ["cat"]
    with pytest.raises(FileNotFoundError, match=r"val\.txt"):
        davis(root)


@pytest.mark.parametrize("kind", ["palette", "grey", "one bit", "colour"])
def test_label_maps_of_every_kind(tmp_path, kind):
    labels = np.zeros((9, 7), np.uint8)
    labels[2:5, 1:6] = 1 if kind == "one bit" else 2
    path = tmp_path / "map.png"
    if kind == "one bit":
        Image.fromarray(labels > 0).save(path)
    elif kind == "colour":
        Image.fromarray(np.repeat(labels[..., None], 3, 2)).save(path)
    else:
        save(path, labels, palette=kind == "palette")
    np.testing.assert_array_equal(read_labels(path), labels)


def test_what_is_no_label_map(tmp_path):
    path = tmp_path / "map.png"
    with pytest.raises(FileNotFoundError):
        read_labels(path)
    path.write_text("not a picture")
    with pytest.raises(ValueError, match=r"map\.png"):
        read_labels(path)
    save(path, np.arange(200, dtype=np.uint8).reshape(10, 20), palette=False)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(ValueError, match=r"map\.png"):
        read_labels(path)
    Image.fromarray(np.arange(300, dtype=np.uint8).reshape(10, 10, 3)).save(path)
    with pytest.raises(ValueError, match=r"map\.png.*palette"):
        read_labels(path)


@pytest.mark.skipif(not (DATA / "davis").is_dir(), reason="no DAVIS here")
def test_the_real_one():
    sequences = davis(DATA / "davis", 2016)
    assert sequences
    for sequence in sequences:
        assert sequence.annotated == tuple(range(len(sequence)))
        assert sequence.labels(0).shape == sequence.frame(0).size
        assert list(sequence.masks(0)) == [1]
