"""Multi-page TIFF files."""

import numpy as np
import pytest
from PIL import Image

from sam2track.video import ImageFolder, TiffStack, VideoError, is_stack, open_video

HEIGHT, WIDTH = 20, 30


def save(path, pages, **options):
    first, *others = [Image.fromarray(page) for page in pages]
    first.save(path, save_all=True, append_images=others, **options)
    return path


def pages(count=5, kind=np.uint16, scale=100):
    """Each page is brighter than the one before."""
    ramp = np.arange(HEIGHT * WIDTH).reshape(HEIGHT, WIDTH) % 7
    return [((ramp + index) * scale).astype(kind) for index in range(count)]


@pytest.mark.parametrize("options", [{}, {"compression": "tiff_lzw"}, {"big_tiff": True}])
def test_pages_are_frames(tmp_path, options):
    with open_video(save(tmp_path / "film.tif", pages(), **options)) as film:
        assert isinstance(film, TiffStack)
        assert (film.name, len(film), film.size) == ("film", 5, (HEIGHT, WIDTH))
        frames = list(film)
        assert [frame.index for frame in frames] == [0, 1, 2, 3, 4]
        np.testing.assert_array_equal(film[2].image, frames[2].image)  # in any order
        with pytest.raises(IndexError):
            film.read(5)


@pytest.mark.parametrize("kind", [np.uint16, np.int32, np.float32])
def test_one_range_of_grey_for_all_frames(tmp_path, kind):
    with open_video(save(tmp_path / "film.tif", pages(kind=kind))) as film:
        frames = np.stack([frame.image for frame in film])
    assert frames.min() == 0
    assert frames.max() == 255
    assert (frames[..., 0] == frames[..., 2]).all()
    expected = np.stack(pages()).astype(float) / 1000 * 255  # the brightest page goes up to 1000
    assert np.abs(frames[..., 0] - expected).max() <= 1


def test_a_hot_pixel_does_not_darken_the_film(tmp_path):
    film = [np.full((200, 200), 100, np.uint16) for _ in range(3)]
    for page in film:
        page[:100] = 1000
        page[5, 5] = 65535
    with open_video(save(tmp_path / "film.tif", film)) as video:
        assert video[1].image[50, 50, 0] > 250
        assert video[1].image[150, 50, 0] == 0


def test_eight_bits_stay_as_they_are(tmp_path):
    grey, colour = pages(kind=np.uint8, scale=10), np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    colour[..., 1] = 90
    with open_video(save(tmp_path / "grey.tif", grey)) as film:
        np.testing.assert_array_equal(film[3].image[..., 1], grey[3])
    with open_video(save(tmp_path / "colour.tiff", [colour, colour])) as film:
        np.testing.assert_array_equal(film[1].image, colour)


def test_a_film_of_one_grey_value_is_black(tmp_path):
    flat = [np.full((HEIGHT, WIDTH), 700, np.uint16)] * 2
    with open_video(save(tmp_path / "film.tif", flat)) as film:
        assert film[1].image.max() == 0


@pytest.mark.parametrize(
    ("description", "message"),
    [
        ("ImageJ=1.54\nimages=6\nchannels=2\nframes=3\n", "2 channels for each frame"),
        ("ImageJ=1.54\nimages=6\nslices=2\nframes=3\n", "2 slices for each frame"),
        ('<OME><Pixels SizeC="3" SizeZ="1" SizeT="2"/></OME>', "3 channels for each frame"),
        ('<OME><Pixels SizeC="1" SizeZ="3" SizeT="2"/></OME>', "3 slices for each frame"),
    ],
)
def test_pages_that_are_no_frames_are_refused(tmp_path, description, message):
    path = save(tmp_path / "film.tif", pages(6), description=description)
    with pytest.raises(VideoError, match=message):
        open_video(path)


@pytest.mark.parametrize("axis", ["slices", "frames"])
def test_time_that_is_declared_as_slices(tmp_path, axis):
    path = save(tmp_path / "film.tif", pages(6), description=f"ImageJ=1.54\nimages=6\n{axis}=6\n")
    assert len(open_video(path)) == 6


def test_the_colours_of_a_page_are_no_channels(tmp_path):
    """OME counts red, green and blue as three channels."""
    colours = [np.full((20, 30, 3), (index, 50, 90), np.uint8) for index in range(3)]
    text = '<OME><Pixels SizeC="3" SizeT="3"><Channel SamplesPerPixel="3"/></Pixels></OME>'
    with open_video(save(tmp_path / "film.tif", colours, description=text)) as video:
        assert [tuple(frame.image[0, 0]) for frame in video] == [(k, 50, 90) for k in range(3)]


def test_large_pages_are_sampled(tmp_path, monkeypatch):
    monkeypatch.setattr("sam2track.video.grey._VALUES", 7)
    page = np.arange(600, dtype=np.uint16).reshape(20, 30) * 100
    with open_video(save(tmp_path / "film.tif", [page, page])) as video:
        image = video.read(1).image[..., 0]
    assert image[0, 0] == 0
    assert image[-1, -1] == 255
    assert abs(int(image[10, 0]) - 127) < 25


def test_a_large_stack_of_imagej_is_refused(tmp_path):
    path = save(tmp_path / "film.tif", pages(1), description="ImageJ=1.54\nimages=6\nframes=6\n")
    with pytest.raises(VideoError, match="holds 6 pictures, but has one page"):
        open_video(path)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF:UserWarning")
def test_damaged_files_are_an_error_of_one_line(tmp_path):
    path = save(tmp_path / "film.tif", pages())
    data = path.read_bytes()
    for keep in (4, 40, len(data) // 2):
        path.write_bytes(data[:keep])
        with pytest.raises(VideoError, match=r"^cannot read .*film\.tif") as caught:
            list(open_video(path))
        assert "\n" not in str(caught.value)
    with pytest.raises(VideoError):
        open_video(tmp_path / "none.tif")


def test_pages_of_two_sizes_are_refused(tmp_path):
    other = np.zeros((9, 9), np.uint8)
    path = save(tmp_path / "film.tif", [*pages(2, np.uint8, 10), other])
    with pytest.raises(VideoError, match=r"page 2 of .* is 9x9 but frame 0 is 30x20"):
        list(open_video(path))


def test_what_a_stack_is(tmp_path):
    assert is_stack(save(tmp_path / "film.tif", pages()))
    assert not is_stack(save(tmp_path / "one.tif", pages(1)))
    assert not is_stack(save(tmp_path / "film.gif", pages(2, np.uint8, 9)))
    (tmp_path / "text.tif").write_text("no picture")
    assert not is_stack(tmp_path / "text.tif")
    (tmp_path / "film").mkdir()
    save(tmp_path / "film" / "film.tif", pages())
    with pytest.raises(VideoError, match="holds 5 pictures"):  # a folder has one for each frame
        ImageFolder(tmp_path / "film")
