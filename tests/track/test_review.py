"""What a run says deserves a look."""

import numpy as np
import pytest
import torch

from sam2track.prompts import PlacedPrompt, Prompt
from sam2track.track.review import Review
from sam2track.types import FrameResult


def result(index, seen, score=0.9):
    """Object 3 in rows and columns 10 to 19, if it is seen."""
    masks = np.zeros((1, 40, 40), bool)
    masks[0, 10:20, 10:20] = seen
    owner = torch.full((40, 40), -1, dtype=torch.int16)
    numbers = torch.tensor([score])
    return FrameResult(
        index, (3,), torch.from_numpy(masks), owner, numbers, numbers, torch.zeros(1, 4, 4)
    )


def notes(seen, prompt=None, score=0.9):
    review = Review([PlacedPrompt(3, 0, prompt or Prompt.click(15, 15))])
    for index, one in enumerate(seen):
        review.add(result(index, one, score))
    return review.notes().get(3, [])


@pytest.mark.parametrize("prompt", [Prompt.click(15, 15), Prompt.from_box([9, 9, 21, 21])])
def test_nothing_is_said_of_an_object_that_is_followed(prompt):
    assert notes([True] * 30 + [False] * 3, prompt) == []


def test_prompts_that_are_not_obeyed():
    prompt = Prompt.clicks([[15, 15], [30, 30], [12, 12]], [1, 1, 0])
    assert notes([True], prompt) == [
        "frame 0: the mask leaves out the click on the object at (30, 30)",
        "frame 0: the mask covers the click off the object at (12, 12)",
    ]
    (note,) = notes([True], Prompt.from_box([12, 12, 18, 18]))
    assert note == "frame 0: the mask is 2.8 times as large as the box"


def test_a_low_score():
    assert notes([True], score=0.3) == [
        "frame 0: the model expects its mask to be poor (score 0.30)"
    ]


def test_objects_that_are_away():
    assert notes([False] * 5) == [
        "frame 0: the mask leaves out the click on the object at (15, 15)",
        "never seen",
    ]
    assert notes([True] * 4 + [False] * 6) == ["absent on 6 of 10 frames"]
    assert notes([True] * 40 + [False] * 12) == ["not seen from frame 40 to the last"]


def several(index, *shifts, speck=False):
    """Squares that lie so many pixels to the right; objects 7, 4 and 9."""
    masks = torch.zeros(len(shifts), 40, 60, dtype=torch.bool)
    for mask, shift in zip(masks, shifts, strict=True):
        mask[5:25, 5 + shift : 25 + shift] = True
    masks[0, 39, 59] = speck
    owner = torch.full((40, 60), -1, dtype=torch.int16)
    numbers = torch.ones(len(shifts))
    ids = (7, 4, 9)[: len(shifts)]
    logits = torch.zeros(len(shifts), 4, 4)
    return FrameResult(index, ids, masks, owner, numbers, numbers, logits)


@pytest.mark.parametrize("speck", [False, True])
@pytest.mark.parametrize("backward", [False, True])
def test_two_objects_that_become_one(speck, backward):
    review = Review([])
    for index in range(29, -1, -1) if backward else range(30):
        review.add(several(index, 0, 1 if index >= 18 else 8, speck=speck))
    assert review.notes() == {7: ["same mask as object 4 on frames 18 to 29"]}


def test_three_objects_with_one_mask_have_a_note_each():
    review = Review([])
    for index in range(12):
        review.add(several(index, 0, 0, 30 if index == 0 else 0))
    assert review.notes() == {
        7: ["same mask as object 4 on frames 0 to 11"],
        9: ["same mask as object 7 on frames 1 to 11"],
    }


def test_nothing_is_said_of_two_objects_that_meet():
    review = Review([])
    for index in range(200):
        review.add(several(index, 0, 0 if index % 20 < 9 else 3))
    assert review.notes() == {}
