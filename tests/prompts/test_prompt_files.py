import json
import re
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from sam2track import Prompt
from sam2track.prompts.prompt_files import (
    PlacedPrompt,
    check,
    read_masks,
    read_prompts,
    read_prompts_file,
)

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "prompts.schema.json").read_text())


def save_mask(path, pixels, *, palette):
    image = Image.fromarray(np.asarray(pixels, np.uint8), "P" if palette else "L")
    if palette:
        image.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
    image.save(path)
    return path


def test_one_click_and_several():
    single = read_prompts(click=[320, 240])[0]
    assert (single.object_id, single.frame) == (1, 0)
    assert single.prompt.points.tolist() == [[320, 240]]
    assert single.prompt.labels.tolist() == [1]
    several = read_prompts(click=[[1, 2], [3, 4]], labels=[1, 0], frame=7, object_id=3)[0]
    assert (several.object_id, several.frame) == (3, 7)
    assert several.prompt.labels.tolist() == [1, 0]


def test_box_with_a_click():
    prompt = read_prompts(box=[10, 20, 30, 40], click=[15, 25], labels=[0])[0].prompt
    assert prompt.box.tolist() == [10, 20, 30, 40]
    assert prompt.labels.tolist() == [0]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "mask=, prompts=FILE or prompts=auto"),
        ({"labels": [1]}, "labels without points"),
        ({"click": [1, 2, 3]}, "clicks are [x, y]"),
        ({"click": "here"}, 'clicks are [x, y] or [[x, y], ...], got "here"'),
        ({"click": [True, 2]}, "clicks are"),
        ({"click": [1, 2], "labels": [2]}, "label 2 is neither 1"),
        ({"click": [1, 2], "labels": [0.5]}, "neither 1"),
        ({"click": [1, 2], "labels": ["in"]}, "labels are 1 or 0"),
        ({"click": [1, 2], "labels": [1, 1]}, "points: 1, labels: 2; give"),
        ({"click": [float("nan"), 2]}, "finite"),
        ({"box": [1, 2, 3]}, "a box is [x0, y0, x1, y1]"),
        ({"box": [30, 20, 10, 40]}, "is empty"),
        ({"click": [1, 2], "object_id": -1}, "object=-1: an object's id is"),
        ({"click": [1, 2], "object_id": 256}, "object=256: an object's id is"),
        ({"click": [1, 2], "frame": -1}, "frame=-1: frames are counted from 0"),
        ({"click": [1, 2], "mask": "m.png"}, "a mask comes alone: remove click="),
        ({"click": [1, 2], "prompts": "p.json"}, "prompts= comes without click="),
        ({"mask": "missing.png"}, "no such mask: missing.png"),
        ({"click": [1, 2], "labels": [10**22]}, "labels must be a list of 1"),
        ({"click": [10**400, 2]}, "points must be pairs"),
        ({"box": [1, 2, 3, 10**400]}, "box must be [x0, y0, x1, y1]"),
        ({"prompts": "missing.json"}, "no such prompts file: missing.json"),
    ],
)
def test_what_makes_no_sense_is_said(settings, message):
    with pytest.raises(ValueError, match=re.escape(message)) as error:
        read_prompts(**settings)
    assert "\n" not in str(error.value)


def test_palette_mask_holds_one_object_an_index(tmp_path):
    path = save_mask(tmp_path / "m.png", [[0, 1], [2, 2]], palette=True)
    placed = read_prompts(mask=str(path), frame=3)
    assert [(item.object_id, item.frame) for item in placed] == [(1, 3), (2, 3)]
    assert placed[1].prompt.mask.tolist() == [[False, False], [True, True]]


def test_black_and_white_mask_is_the_named_object(tmp_path):
    path = save_mask(tmp_path / "m.png", [[0, 255], [0, 0]], palette=False)
    placed = read_prompts(mask=str(path), object_id=9)
    assert [item.object_id for item in placed] == [9]
    assert placed[0].prompt.mask.tolist() == [[False, True], [False, False]]


def test_masks_that_say_nothing(tmp_path):
    empty = save_mask(tmp_path / "empty.png", [[0, 0]], palette=True)
    with pytest.raises(ValueError, match=r"empty\.png is empty"):
        read_masks(empty)
    grey = save_mask(tmp_path / "grey.png", [[0, 10, 20]], palette=False)
    with pytest.raises(ValueError, match="3 shades of grey"):
        read_masks(grey)
    text = tmp_path / "text.png"
    text.write_text("not a picture")
    with pytest.raises(ValueError, match="not a picture"):
        read_masks(text)


