"""Grey values of more than 8 bits."""

import pickle

import numpy as np
import pytest
from PIL import Image

from sam2track.data.readers.frames import PictureFrames
from sam2track.video import ImageFolder, VideoError, open_video, read_picture

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
    read = PictureFrames(tmp_path).read(range(5))  # of a dataset
    np.testing.assert_array_equal(np.stack([frame.image for frame in read]), frames)


def test_a_folder_can_be_sent_to_another_process(tmp_path):
    save(tmp_path, np.uint16)
    folder = ImageFolder(tmp_path)
    again = pickle.loads(pickle.dumps(folder))
    np.testing.assert_array_equal(again[3].image, folder[3].image)


def test_a_damaged_picture_is_an_error_only_where_it_is(tmp_path):
    save(tmp_path, np.uint16, suffix="png")
    file = tmp_path / "4.png"
    file.write_bytes(file.read_bytes()[:-60])
    folder = ImageFolder(tmp_path)
    assert folder[3].image.max() == 255
    with pytest.raises(VideoError, match=r"4\.png"):
        folder.read(4)


def test_a_deep_picture_that_was_not_looked_at(tmp_path):
    for index in range(40):
        Image.fromarray((RAMP * 9).astype(np.uint8)).save(tmp_path / f"{index}.png")
    Image.fromarray((RAMP * 900).astype(np.uint16)).save(tmp_path / "1.png")
    image = ImageFolder(tmp_path)[1].image
    assert np.abs(image[..., 0] - RAMP / 6 * 255).max() <= 1


@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
def test_a_tiff_is_turned_as_it_says(tmp_path, kind, compression):
    values = (np.arange(600).reshape(20, 30) % 251).astype(kind)
    path = tmp_path / "0.tif"
    Image.fromarray(values).save(path, tiffinfo={274: 6}, compression=compression)
    with open_video(tmp_path) as folder:
        assert folder.size == (30, 20)
        image = folder[0].image[..., 0]
    expected = np.rot90(values, -1) * (255 / 250 if kind != np.uint8 else 1)
    assert np.abs(image - expected).max() <= 1


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
