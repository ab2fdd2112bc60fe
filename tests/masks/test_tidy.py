"""Small parts are removed and small holes filled as counting connected components says."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sam2track.masks import sharpen, tidy, upscale
from sam2track.masks.regions import FILLED


def kept_by_counting(mask: np.ndarray, area: int) -> np.ndarray:
    """The mask without 8-connected parts of at most ``area`` pixels, holes in them counted in."""
    count, labels = cv2.connectedComponents(mask.astype(np.uint8))
    areas = np.array([filled(labels == part).sum() for part in range(1, count)])
    for part, own in enumerate(areas, 1):
        if own <= area and own < areas.max():
            mask = mask & (labels != part)
    return mask


def holes_by_counting(mask: np.ndarray, area: int) -> np.ndarray:
    """The 4-connected holes of at most ``area`` pixels, with what lies in them."""
    padded = np.pad((~mask).astype(np.uint8), 1, constant_values=1)
    count, labels = cv2.connectedComponents(padded, connectivity=4)
    found = np.zeros_like(mask)
    for hole in set(range(1, count)) - {labels[0, 0]}:
        whole = filled((labels == hole)[1:-1, 1:-1], 8)
        if whole.sum() <= area:
            found |= whole
    return found


def filled(part: np.ndarray, connectivity: int = 4) -> np.ndarray:
    """A connected part with its holes: what the background around it does not reach."""
    padded = np.pad((~part).astype(np.uint8), 1, constant_values=1)
    _, labels = cv2.connectedComponents(padded, connectivity=connectivity)
    return (labels != labels[0, 0])[1:-1, 1:-1]


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10**6), st.floats(0.02, 0.9), st.integers(0, 12), st.integers(0, 12))
def test_tidy(seed, share, speck_area, hole_area):
    mask = np.random.default_rng(seed).random((17, 23)) < share
    value = np.where(mask, 0.5, -0.5).astype(np.float32)
    tidy(value, speck_area, hole_area)
    # What lies in a removed part's hole is at most as large and goes with it.
    kept = kept_by_counting(mask, speck_area)
    # Holes of removed parts are not filled.
    holes = holes_by_counting(mask, hole_area) & holes_by_counting(kept, mask.size)
    assert np.array_equal(value > 0, kept | holes)
    assert (value[kept] == 0.5).all()
    assert set(np.unique(value)) <= {-1, -0.5, np.float32(FILLED), 0.5}


def test_the_largest_part_stays_however_small():
    value = np.full((20, 20), -1, np.float32)
    value[3, 3:5], value[10, 10] = 1, 1
    tidy(value, 50)
    assert np.argwhere(value > 0).tolist() == [[3, 3], [3, 4]]


@pytest.mark.parametrize("draw", [
    lambda logits, area: upscale(logits, (80, 120), area),
    lambda logits, area: sharpen(logits, np.full((80, 120, 3), 128, np.uint8), area),
])  # fmt: skip
def test_an_area_is_given_in_pixels_of_the_logits(draw):
    logits = torch.full((2, 16, 16), -4.0)
    logits[:, 2:8, 2:8] = 4.0
    logits[1, 12, 12] = 4.0  # about one cell: 37 pixels
    for area, there in ((0, True), (0.2, True), (3, False)):
        drawn = draw(logits, area)
        assert bool(drawn.masks[1, 60:, 80:].any()) is there
        assert bool((drawn.owner[60:, 80:] == 1).any()) is there
        assert drawn.masks[0].any()
    assert torch.equal(draw(logits, 0).masks[0], draw(logits, 3).masks[0])


def test_an_empty_mask_stays_empty():
    value = np.full((9, 9), -1, np.float32)
    tidy(value, 5)
    assert (value == -1).all()
