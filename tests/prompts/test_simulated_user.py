"""What a simulated user says about a mask."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from sam2track.prompts.simulated_user import corrective_click, first_prompt, inner_point

SIZE = (40, 60)


def square(x, y=10, side=12):
    mask = np.zeros(SIZE, bool)
    mask[y : y + side, x : x + side] = True
    return mask


def test_first_prompts():
    mask = square(20)
    assert first_prompt("mask", mask).mask is not None
    assert first_prompt("box", mask).box.tolist() == [20, 10, 32, 22]
    (click,) = first_prompt("click", mask).points.tolist()
    assert abs(click[0] - 25.5) <= 0.5
    assert abs(click[1] - 15.5) <= 0.5
    with pytest.raises(ValueError, match="empty"):
        first_prompt("box", np.zeros(SIZE, bool))
    with pytest.raises(ValueError, match="voice"):
        first_prompt("voice", mask)


def test_corrections_are_in_the_middle_of_the_larger_error():
    truth, mask = square(20), square(20)
    mask[10:22, 20:24] = False  # 4 wide is missed
    mask[30:38, 40:48] = True  # 8 wide is too much
    click = corrective_click(mask, truth)
    assert click.labels.tolist() == [0]
    assert mask[tuple(click.points[0].astype(int)[::-1])]
    mask[30:38, 40:48] = False
    click = corrective_click(mask, truth)
    assert click.labels.tolist() == [1]
    assert (truth & ~mask)[tuple(click.points[0].astype(int)[::-1])]
    with pytest.raises(ValueError, match="nothing to correct"):
        corrective_click(truth, truth)


@pytest.mark.parametrize("seed", [14, 30, 38])
def test_of_equally_deep_pixels_the_first_is_clicked(seed):
    """OpenCV's distances of two such pixels may differ in the last bit, by the array's address."""
    noise = cv2.GaussianBlur(np.random.default_rng(seed).normal(size=(64, 64)), (0, 0), 3)
    kept, points = [], set()
    for size in range(60):
        kept.append(np.empty(size * 997 + 1, np.uint8))
        points.add(inner_point(noise > 0))
    assert len(points) == 1
