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


def two(index, shift):
    """Objects 7 and 4, the second ``shift`` pixels to the right of the first."""
    masks = torch.zeros(2, 40, 40, dtype=torch.bool)
    masks[0, 5:25, 5:25] = masks[1, 5:25, 5 + shift : 25 + shift] = True
    owner = torch.full((40, 40), -1, dtype=torch.int16)
    numbers = torch.ones(2)
    return FrameResult(index, (7, 4), masks, owner, numbers, numbers, torch.zeros(2, 4, 4))


def test_two_objects_that_become_one():
    review = Review([])
    for index in range(30):
        review.add(two(index, shift=1 if index >= 18 else 8))
    assert review.notes() == {7: ["has the mask of object 4 on 12 frames, 18 to 29"]}


def test_nothing_is_said_of_two_objects_that_meet():
    review = Review([])
    for index in range(30):
        review.add(two(index, shift=0 if 10 <= index < 19 else 3))
    assert review.notes() == {}