def save_transparent(path, grey, alpha, mode="RGBA"):
    bands = [Image.fromarray(np.asarray(band, np.uint8)) for band in (grey, alpha)]
    Image.merge("LA", bands).convert(mode).save(path)
    return path


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
@pytest.mark.parametrize(
    "grey",
    [
        pytest.param([[255, 255, 255], [255, 255, 255]], id="white"),
        pytest.param([[0, 90, 90], [0, 0, 0]], id="brush"),
        pytest.param([[0, 10, 120], [50, 60, 70]], id="cut-out"),
    ],
)
def test_a_transparent_picture_is_the_mask_of_what_is_not(tmp_path, grey, mode):
    alpha = [[0, 255, 200], [100, 0, 0]]  # soft at the edge
    path = save_transparent(tmp_path / "m.png", grey, alpha, mode)
    assert {k: mask.tolist() for k, mask in read_masks(path, 5).items()} == {
        5: [[0, 1, 1], [0, 0, 0]]
    }


@pytest.mark.parametrize("alpha", [0, 128, 255])
def test_an_alpha_channel_that_says_nothing_is_left(tmp_path, alpha):
    path = save_transparent(tmp_path / "m.png", [[0, 255]], [[alpha, alpha]])
    assert read_masks(path)[1].tolist() == [[0, 1]]


def test_an_alpha_channel_that_contradicts_is_named(tmp_path):
    path = save_transparent(tmp_path / "m.png", [[0, 255, 255]], [[255, 255, 0]])
    with pytest.raises(ValueError, match=r"m\.png is black and white, but its alpha channel"):
        read_masks(path)


def save(path, pixels, **options):
    Image.fromarray(np.asarray(pixels)).save(path, **options)
    return path


@pytest.mark.parametrize("indices", [[0, 1, 1], [1, 0, 0], [200, 7, 7]])
def test_a_black_and_white_palette_goes_by_colour(tmp_path, indices):
    image = Image.fromarray(np.uint8([indices]), "P")
    palette = [9] * 768
    for index, colour in zip(indices, (255, 0, 0), strict=True):
        palette[3 * index : 3 * index + 3] = [colour] * 3
    image.putpalette(palette)
    image.save(tmp_path / "m.png")
    assert {k: m.tolist() for k, m in read_masks(tmp_path / "m.png", 4).items()} == {4: [[1, 0, 0]]}


def save_colours(path, indices, **options):
    image = Image.fromarray(np.uint8([indices]), "P")
    image.putpalette([90, 60, 30, 80, 60, 40, 20, 90, 30, 10, 20, 60])
    image.save(path, **options)
    return path


def test_a_cut_out_with_a_palette_is_the_mask_of_what_is_not_transparent(tmp_path):
    path = save_colours(tmp_path / "m.png", [3, 0, 1, 2], transparency=3)
    assert {k: m.tolist() for k, m in read_masks(path, 5).items()} == {5: [[0, 1, 1, 1]]}
    path = save_colours(tmp_path / "one.png", [0, 2, 2, 0], transparency=0)
    assert {k: m.tolist() for k, m in read_masks(path, 5).items()} == {5: [[0, 1, 1, 0]]}


def test_transparent_places_of_a_palette_may_say_two_things(tmp_path):
    path = save_colours(tmp_path / "m.png", [0, 0, 1, 2], transparency=0)
    with pytest.raises(ValueError, match="its 2 colours may be one object or as many"):
        read_masks(path)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_labels_in_shades_of_grey(tmp_path, kind):
    """As programs that segment cells write them."""
    path = save(tmp_path / "labels.png", kind([[0, 1, 2, 3]]))
    assert list(read_masks(path)) == [1, 2, 3]
    assert read_masks(path)[2].tolist() == [[False, False, True, False]]
    soft = save(tmp_path / "soft.png", np.arange(256, dtype=np.uint8)[None])
    with pytest.raises(ValueError, match="has 256 shades of grey"):
        read_masks(soft)


