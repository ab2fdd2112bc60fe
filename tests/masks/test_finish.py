"""A finish fills holes, removes specks and sharpens as its parts do."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sam2track import Rendering
from sam2track.masks import COARSE, FINE, PLAIN, Finish, fill_holes, sharpen, upscale

PICTURE = np.random.default_rng(0).integers(0, 255, (80, 120, 3), dtype=np.uint8)


def ring() -> torch.Tensor:
    """A square of 12 x 12 cells with a hole of four, and a speck beside it."""
    logits = torch.full((1, 20, 20), -4.0)
    logits[0, 3:15, 3:15], logits[0, 8:10, 8:10], logits[0, 18, 18] = 4.0, -4.0, 4.0
    return logits


@pytest.mark.parametrize(
    ("finish", "hole", "speck"),
    [
        (PLAIN, True, True),
        (FINE, False, True),
        (Finish(3), True, True),
        (Finish(0, 4), True, False),
    ],
)
def test_a_finish_without_sharp_edges(finish, hole, speck):
    drawn = finish.draw(ring(), PICTURE)
    assert torch.equal(
        drawn.masks,
        upscale(fill_holes(ring(), finish.hole_area), (80, 120), finish.speck_area).masks,
    )
    assert bool(drawn.masks[0, 36, 54]) is not hole
    assert bool(drawn.masks[0, 70:, 100:].any()) is speck


def test_small_holes_that_sharpening_makes_are_filled():
    logits = ring()
    logits[0, 8:10, 8:10] = 0.2
    dark = np.full((80, 120, 3), 220, np.uint8)
    dark[12:60, 18:90] = 60
    dark[32:36, 48:56] = 220  # looks like what is around the object
    assert not sharpen(logits, dark).masks[0, 32:36, 48:56].all()
    assert Finish(20, sharp=True).draw(logits, dark).masks[0, 13:59, 19:89].all()
    assert not Finish(0, sharp=True).draw(logits, dark).masks[0, 32:36, 48:56].all()
    logits[0, 6:12, 6:12] = 0.2
    dark[28:44, 42:66] = 220  # 16 cells: as likely a gap
    left = Finish(20, sharp=True).draw(logits, dark).masks[0, 30:42, 44:64]
    assert not left.all()


def test_where_masks_are_made():
    assert not FINE.on_host
    assert COARSE.on_host
    assert Finish(speck_area=0.1).on_host


def test_what_is_not_said_suits_the_model():
    assert Rendering().finish(coarse=True) == COARSE
    assert Rendering().finish(coarse=False) == FINE
    assert Rendering(0, 0, False).finish(coarse=True) == PLAIN
    assert Rendering(3, sharpen=True).finish(coarse=False) == Finish(3, 0, True)
