"""Boxes around masks."""

from __future__ import annotations

import numpy as np
import pytest

from sam2track.masks.boxes import main_box, mask_box


@pytest.fixture
def mask():
    """A square with a spike of one row, a speck far away, and a second piece."""
    mask = np.zeros((100, 120), bool)
    mask[20:60, 30:70] = True
    mask[40, 70:75] = True
    mask[95:98, 110:113] = True
    return mask


def test_specks_and_spikes_do_not_enlarge_the_main_box(mask):
    assert mask_box(mask) == (30, 20, 113, 98)
    assert main_box(mask, 0.01) == (30, 20, 70, 60)
    assert main_box(mask, 0.001) == (30, 20, 74, 60)  # a pixel of 1,605 may be outside


def test_large_pieces_stay(mask):
    mask[70:90, 30:70] = True  # half as large
    assert main_box(mask, 0.01) == (30, 20, 70, 90)


def test_without_trimming_the_box_holds_the_whole_mask(mask):
    assert main_box(mask, 0) == mask_box(mask)


def test_an_empty_mask_has_no_main_box():
    assert main_box(np.zeros((4, 5), bool), 0.01) is None
    one = np.zeros((4, 5), bool)
    one[1, 2] = True
    assert main_box(one, 0.01) == (2, 1, 3, 2)
