"""Holes are filled exactly as counting connected components says."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from sam2track.masks.regions import FILLED, fill_holes, small_holes
from sam2track.masks.upscaling import VideoMasks, concatenate, upscale


def holes_by_counting(background: np.ndarray, area: int) -> np.ndarray:
    """8-connected background regions of at most ``area`` pixels, by OpenCV."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(background.astype(np.uint8), None, None)
    small = stats[:, cv2.CC_STAT_AREA] <= area
    small[0] = False  # the foreground
    return small[labels]


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10**6), st.floats(0.02, 0.98), st.integers(1, 12))
def test_holes(seed, share, area):
    rng = np.random.default_rng(seed)
    background = rng.random((2, 17, 23)) < share
    logits = torch.from_numpy(np.where(background, -3.0, 3.0)).float()
    filled = fill_holes(logits, area)
    for plane, result in zip(background, filled.numpy(), strict=True):
        expected = holes_by_counting(plane, area)
        assert np.array_equal(result == np.float32(FILLED), expected)
    # What other devices use gives the same.
    assert torch.equal(small_holes(logits <= 0, area), filled == FILLED)


def test_zero_leaves_holes():
    logits = torch.full((1, 5, 5), 2.0)
    logits[0, 2, 2] = -1.0
    assert torch.equal(fill_holes(logits, 0), logits)
    assert (fill_holes(logits, 1) > 0).all()


@pytest.mark.parametrize("count", [1, 3])
def test_owner_is_the_highest(count):
    logits = torch.randn(count, 6, 6)
    drawn = upscale(logits, (6, 6))
    masks, owner = drawn.masks, drawn.owner
    assert torch.equal(masks, logits > 0)
    highest, which = logits.max(0)
    assert torch.equal(owner.long(), torch.where(highest > 0, which, -1))


@pytest.mark.parametrize("size", [(48, 64), (101, 75), (8, 8), (10, 7)])
def test_enlarged_as_pytorch_does(size):
    low = torch.randn(3, 16, 16)
    full = F.interpolate(low[None], size, mode="bilinear")[0]
    clear = full.abs() > 1e-4
    drawn = upscale(low, size)
    masks, owner = drawn.masks, drawn.owner
    assert torch.equal(masks[clear], (full > 0)[clear])
    highest, which = full.max(0)
    assert (owner != torch.where(highest > 0, which, -1)).float().mean() < 1e-3


@pytest.mark.parametrize("counts", [[5], [2, 3], [1, 1, 3]])
def test_objects_drawn_apart_are_as_drawn_together(counts):
    low = torch.randn(5, 16, 16)
    together, apart = upscale(low, (40, 50)), low.split(counts)
    parts = concatenate([upscale(share, (40, 50)) for share in apart])
    assert torch.equal(parts.masks, together.masks)
    assert torch.equal(parts.owner, together.owner)
    assert torch.equal(parts.confidence, together.confidence)


def test_drawn_onto_a_part_of_a_picture():
    torch.manual_seed(0)
    logits, drawn = torch.randn(3, 8, 8), VideoMasks.over(torch.zeros(4, 30, 40, dtype=torch.bool))
    left, right = (slice(0, 30), slice(0, 24)), (slice(5, 25), slice(16, 40))
    upscale(logits[:2], (30, 24), onto=drawn.part(left), rows=[3, 1])
    upscale(logits[2:], (20, 24), onto=drawn.part(right), rows=[0])
    alone, other = upscale(logits[:2], (30, 24)), upscale(logits[2:], (20, 24))
    assert torch.equal(drawn.masks[[3, 1], :, :24], alone.masks)
    assert torch.equal(drawn.masks[0][right], other.masks[0])
    assert drawn.masks.sum() == alone.masks.sum() + other.masks.sum()
    confidence = torch.zeros(2, 30, 40)
    confidence[0, :, :24], confidence[1][right] = alone.confidence, other.confidence
    assert torch.equal(drawn.confidence, confidence.amax(0))
    owned = torch.full((2, 30, 40), -1, dtype=torch.int16)
    owned[0, :, :24] = torch.tensor([3, 1, -1], dtype=torch.int16)[alone.owner.long()]
    owned[1][right] = torch.tensor([0, -1], dtype=torch.int16)[other.owner.long()]
    expected = torch.where(confidence[1] > confidence[0], owned[1], owned[0])
    assert torch.equal(drawn.owner, expected)
    pasted = VideoMasks.over(torch.zeros(4, 30, 40, dtype=torch.bool))  # as on other devices
    pasted.part(left).put(alone, [3, 1])
    pasted.part(right).put(other, [0])
    for name in ("masks", "owner", "confidence"):
        assert torch.equal(getattr(pasted, name), getattr(drawn, name))
