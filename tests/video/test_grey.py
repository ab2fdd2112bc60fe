"""Grey values of more than 8 bits."""

import numpy as np
import pytest
from PIL import Image

from sam2track.video import ImageFolder, read_picture

RAMP = np.arange(20 * 30).reshape(20, 30) % 7  # 0 to 6


def save(folder, kind, scale=100, suffix="tif"):
    """Five pictures, each brighter than the one before: up to 10 times the scale."""
    for index in range(5):
        Image.fromarray(((RAMP + index) * scale).astype(kind)).save(folder / f"{index}.{suffix}")


@pytest.mark.parametrize(
    ("kind", "suffix"),
    [(np.uint16, "tif"), (np.uint16, "png"), (np.int32, "tif"), (np.float32, "tif")],
)
def test_the_pictures_of_a_folder_have_one_range(tmp_path, kind, suffix):
    save(tmp_path, kind, suffix=suffix)
    frames = np.stack([frame.image for frame in ImageFolder(tmp_path)])
    expected = np.stack([RAMP + index for index in range(5)]) / 10 * 255
    assert frames.shape == (5, 20, 30, 3)
    assert np.abs(frames - expected[..., None]).max() <= 1


def test_a_picture_alone_has_its_own_range(tmp_path):
    save(tmp_path, np.float32, scale=0.01)
    image = read_picture(tmp_path / "4.tif")
    assert np.abs(image[..., 0] - RAMP / 6 * 255).max() <= 1


def test_pictures_of_eight_bits_stay_as_they_are(tmp_path):
    save(tmp_path, np.uint16)
    Image.fromarray((RAMP * 9).astype(np.uint8)).save(tmp_path / "2.tif")
    frame = ImageFolder(tmp_path)[2]
    np.testing.assert_array_equal(frame.image[..., 1], RAMP * 9)


def test_values_that_are_no_numbers_are_black(tmp_path):
    values = RAMP.astype(np.float32)
    values[0, 0] = np.nan
    Image.fromarray(values).save(tmp_path / "0.tif")
    image = ImageFolder(tmp_path)[0].image
    assert image[0, 0].max() == 0
    assert image.max() == 255
