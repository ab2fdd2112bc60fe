"""Prompts: what is refused, and how pixels become model pixels."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sam2track import Prompt
from sam2track.model.image_transform import Squash
from sam2track.prompts.tokens import check_prompt, mask_prompt, merge_prompts, prompt_tokens

SIDE = 64
CPU = torch.device("cpu")
sizes = st.tuples(st.integers(1, 300), st.integers(1, 300))


def tokens(prompt: Prompt, size: tuple[int, int]):
    return prompt_tokens(prompt, size, transform=Squash(SIDE), device=CPU)


@settings(deadline=None)
@given(sizes, st.data())
def test_clicks_inside_are_taken_and_scaled(size, data):
    height, width = size
    x = data.draw(st.floats(0, width, exclude_max=True))
    y = data.draw(st.floats(0, height, exclude_max=True))
    prompt = Prompt.click(np.float32(x) if np.float32(x) < width else 0, min(y, height - 1))
    check_prompt(prompt, size)
    coords = tokens(prompt, size).coords[0, 0]
    assert torch.allclose(
        coords,
        torch.tensor([prompt.points[0, 0] / width * SIDE, prompt.points[0, 1] / height * SIDE]),
        atol=1e-4,
    )
    assert (coords >= 0).all()
    assert (coords <= SIDE).all()


@given(sizes, st.booleans(), st.floats(0, 100), st.booleans())
def test_clicks_outside_are_refused(size, beyond_x, distance, negative):
    height, width = size
    far = -0.5 - distance if negative else (width if beyond_x else height) + distance
    x, y = (far, 0) if beyond_x else (0, far)
    with pytest.raises(ValueError, match="outside the frame"):
        check_prompt(Prompt.click(x, y), size)


@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(0, 40), st.integers(0, 1)), max_size=5),
    st.lists(
        st.tuples(st.integers(0, 50), st.integers(0, 40), st.integers(0, 1)), min_size=1, max_size=5
    ),
)
def test_prompts_add_up(first, second):
    def prompt(clicks):
        return Prompt.clicks([c[:2] for c in clicks], [c[2] for c in clicks]) if clicks else None

    merged = merge_prompts(prompt(first), prompt(second))
    assert merged.labels.tolist() == [c[2] for c in first + second]
    assert merged.points.tolist() == [[float(v) for v in c[:2]] for c in first + second]


def test_a_later_box_replaces_the_box_and_keeps_clicks():
    merged = merge_prompts(
        Prompt.from_box([0, 0, 5, 5], [[1, 1]], [1]), Prompt.from_box([2, 2, 9, 9])
    )
    assert merged.box is not None
    assert merged.box.tolist() == [2, 2, 9, 9]
    assert merged.labels.tolist() == [1]


def test_a_mask_replaces_everything_and_is_replaced():
    mask = Prompt.from_mask(np.ones((4, 4)))
    click = Prompt.click(1, 1)
    assert merge_prompts(click, mask) is mask
    assert merge_prompts(mask, click) is click


def test_a_box_goes_first_as_two_corners():
    made = tokens(Prompt.from_box([10, 20, 30, 40], [[5, 5]], [0]), (100, 100))
    assert made.labels.tolist() == [[2, 3, 0]]
    assert torch.allclose(made.coords[0, 1], torch.tensor([30.0, 40.0]) * SIDE / 100)


@given(st.integers(0, 97), st.integers(0, 77))
def test_a_thin_mask_does_not_vanish(x, y):
    mask = np.zeros((80, 100), bool)
    mask[y : y + 2, x : x + 1] = True
    assert mask_prompt(mask, transform=Squash(16), device=CPU).any()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Prompt.clicks([[1, 2]], [2]), "label 2"),
        (lambda: Prompt.clicks([[1, 2]], [0.5]), "label 0.5"),
        (lambda: Prompt.clicks([[1, 2], [3, 4]], [1]), "points: 2, labels: 1"),
        (lambda: Prompt.clicks([[float("nan"), 2]]), "finite"),
        (lambda: Prompt.from_box([5, 5, 5, 9]), "x0 < x1"),
        (lambda: Prompt.from_box([1, 2, 3]), "x0, y0, x1, y1"),
        (lambda: Prompt.from_mask(np.zeros((3, 3))), "empty"),
        (lambda: Prompt.from_mask(np.ones((4, 6, 1))), r"the mask has 3 dimensions"),
        (lambda: Prompt(), "empty prompt"),
        (
            lambda: Prompt(
                points=np.zeros((1, 2), np.float32),
                labels=np.ones(1, np.int32),
                mask=np.ones((3, 3), bool),
            ),
            "alone",
        ),
    ],
)
def test_prompts_that_make_no_sense(make, message):
    with pytest.raises(ValueError, match=message):
        make()
