"""Pictures from a folder: what is found, what is passed over, and which crops are drawn."""

from __future__ import annotations

import logging
from collections import Counter

import numpy as np
import pytest
import torch
from PIL import Image

from sam2track.data.clips.unlabelled_images import (
    Found,
    RandomCrops,
    find_pictures,
    random_crop,
)
from sam2track.video import load_picture


@pytest.fixture
def folder(tmp_path, clip_path):
    """Two images, one of them below, a video of less than a second, and what is passed over."""
    (tmp_path / "deep" / "er").mkdir(parents=True)
    Image.new("RGB", (90, 60), (200, 0, 0)).save(tmp_path / "b.jpg")
    Image.new("L", (40, 80), 50).save(tmp_path / "deep" / "er" / "a.PNG")
    (tmp_path / "deep" / "clip.mp4").write_bytes(clip_path.read_bytes())
    (tmp_path / "notes.txt").write_text("not a picture")
    (tmp_path / ".hidden.jpg").write_bytes(b"")
    (tmp_path / ".cache").mkdir()
    Image.new("RGB", (9, 9)).save(tmp_path / ".cache" / "c.png")
    return tmp_path


def test_images_and_videos_are_found_in_all_folders(folder):
    found = find_pictures(folder)
    assert [path.name for path in found.images] == ["b.jpg", "a.PNG"]
    assert [path.name for path in found.videos] == ["clip.mp4"]
    assert found.seconds == (1.0,)  # 0.8 of one, counted as a whole
    assert not found.broken


def test_a_crop_depends_on_seed_and_index_alone(folder):
    found = find_pictures(folder)
    crops = [crop.clone() for crop in (RandomCrops(found, 32, length=12)[i] for i in range(12))]
    again = RandomCrops(found, 32, length=12)
    for index in reversed(range(12)):
        assert torch.equal(again[index], crops[index])
    assert crops[0].shape == (3, 32, 32)
    assert crops[0].dtype == torch.uint8
    others = RandomCrops(found, 32, length=12, seed=1)
    assert not all(torch.equal(others[index], crops[index]) for index in range(12))
    with pytest.raises(IndexError, match="crop 12"):
        again[12]


def test_each_source_gets_its_share(folder):
    """Red image, grey image, video of grey noise with a red square: a third each."""
    pictures = RandomCrops(find_pictures(folder), 8, length=300)
    kinds = Counter()
    for index in range(300):
        crop = pictures[index].float()
        if crop[0].min() > 180:
            kinds["red"] += 1
        elif crop.std() < 1:
            kinds["grey"] += 1
        else:
            kinds["video"] += 1
    assert min(kinds.values()) > 70
    assert len(kinds) == 3


def test_a_long_video_counts_more():
    found = Found(("image",), ("short", "long"), (1.0, 8.0), ())
    drawn = Counter()

    class Names(RandomCrops):
        def _read(self, number, rng):
            drawn[number] += 1
            return Image.new("RGB", (8, 8))

    pictures = Names(found, 8, length=500)
    for index in range(500):
        pictures[index]
    assert drawn[2] > 6 * drawn[1] > 0
    assert abs(drawn[0] - drawn[1]) < 35


def test_crops_lie_in_the_picture_and_are_mirrored_half_of_the_time():
    """Red grows to the right, green downward: a crop tells where it was taken."""
    ramp = np.zeros((120, 160, 3), np.uint8)
    ramp[..., 0] = np.arange(160)
    ramp[..., 1] = np.arange(120)[:, None]
    picture = Image.fromarray(ramp)
    rng = np.random.default_rng(0)
    mirrored, shares = 0, []
    for _ in range(200):
        crop = random_crop(picture, 64, rng).astype(int)
        across = crop[32, -1, 0] - crop[32, 0, 0]
        down = crop[-1, 32, 1] - crop[0, 32, 1]
        mirrored += across < 0
        shares.append(abs(across) * down / (160 * 120))
        assert down > 0
        assert not crop[..., 2].any()
    assert 70 < mirrored < 130
    assert min(shares) < 0.25
    assert max(shares) > 0.75


def test_pictures_are_upright_and_large_jpegs_are_read_small(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # held a quarter turn to the side
    Image.new("RGB", (1600, 800)).save(tmp_path / "turned.jpg", exif=exif)
    picture = load_picture(tmp_path / "turned.jpg", least=round(64 / 0.2**0.5))
    assert picture.height == 2 * picture.width
    assert 64 / 0.2**0.5 <= picture.width < 800


def test_broken_files_are_named_and_skipped(folder, clip_path):
    (folder / "text.jpg").write_text("no picture")
    (folder / "short.mp4").write_bytes(clip_path.read_bytes()[:400])
    found = find_pictures(folder)
    assert len(found.images) == 2
    assert len(found.videos) == 1
    assert len(found.broken) == 2
    assert str(folder / "short.mp4") in found.broken[0]
    assert (
        found.broken[1]
        == f"cannot read {folder / 'text.jpg'}: not a picture; replace the file or remove it"
    )


def test_a_picture_that_turns_out_damaged_is_named_once_and_replaced(tmp_path, caplog):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "cut.png")
    whole = (tmp_path / "cut.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    Image.new("RGB", (64, 64), (0, 0, 255)).save(tmp_path / "good.png")
    pictures = RandomCrops(find_pictures(tmp_path), 16, length=20)
    with caplog.at_level(logging.WARNING):
        for index in range(20):
            assert pictures[index][2].min() == 255
    assert [str(tmp_path / "cut.png") in line for line in caplog.messages] == [True]


def test_nothing_but_damage_ends(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "cut.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "cut.png").read_bytes()[:2000])
    pictures = RandomCrops(find_pictures(tmp_path), 16, length=1)
    with pytest.raises(ValueError, match="100 pictures in a row cannot be read"):
        pictures[0]


def test_a_folder_without_pictures_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no folder .*missing"):
        find_pictures(tmp_path / "missing")
    (tmp_path / "notes.txt").write_text("not a picture")
    with pytest.raises(ValueError, match=r"no images .* found none"):
        find_pictures(tmp_path)
    (tmp_path / "text.jpg").write_text("no picture")
    with pytest.raises(ValueError, match=r"found 1 that cannot be read: .*text\.jpg"):
        find_pictures(tmp_path)
