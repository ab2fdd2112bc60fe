"""Mistakes in memory."""

from __future__ import annotations

import numpy as np
import torch

from sam2track.train.memory_noise import Mistake


def square() -> torch.Tensor:
    logits = torch.full((64, 64), -4.0)
    logits[20:40, 20:40] = 4.0
    return logits


def test_a_part_on_one_side_is_cut_off():
    kept = Mistake(start=1, added=False, angle=0.0, amount=0.3)(square(), 2)
    assert not (kept[:, 35:] > 0).any()
    assert (kept[20:40, 20:33] > 0).all()
    assert 0.6 <= (kept > 0).sum() / 400 <= 0.8


def test_a_region_beside_the_object_is_added():
    kept = Mistake(start=1, added=True, angle=np.pi / 2, amount=0.3)(square(), 2)
    assert (kept[20:40, 20:40] > 0).all()
    assert (kept[41:46, 28:32] > 0).all()
    assert not (kept[:18] > 0).any()


def test_nothing_changes_before_it_starts_and_without_an_object():
    mistake = Mistake(start=3, added=False, angle=0.0, amount=0.3)
    assert torch.equal(mistake(square(), 2), square())
    empty = torch.full((64, 64), -4.0)
    assert torch.equal(mistake(empty, 4), empty)


def test_a_share_of_the_rows_gets_one_but_not_in_very_short_clips():
    random = np.random.default_rng(0)
    drawn = [Mistake.draw(0.4, 6, random) for _ in range(200)]
    assert 50 < sum(mistake is not None for mistake in drawn) < 110
    assert all(1 <= mistake.start < 5 for mistake in drawn if mistake)
    assert Mistake.draw(1.0, 2, random) is None
