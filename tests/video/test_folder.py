"""Folders of pictures."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from sam2track.video import ImageFolder, VideoError
from sam2track.video.pictures import list_pictures


def save(path, value=0, size=(8, 6), **options):
    Image.new("RGB", size, (value, 0, 255 - value)).save(path, **options)


@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=12, unique=True))
def test_numbers_in_names_count_by_value(tmp_path_factory, numbers):
    folder = tmp_path_factory.mktemp("names")
    for number in numbers:
        (folder / f"shot 2 frame{number}.jpg").touch()
    order = [int(file.stem.split("frame")[1]) for file in list_pictures(folder)]
    assert order == sorted(numbers)


def test_any_names_and_formats(tmp_path):
    for value, name in enumerate(["10.png", "9.JPEG", "b é.webp", "a.jpg", "2.jpg"]):
        save(tmp_path / name, 40 * value)
    for name in ("notes.txt", ".9.jpg", "._a.jpg", "Thumbs.db"):
        (tmp_path / name).write_text("not a picture")
    (tmp_path / "folder.jpg").mkdir()
    with ImageFolder(tmp_path, fps=12) as video:
        assert [file.name for file in video.files] == [
            "2.jpg", "9.JPEG", "10.png", "a.jpg", "b é.webp",
        ]  # fmt: skip
        assert (video.name, video.size, video.fps, video.length) == (tmp_path.name, (6, 8), 12, 5)
        reds = [int(frame.image[..., 0].mean()) for frame in video]
        assert reds == pytest.approx([160, 40, 0, 120, 80], abs=3)
        assert video[2].image[0, 0].tolist() == [0, 0, 255]
        with pytest.raises(IndexError, match="frames 0 to 4, not 5"):
            video[5]


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "1", "CMYK"])
def test_every_colour_mode_becomes_rgb(mode, tmp_path):
    Image.new("RGB", (8, 6), (255, 255, 255)).convert(mode).save(
        tmp_path / ("0.jpg" if mode == "CMYK" else "0.png")
    )
    frame = ImageFolder(tmp_path)[0]
    assert frame.image.shape == (6, 8, 3)
    assert frame.image.dtype == np.uint8
    assert frame.image.min() > 250


@pytest.mark.parametrize(
    ("suffix", "options"),
    [("png", {}), ("webp", {"lossless": True}), ("jpg", {"quality": 100, "subsampling": 0})],
)
def test_exif_orientation_is_honoured(suffix, options, tmp_path):
    image = Image.new("RGB", (8, 6))
    image.paste((255, 255, 255), (0, 0, 8, 2))
    exif = Image.Exif()
    exif[0x0112] = 6  # turn right by a quarter to show
    image.save(tmp_path / f"0.{suffix}", exif=exif, **options)
    video = ImageFolder(tmp_path)
    assert video.size == (8, 6)
    assert video[0].image[:, -2:].min() > 200
    assert video[0].image[:, :-2].max() < 50


def test_no_folder_and_no_pictures(tmp_path):
    with pytest.raises(VideoError, match=r"no such folder: .*nowhere"):
        ImageFolder(tmp_path / "nowhere")
    (tmp_path / "notes.txt").touch()
    with pytest.raises(VideoError, match=r"no pictures in .*\.jpg"):
        ImageFolder(tmp_path)


def test_another_size_is_named_before_any_work(tmp_path):
    save(tmp_path / "0.png")
    save(tmp_path / "1.png", size=(9, 7))
    with pytest.raises(VideoError, match=r"1\.png is 9x7 but 0\.png is 8x6"):
        ImageFolder(tmp_path)


def test_what_is_no_picture_is_named(tmp_path):
    save(tmp_path / "0.jpg")
    (tmp_path / "1.jpg").write_text("not a picture")
    with pytest.raises(VideoError, match=r"cannot read .*1\.jpg: not a picture; replace"):
        ImageFolder(tmp_path)


@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_a_damaged_picture_is_named_after_the_good_ones(suffix, tmp_path, capfd):
    noise = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    for index in range(3):
        Image.fromarray(noise).save(tmp_path / f"{index}.{suffix}")
    whole = (tmp_path / f"1.{suffix}").read_bytes()
    (tmp_path / f"1.{suffix}").write_bytes(whole[: len(whole) // 2])
    frames = iter(ImageFolder(tmp_path))
    np.testing.assert_allclose(next(frames).image.mean(), noise.mean(), atol=5)
    with pytest.raises(VideoError, match=rf"cannot read .*1\.{suffix}: "):
        next(frames)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("suffix", ["tif", "gif"])
def test_a_file_with_several_pictures_is_no_folder_of_one(suffix, tmp_path):
    pages = [Image.new("L", (8, 6), 90 * value) for value in range(3)]
    pages[0].save(tmp_path / f"a.{suffix}", save_all=True, append_images=pages[1:])
    with pytest.raises(VideoError, match=rf"a\.{suffix} holds 3 pictures, .*a file of its own"):
        ImageFolder(tmp_path)


def test_only_files_with_the_suffixes_are_read(tmp_path):
    for name in ("1.jpg", "2.JPG", "1.png"):
        save(tmp_path / name)
    assert len(ImageFolder(tmp_path, suffixes=(".jpg",))) == 2
