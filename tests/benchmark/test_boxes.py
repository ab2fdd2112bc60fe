"""Boxes keep a part of the margins that a person's box has."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
import torch

from sam2track import Frame
from sam2track.benchmark import boxes
from sam2track.benchmark.boxes import BoxRule, with_margins
from sam2track.types import FrameResult

FOUND = np.array([[20.0, 30, 40, 20], [22, 30, 80, 20], [np.nan] * 4])


@pytest.mark.parametrize(
    ("given", "share", "wanted"),
    [
        ([16, 28, 48, 24], 0, FOUND[1]),
        ([16, 28, 48, 24], 1, [22 - 8, 30 - 2, 80 + 16, 20 + 4]),  # a tenth on every side
        ([16, 28, 48, 24], 0.5, [22 - 4, 30 - 1, 80 + 8, 20 + 2]),
        ([24, 30, 32, 20], 0.5, [22 + 4, 30, 80 - 8, 20]),  # the mask is larger than the box
        ([0, 30, 60, 20], 1, [22 - 8, 30, 80 + 8, 20]),  # half a side: no more than a tenth
    ],
)
def test_margins_scale_with_the_box(given, share, wanted):
    boxes = with_margins(FOUND, np.array(given, float), share)
    np.testing.assert_allclose(boxes[1], wanted)
    assert np.isnan(boxes[2]).all()


def test_without_a_first_mask_boxes_stay():
    np.testing.assert_array_equal(with_margins(FOUND[::-1], np.ones(4), 0.5), FOUND[::-1])


@dataclass
class Boxes:
    """Black frames with a box on each."""

    name: str = "boxes"
    boxes: np.ndarray = field(default_factory=lambda: np.full((2, 4), 30.0))

    def __len__(self):
        return 2

    def frame(self, index):
        return Frame(index, np.zeros((100, 120, 3), np.uint8))


def result(index):
    """A square that moves, and from the second frame on a speck far away."""
    mask = torch.zeros(1, 100, 120, dtype=torch.bool)
    mask[:, 20:60, 30 + index : 70 + index] = True
    mask[:, 95:98, 110:113] = index > 0
    one, owner = torch.ones(1), torch.zeros(100, 120).int()
    return FrameResult(index, (1,), mask, owner, one, one, torch.zeros(1, 4, 4))


@pytest.mark.parametrize(("trim", "wanted"), [(0.01, [31, 20, 40, 40]), (0, [31, 20, 82, 78])])
def test_specks_count_only_without_trimming(trim, wanted, monkeypatch):
    monkeypatch.setattr(boxes, "track", lambda *_: ((k, result(k)) for k in range(2)))
    found, sure = boxes.track_box(lambda length: None, Boxes(), BoxRule(0, trim))
    assert found.tolist() == [[30] * 4, wanted]
    assert ((sure > 0.7) & (sure < 0.8)).all()  # presence at the logit 1