def test_labels_of_16_bits_may_be_many_and_have_gaps(tmp_path):
    """As programs write them for hundreds of cells, or after cells at the border were removed."""
    values = np.arange(600, dtype=np.uint16)[None].repeat(3, axis=1)
    many = read_masks(save(tmp_path / "many.png", values))
    assert list(many) == list(range(1, 600))
    assert many[300].sum() == 3
    gaps = save(tmp_path / "gaps.tif", np.uint16([[0, 300, 600]]).repeat(3, axis=1))
    assert list(read_masks(gaps)) == [300, 600]
    with pytest.raises(ValueError, match="shades of grey"):  # a picture, not labels
        read_masks(save(tmp_path / "picture.png", values[:, 3:] + 100))
    noise = np.random.default_rng(0).integers(100, 4000, (40, 40)).astype(np.uint16)
    noise[:, :30] = 0
    with pytest.raises(ValueError, match="shades of grey"):  # the film itself, not its labels
        read_masks(save(tmp_path / "film.png", noise))


@pytest.mark.parametrize(
    ("pixels", "suffix"),
    [
        (np.uint16([[0, 30000, 65535]]), "png"),
        (np.uint8([[[0, 0, 0], [0, 0, 110], [0, 22, 0]]]), "png"),  # as dark as one another
        (np.float32([[0, 0.1, 0.8]]), "tif"),
    ],
)
def test_values_that_differ_are_not_merged(tmp_path, pixels, suffix):
    with pytest.raises(ValueError, match="has 3 shades of grey or colours"):
        read_masks(save(tmp_path / f"m.{suffix}", pixels))


@pytest.mark.parametrize(
    ("pixels", "suffix"),
    [
        (np.uint16([[0, 300]]), "png"),
        (np.uint8([[[0, 0, 0], [0, 0, 3]]]), "png"),
        (np.float32([[0, 0.5]]), "tif"),
        (np.bool_([[0, 1]]), "png"),
    ],
)
def test_any_value_but_black_is_the_object(tmp_path, pixels, suffix):
    assert read_masks(save(tmp_path / f"m.{suffix}", pixels))[1].tolist() == [[0, 1]]


@pytest.mark.parametrize("suffix", ["png", "webp", "tif"])
def test_masks_are_turned_as_frames_are(tmp_path, suffix):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held on its side
    options = {"compression": "tiff_lzw"} if suffix == "tif" else {"lossless": True}
    path = save(tmp_path / f"m.{suffix}", np.uint8([[255, 0, 0]]), exif=exif, **options)
    assert read_masks(path)[1].tolist() == [[1], [0], [0]]


GOOD_ENTRIES = [
    {"object": 1, "points": [[3, 4]]},
    {"object": 2, "frame": 5, "points": [[3, 4], [5, 6]], "labels": [1, 0]},
    {"object": 255, "box": [1, 2, 3, 4]},
    {"object": 1, "box": [1, 2, 3, 4], "points": [[2, 3]]},
    {"object": 1, "mask": "m.png"},
]
BAD_ENTRIES = [
    ({"points": [[3, 4]]}, '"object" is missing'),
    ({"object": 1}, "an empty prompt"),
    ({"object": 0, "points": [[3, 4]]}, "an object's id"),
    ({"object": 256, "points": [[3, 4]]}, "an object's id"),
    ({"object": 1.5, "points": [[3, 4]]}, "an object's id"),
    ({"object": 1, "frame": -1, "points": [[3, 4]]}, "frames are counted"),
    ({"object": 1, "points": [[3]]}, "clicks are"),
    ({"object": 1, "points": [[3, 4]], "labels": [2]}, "label 2"),
    ({"object": 1, "labels": [1], "box": [1, 2, 3, 4]}, "labels without points"),
    ({"object": 1, "box": [1, 2, 3]}, "a box is"),
    ({"object": 1, "point": [[3, 4]]}, "did you mean 'points'?"),
    ({"object": 1, "mask": "m.png", "box": [1, 2, 3, 4]}, "a mask comes alone"),
    ({"object": 1, "mask": 7}, "name of a picture"),
    ("click", "must be an object in braces"),
]


@pytest.fixture
def folder(tmp_path):
    save_mask(tmp_path / "m.png", [[0, 1], [1, 1]], palette=True)
    return tmp_path


def read_entries(folder, entries):
    path = folder / "prompts.json"
    path.write_text(json.dumps(entries))
    return read_prompts_file(path)


