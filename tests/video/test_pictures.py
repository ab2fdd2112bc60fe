"""Pictures of every usual kind, from one reader."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from sam2track.video import ImageFolder, VideoError, load_picture, picture_size, read_picture

SUFFIXES = ("jpg", "png", "webp", "bmp", "tif", "tiff", "gif", "ppm")


def test_a_folder_may_mix_all_kinds(tmp_path):
    """None is left out, or the numbers of the frames after it would shift."""
    for number, suffix in enumerate(SUFFIXES):
        Image.new("RGB", (8, 6), (30 * number, 0, 0)).save(tmp_path / f"f{number}.{suffix}")
    video = ImageFolder(tmp_path)
    assert [frame.name for frame in video] == [f"f{n}.{s}" for n, s in enumerate(SUFFIXES)]
    reds = [int(frame.image[..., 0].mean()) for frame in video]
    assert reds == pytest.approx([30 * number for number in range(len(SUFFIXES))], abs=3)


def test_a_kind_that_cannot_be_read_is_refused(tmp_path):
    Image.new("RGB", (8, 6)).save(tmp_path / "f1.jpg")
    (tmp_path / "f2.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(50))
    with pytest.raises(VideoError, match=r"cannot read .*f2\.heic: not a picture"):
        ImageFolder(tmp_path)


@pytest.mark.parametrize("suffix", ["png", "tif", "pgm"])
def test_sixteen_bits_of_grey_are_scaled(tmp_path, suffix):
    values = np.linspace(0, 0xFFFF, 48, dtype=np.uint16).reshape(6, 8)
    if suffix == "pgm":
        (tmp_path / "0.pgm").write_bytes(b"P5 8 6 65535\n" + values.astype(">u2").tobytes())
    else:
        Image.fromarray(values).save(tmp_path / f"0.{suffix}")
    image = read_picture(tmp_path / f"0.{suffix}")
    low, high = values.min(), values.max()
    expected = np.repeat(((values - float(low)) * 255 / (high - low))[..., None], 3, 2)
    assert np.abs(image - expected).max() < 1


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_what_is_transparent_is_shown_over_black(tmp_path, mode):
    picture = Image.new("RGB", (8, 6), (200, 200, 200)).convert(mode)
    alpha = Image.new("L", (8, 6))
    alpha.paste(255, (0, 0, 4, 6))
    alpha.paste(128, (4, 0, 5, 6))
    picture.putalpha(alpha)
    picture.save(tmp_path / "0.png")
    assert read_picture(tmp_path / "0.png")[0, :, 0].tolist() == [200] * 4 + [100] + [0] * 3
    picture.putalpha(Image.new("L", (8, 6)))  # some programs write no other alpha
    picture.save(tmp_path / "0.png")
    assert read_picture(tmp_path / "0.png").min() == 200


def test_a_large_jpeg_can_be_read_small(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (1600, 800)).save(tmp_path / "turned.jpg", exif=exif)
    assert picture_size(tmp_path / "turned.jpg") == (1600, 800)
    assert load_picture(tmp_path / "turned.jpg").size == (800, 1600)
    small = load_picture(tmp_path / "turned.jpg", least=200)
    assert 200 <= small.width < 800
    assert small.height == 2 * small.width


def test_a_missing_picture_is_named_once(tmp_path):
    with pytest.raises(VideoError, match=r"^cannot read \S+0\.png: No such file or directory;"):
        read_picture(tmp_path / "0.png")


def test_a_picture_of_too_many_pixels_is_refused(tmp_path, monkeypatch):
    Image.new("RGB", (50, 50)).save(tmp_path / "0.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(VideoError, match=r"0\.png: it has more than 2,000 pixels; make it smaller"):
        read_picture(tmp_path / "0.png")
