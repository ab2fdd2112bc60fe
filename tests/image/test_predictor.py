"""Single pictures: encoded once, any prompts in any mixture, masks when they are asked for."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from tiny import SIZE, noise_frames, square_mask, tiny_model

from sam2track import Prompt
from sam2track.image import ImagePredictor, PromptRows, read_image
from sam2track.masks import FINE, Finish
from sam2track.video import VideoError

CLICK = Prompt.click(20, 20)
BOX = Prompt.from_box([8, 10, 40, 30])
BOTH = Prompt.from_box([8, 10, 40, 30], [[20, 20], [50, 40]], [1, 0])
MASK = Prompt.from_mask(square_mask())
MIXED = [CLICK, BOX, Prompt.click(50, 40), BOTH, MASK, Prompt.from_box([1, 1, 60, 44])]


@pytest.fixture(scope="module")
def predictor() -> ImagePredictor:
    return ImagePredictor(tiny_model(), rows_at_once=2)


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    return noise_frames(1)[0].image


@pytest.fixture(scope="module")
def encoded(predictor, picture):
    return predictor.encode(picture)


@pytest.mark.parametrize("multimask", [True, False])
def test_prompts_in_a_mixture_are_as_each_alone(predictor, encoded, multimask):
    together = predictor.predict(encoded, MIXED, multimask=multimask)
    assert together.logits.shape == (6, 3 if multimask else 1, 16, 16)
    for place, prompt in enumerate(MIXED):
        alone = predictor.predict(encoded, prompt, multimask=multimask)
        torch.testing.assert_close(together.logits[place], alone.logits[0])
        torch.testing.assert_close(together.scores[place], alone.scores[0])
    assert len(together.logits.flatten(1).unique(dim=0)) == len(MIXED)


def test_pictures_in_a_batch_are_as_each_alone(predictor):
    pictures = [noise_frames(1, size=(48, 8 * k), seed=k)[0].image for k in range(3, 14)]
    batch = predictor.encode_batch(pictures)
    assert [one.size for one in batch] == [own.shape[:2] for own in pictures]
    for own, one in zip(pictures, batch, strict=True):
        alone = predictor.encode(own)
        torch.testing.assert_close(one.features.stride16, alone.features.stride16)
        torch.testing.assert_close(one.features.stride4, alone.features.stride4)


def test_a_saved_embedding_gives_the_same_masks(predictor, encoded, tmp_path):
    encoded.save(tmp_path / "one.safetensors")
    loaded = predictor.load(tmp_path / "one.safetensors")
    assert loaded.size == SIZE
    expected, got = (predictor.predict(own, MIXED) for own in (encoded, loaded))
    assert torch.equal(expected.logits, got.logits)
    assert torch.equal(expected.scores, got.scores)


def test_an_embedding_of_another_model_is_refused(predictor, encoded, tmp_path):
    other = ImagePredictor(tiny_model(seed=2))
    encoded.save(tmp_path / "one.safetensors")
    with pytest.raises(ValueError, match=r"one\.safetensors was encoded by a model with other"):
        other.load(tmp_path / "one.safetensors")
    with pytest.raises(ValueError, match="other weights; encode it again"):
        other.predict(encoded, CLICK)


@pytest.mark.parametrize("content", [b"", b"nothing", None])
def test_a_file_without_an_embedding_is_refused(predictor, tmp_path, content):
    path = tmp_path / "none.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=r"none\.safetensors"):
        predictor.load(path)


def test_a_lowered_model_knows_its_own_embedding(encoded):
    lowered = tiny_model()
    lowered.lower(torch.bfloat16)
    assert ImagePredictor(lowered).fingerprint == encoded.model


def test_masks_are_of_the_pictures_size_and_follow_the_filter(predictor, encoded):
    found = predictor.predict(encoded, MIXED)
    masks, full = found.masks(), found.full_logits()
    assert masks.shape == (6, 3, *SIZE)
    assert masks.dtype == torch.bool
    assert torch.equal(masks, full > 0)
    best, pick = found.best(), found.scores.argmax(1)
    assert torch.equal(best.masks()[:, 0], masks[range(6), pick])
    flat = found.flat()
    assert flat.logits.shape == (18, 1, 16, 16)
    kept = flat.select(flat.scores[:, 0] > flat.scores.median())
    assert torch.equal(kept.masks(), flat.masks()[flat.scores[:, 0] > flat.scores.median()])
    assert sum(len(part) for part in found.parts(4)) == 6


def test_nothing_is_left_of_a_filter_that_takes_nothing(predictor, encoded):
    none = predictor.predict(encoded, MIXED).select(torch.zeros(6, dtype=torch.bool))
    assert none.masks().shape == (0, 3, *SIZE)
    assert none.full_logits().shape == (0, 3, *SIZE)


def test_enlarging_is_bilinear(predictor, encoded):
    found = predictor.predict(encoded, CLICK)
    expected = torch.nn.functional.interpolate(found.logits, SIZE, mode="bilinear")
    torch.testing.assert_close(found.full_logits(), expected, atol=1e-4, rtol=1e-4)


def test_masks_for_a_user_are_those_without_holes_and_specks(predictor, encoded, picture):
    found = predictor.segment(encoded, MIXED)
    masks = found.masks()[:, 0]
    assert torch.equal(found.rendered(picture), masks)
    filled = found.rendered(picture, FINE)
    assert not (masks & ~filled).any()
    clean = found.rendered(picture, Finish(speck_area=3))
    assert not (clean & ~masks).any()
    assert (filled & ~masks).any() or (masks & ~clean).any()
    assert found.rendered(picture, Finish(sharp=True)).shape == masks.shape


def test_one_click_gets_the_best_of_three_and_a_box_the_only_one(predictor, encoded):
    found = predictor.segment(encoded, MIXED)
    for place, prompt in enumerate(MIXED):
        one = len(prompt.points) == 1 and prompt.box is None
        alone = predictor.predict(encoded, prompt, multimask=one).best()
        torch.testing.assert_close(found.logits[place], alone.logits[0])


def test_an_earlier_mask_comes_together_with_clicks_and_a_box(predictor, encoded):
    first = predictor.predict(encoded, [CLICK, BOX]).best()
    logits = first.logits[:, 0]
    corrected = predictor.predict(encoded, [BOTH, BOTH], previous=logits, multimask=False)
    assert not torch.equal(corrected.logits[0], corrected.logits[1])
    assert not torch.equal(corrected.logits[:1], predictor.predict(encoded, BOTH).logits[:, :1])
    own = predictor.predict(encoded, BOTH, previous=predictor.logits_of(square_mask()))
    assert own.logits.shape == (1, 3, 16, 16)
    alone = predictor.predict(encoded, MASK)
    by_hand = PromptRows(
        torch.zeros(1, 0, 2),
        torch.zeros(1, 0, dtype=torch.long),
        logits=predictor.logits_of(square_mask()),
    )
    assert torch.equal(next(predictor.decode(encoded, by_hand)).logits, alone.logits)


def test_rows_are_decoded_in_parts(predictor, encoded):
    boxes = np.array([[1 + k, 2, 30 + k, 40] for k in range(5)])
    parts = list(predictor.decode(encoded, PromptRows.of_boxes(boxes)))
    assert [len(part) for part in parts] == [2, 2, 1]
    expected = predictor.predict(encoded, [Prompt.from_box(box) for box in boxes])
    got = torch.cat([part.logits for part in parts])
    torch.testing.assert_close(got, expected.logits)
    assert list(predictor.decode(encoded, PromptRows.of_points(np.zeros((0, 2))))) == []


def test_a_thousand_clicks_on_one_object(predictor, encoded):
    clicks = np.random.default_rng(0).uniform(0, 47, (1000, 2))
    found = predictor.predict(encoded, Prompt.clicks(clicks), multimask=False)
    assert found.logits.isfinite().all()


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (2, 3)])
def test_the_smallest_pictures(predictor, size):
    found = predictor.predict(np.zeros((*size, 3), np.uint8), Prompt.click(0, 0))
    assert found.masks().shape == (1, 3, *size)


@pytest.mark.parametrize(
    ("prompts", "message"),
    [
        (Prompt.click(64, 3), r"the click \(64, 3\) is outside the frame, which is 64 wide"),
        (Prompt.from_box([70, 0, 80, 9]), "lies outside the frame"),
        (Prompt.from_mask(np.ones((4, 4), bool)), "the mask is 4 x 4 pixels, but the frame"),
        ([], "no prompt: give at least one"),
        (["a click"], "the prompt is a str; give a Prompt"),
        (None, "the prompt is a NoneType; give a Prompt"),
        (np.array([[5, 5]]), "the prompt is a ndarray; give a Prompt"),
    ],
)
def test_prompts_that_do_not_fit_are_refused(predictor, encoded, prompts, message):
    with pytest.raises(ValueError, match=message):
        predictor.predict(encoded, prompts)
    with pytest.raises(ValueError, match=message):
        predictor.segment(encoded, prompts)


def test_logits_that_do_not_fit_are_refused(predictor, encoded):
    with pytest.raises(ValueError, match=r"of shape \(8, 8\), the model's of \(16, 16\)"):
        predictor.predict(encoded, CLICK, previous=torch.zeros(1, 8, 8))
    with pytest.raises(ValueError, match="previous has 2 rows for 1 prompts"):
        predictor.predict(encoded, CLICK, previous=torch.zeros(2, 16, 16))
    with pytest.raises(ValueError, match="previous is a ndarray; give logits"):
        predictor.predict(encoded, CLICK, previous=np.zeros((1, 16, 16)))
    with pytest.raises(ValueError, match="previous holds NaN"):
        predictor.predict(encoded, CLICK, previous=torch.full((1, 16, 16), torch.nan))
    double = predictor.predict(encoded, CLICK, previous=torch.zeros(1, 16, 16).double())
    assert double.logits.isfinite().all()
    with pytest.raises(ValueError, match="are two masks; give one"):
        predictor.predict(encoded, MASK, previous=torch.zeros(1, 16, 16))


def test_rows_that_say_nothing_are_refused():
    none = torch.zeros(2, 0, 2), torch.zeros(2, 0, dtype=torch.long)
    with pytest.raises(ValueError, match="an empty prompt"):
        PromptRows(*none)
    with pytest.raises(ValueError, match="different numbers of rows"):
        PromptRows(*none, boxes=torch.zeros(3, 4))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PromptRows.of_points([[1, 2, 3]]), r"got shape \(1, 3\)"),
        (lambda: PromptRows.of_points("ab"), "points must be pairs"),
        (lambda: PromptRows.of_points([[np.nan, 1]]), "points must be finite"),
        (lambda: PromptRows.of_points([[[1, 2]]], [[7]]), "label 7 is unknown"),
        (lambda: PromptRows.of_boxes([[1, 2, 3]]), r"of shape \(R, 4\), got shape \(1, 3\)"),
        (lambda: PromptRows.of_boxes([[1, 2, 3, 4]] * 3 + [[9, 9, 1, 1]]), "box 3, .* is empty"),
        (lambda: PromptRows.of_boxes([[np.nan, 2, 3, 4]]), "boxes must be finite"),
        (lambda: PromptRows([[1, 2]], [1]), "points is a list; give a tensor"),
    ],
)
def test_rows_that_make_no_sense_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_mask_that_is_none_gives_no_logits(predictor):
    for mask, message in (
        (np.zeros(SIZE, bool), "the mask is empty"),
        (np.ones((*SIZE, 3), bool), "the mask has 3 dimensions"),
        (None, "the mask must be an array"),
    ):
        with pytest.raises(ValueError, match=message):
            predictor.logits_of(mask)
    assert torch.equal(
        predictor.logits_of(torch.from_numpy(square_mask())), predictor.logits_of(square_mask())
    )


def test_several_pictures_are_a_list(predictor, picture):
    for images in (picture, "one.png", None):  # rows, letters: no pictures
        with pytest.raises(ValueError, match="give a list of pictures"):
            predictor.encode_batch(images)


def test_what_is_no_model_is_refused():
    with pytest.raises(ValueError, match=r"the model is a str; give a loaded one"):
        ImagePredictor("nano")
    with pytest.raises(ValueError, match=r"rows_at_once is a whole number from 1, but 1.5"):
        ImagePredictor(tiny_model(), rows_at_once=1.5)


def test_every_kind_of_picture_is_the_same_picture(tmp_path, picture):
    Image.fromarray(picture).save(tmp_path / "one.png")
    given = [
        tmp_path / "one.png",
        str(tmp_path / "one.png"),
        Image.fromarray(picture),
        picture[:, ::-1][:, ::-1],
        torch.from_numpy(picture),
        torch.from_numpy(picture).permute(2, 0, 1),
        torch.from_numpy(picture).permute(2, 0, 1) / 255,
        np.dstack((picture, np.full(SIZE, 255, np.uint8))),
    ]
    for one in given:
        assert np.array_equal(read_image(one), picture)


def test_grey_alpha_16_bit_and_turned_pictures(tmp_path, picture):
    grey = picture[..., 0]
    wide = 700 + np.linspace(0, 4000, grey.size).reshape(grey.shape).astype(np.uint16)
    stretched = ((wide - 700.0) / 4000 * 255)[..., None]
    assert np.array_equal(read_image(grey), np.dstack([grey] * 3))
    assert np.abs(read_image(wide) - stretched).max() <= 1
    Image.fromarray(wide).save(tmp_path / "wide.png")
    assert np.array_equal(read_image(tmp_path / "wide.png"), read_image(wide))
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    Image.fromarray(picture).save(tmp_path / "turned.png", exif=exif)
    assert read_image(tmp_path / "turned.png").shape == (64, 48, 3)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (None, "OpenCV gives None for a file that it cannot read"),
        (np.zeros((4, 4, 3)), r"float64 of shape \(4, 4, 3\); give RGB as uint8"),
        (np.zeros((4, 4, 2), np.uint8), r"shape \(4, 4, 2\)"),
        (np.zeros((0, 4, 3), np.uint8), "has no pixel"),
        (torch.full((3, 4, 4), 2.0), "numbers outside 0..1"),
        (torch.zeros(1, 3, 4, 4), r"shape \(1, 3, 4, 4\); give \(3, H, W\)"),
        ("nowhere.png", "cannot read nowhere.png: No such file"),
        (Image.new("RGB", (0, 5)), "has no pixel"),
    ],
)
def test_what_is_no_picture_is_refused(given, message):
    with pytest.raises(ValueError, match=message):
        read_image(given)


def test_a_cut_off_picture_of_pillows_is_refused(tmp_path, picture):
    Image.fromarray(picture).resize((400, 300)).save(tmp_path / "one.jpg")
    whole = (tmp_path / "one.jpg").read_bytes()
    (tmp_path / "one.jpg").write_bytes(whole[: len(whole) // 2])
    with Image.open(tmp_path / "one.jpg") as opened, pytest.raises(VideoError, match="truncated"):
        read_image(opened)


@pytest.mark.filterwarnings("error")
def test_an_array_that_cannot_be_written_to_is_taken_without_a_warning(predictor, picture):
    locked = np.asarray(Image.fromarray(picture))
    assert not locked.flags.writeable
    predictor.encode(locked)


def test_an_embedding_is_saved_at_home(encoded, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    encoded.save("~/one.safetensors")
    assert (tmp_path / "one.safetensors").is_file()