def test_the_schema_and_the_reader_take_the_same_entries(folder):
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(GOOD_ENTRIES, SCHEMA)
    placed = read_entries(folder, GOOD_ENTRIES)
    assert [item.object_id for item in placed] == [1, 2, 255, 1, 1]
    assert [item.frame for item in placed] == [0, 5, 0, 0, 0]
    assert placed[4].prompt.mask.sum() == 3


@pytest.mark.parametrize(("entry", "message"), BAD_ENTRIES)
def test_the_schema_and_the_reader_refuse_the_same_entries(folder, entry, message):
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate([entry], SCHEMA)
    with pytest.raises(ValueError, match="entry 2") as error:
        read_entries(folder, [GOOD_ENTRIES[0], entry])
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not JSON"),
        ("[{}]", '"object" is missing'),
        ("[]", "must hold a list"),
        ('{"object": 1}', "must hold a list"),
        ("[" * 100_000, "is not JSON that can be read"),
        ('[{"object": 1, "box": [1, 2, 3, 4], "box": [5, 6, 7, 8]}]', "key 'box' is given twice"),
    ],
)
def test_files_that_hold_no_prompts(tmp_path, text, message):
    path = tmp_path / "p.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        read_prompts_file(path)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_encodings_of_windows_are_read(tmp_path, encoding):
    path = tmp_path / "p.json"
    path.write_text('[{"object": 2, "points": [[3, 4]]}]', encoding=encoding)
    assert read_prompts_file(path)[0].object_id == 2


def test_a_mask_of_other_objects_is_refused(folder):
    save_mask(folder / "two.png", [[1, 2]], palette=True)
    with pytest.raises(ValueError, match="holds objects 1, 2, but not 3"):
        read_entries(folder, [{"object": 3, "mask": "two.png"}])


@given(
    x=st.floats(-50, 150),
    y=st.floats(-50, 150),
    width=st.integers(1, 100),
    height=st.integers(1, 90),
)
def test_a_click_is_accepted_exactly_inside_the_frame(x, y, width, height):
    placed = read_prompts(click=[x, y])
    px, py = placed[0].prompt.points[0].tolist()
    if 0 <= px < width and 0 <= py < height:
        check(placed, (height, width), 1)
    else:
        with pytest.raises(ValueError, match=r"click=.*outside the frame"):
            check(placed, (height, width), 1)


@given(frame=st.integers(0, 30), length=st.integers(1, 30))
def test_a_prompt_is_accepted_exactly_within_the_video(frame, length):
    placed = read_prompts(click=[1, 1], frame=frame)
    if frame < length:
        check(placed, (5, 5), length)
    else:
        with pytest.raises(ValueError, match="beyond the end"):
            check(placed, (5, 5), length)
    check(placed, (5, 5), None)


def test_a_mask_of_another_size_is_refused():
    placed = [PlacedPrompt(1, 0, Prompt.from_mask(np.ones((4, 6))), "mask=m.png")]
    check(placed, (4, 6), 1)
    with pytest.raises(ValueError, match=r"mask=m\.png: the mask is 6 x 4"):
        check(placed, (6, 4), 1)


OFF = Prompt.click(1, 1, 0)


@pytest.mark.parametrize(
    ("prompts", "directions"),
    [
        ([(1, 0, OFF)], ()),
        ([(1, 0, Prompt.click(2, 2)), (2, 0, OFF)], ()),
        ([(1, 0, OFF), (1, 0, Prompt.click(2, 2))], (1, -1)),
        ([(1, 3, OFF), (1, 0, Prompt.click(2, 2))], (1,)),
        ([(1, 0, OFF), (1, 3, Prompt.click(2, 2))], (-1,)),
        ([(1, 0, Prompt.from_box([0, 0, 3, 3], [[1, 1]], [0]))], (1, -1)),
    ],
)
def test_an_object_does_not_begin_with_clicks_off_it_alone(prompts, directions):
    placed = [PlacedPrompt(*prompt, "prompts.json, entry 1") for prompt in prompts]
    for direction in (1, -1):
        if direction in directions:
            check(placed, (5, 5), 9, direction)
        else:
            with pytest.raises(ValueError, match=r"entry 1: object \d begins with clicks"):
                check(placed, (5, 5), 9, direction)
