"""Masks as one closed line."""

import cv2
import numpy as np
import pytest
from exchange_samples import odd_masks
from hypothesis import given, settings
from hypothesis.extra.numpy import array_shapes, arrays

from sam2track.annotate.exchange.rings import centre_ring, edge_ring, fill_centres, fill_edges

masks = arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=12)).filter(np.any)


@given(mask=masks)
@settings(max_examples=200, deadline=None, derandomize=True)
def test_a_line_along_edges_keeps_every_mask(mask):
    np.testing.assert_array_equal(fill_edges(edge_ring(mask), mask.shape), mask)


@given(mask=masks)
@settings(max_examples=200, deadline=None, derandomize=True)
def test_a_line_through_centres_keeps_masks_of_one_part(mask):
    parts = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)[0]
    drawn = fill_centres(centre_ring(mask), mask.shape)
    assert (drawn | mask == drawn).all()  # parts are joined, nothing is lost
    if parts == 2:
        np.testing.assert_array_equal(drawn, mask)


@pytest.mark.parametrize("name", odd_masks())
def test_a_line_has_at_least_three_points(name):
    mask = odd_masks()[name]
    assert len(centre_ring(mask)) >= 3
    assert len(edge_ring(mask)) >= 3


def test_an_empty_mask_has_no_line():
    with pytest.raises(ValueError, match="an empty mask has no outline"):
        edge_ring(np.zeros((3, 4), bool))
