"""Run lengths are those of pycocotools, also where only the columns of the box are searched."""

from __future__ import annotations

import numpy as np
import pytest
from pycocotools import mask as coco

from sam2track.masks import decode_runs, encode_runs, mask_box

SIZE = 9, 13
CORNERS = [(0, 0), (0, 12), (8, 0), (8, 12), (4, 6)]
MASKS = [
    *((np.random.default_rng(seed).random(SIZE) < seed / 20) for seed in range(1, 20)),
    *(np.arange(9 * 13).reshape(SIZE) == y * 13 + x for y, x in CORNERS),
    np.ones(SIZE, bool),
]


@pytest.mark.parametrize("mask", MASKS)
def test_box_changes_nothing(mask):
    expected = str(coco.encode(np.asfortranarray(mask, np.uint8))["counts"], "ascii")
    for box in (None, mask_box(mask), (0, 0, SIZE[1], SIZE[0])):
        runs = encode_runs(mask, box)
        assert runs == {"size": list(SIZE), "counts": expected}
        assert np.array_equal(decode_runs(runs, "here"), mask)
