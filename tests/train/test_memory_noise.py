"""Mistakes in memory."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from moving import batch_of
from tiny import TINY

from sam2track.model.sam2 import SAM2
from sam2track.prompts.simulated_user import PromptMix
from sam2track.train.memory_noise import Mistake, put_mistakes
from sam2track.train.rollout import Rollout, RolloutOptions


def changed(mistake: Mistake, logits: torch.Tensor, index: int) -> torch.Tensor:
    """The logits with the mistake, between two rows without one."""
    first, middle, last = put_mistakes(logits.expand(3, -1, -1), [None, mistake, None], index)
    assert torch.equal(first, logits)
    assert torch.equal(last, logits)
    return middle


def square() -> torch.Tensor:
    logits = torch.full((64, 64), -4.0)
    logits[20:40, 20:40] = 4.0
    return logits


def test_a_part_on_one_side_is_cut_off():
    kept = changed(Mistake(start=1, added=False, angle=0.0, amount=0.3), square(), 2)
    assert not (kept[:, 35:] > 0).any()
    assert (kept[20:40, 20:33] > 0).all()
    assert 0.6 <= (kept > 0).sum() / 400 <= 0.8


def test_a_region_beside_the_object_is_added():
    kept = changed(Mistake(start=1, added=True, angle=np.pi / 2, amount=0.3), square(), 2)
    assert (kept[20:40, 20:40] > 0).all()
    assert (kept[41:46, 28:32] > 0).all()
    assert not (kept[:18] > 0).any()


def test_nothing_changes_before_it_starts_and_without_an_object():
    mistake = Mistake(start=3, added=False, angle=0.0, amount=0.3)
    assert torch.equal(changed(mistake, square(), 2), square())
    empty = torch.full((64, 64), -4.0)
    assert torch.equal(changed(mistake, empty, 4), empty)


def test_a_share_of_the_rows_gets_one_but_not_in_very_short_clips():
    random = np.random.default_rng(0)
    drawn = [Mistake.draw(0.4, 6, random) for _ in range(200)]
    assert 50 < sum(mistake is not None for mistake in drawn) < 110
    assert all(1 <= mistake.start < 5 for mistake in drawn if mistake)
    assert Mistake.draw(1.0, 2, random) is None


def test_a_rollout_memorises_mistakes_of_tracked_frames_only(monkeypatch: pytest.MonkeyPatch):
    mix = PromptMix(mask=1, box=0, click=0, anchors=1, corrected=0)
    model, memorised = SAM2(TINY).eval(), {}
    options = RolloutOptions(mix, memory_noise=1.0)
    rollout = Rollout(model, batch_of(), options, seed=(0, 1))
    assert all(mistake.start == 1 for mistake in rollout.mistakes)  # of three frames
    monkeypatch.setattr(
        "sam2track.train.rollout.put_mistakes", lambda logits, mistakes, index: logits + index
    )
    memorise = model.memorise

    def spy(features, resolved, *, index, from_prompt):
        memorised[index] = resolved.logits
        return memorise(features, resolved, index=index, from_prompt=from_prompt)

    monkeypatch.setattr(model, "memorise", spy)
    with torch.no_grad():
        rollout.run()
    for index, prediction in rollout.predictions.items():
        added = 0 if prediction.prompts else index
        torch.testing.assert_close(memorised[index], prediction.logits + added)
    assert sorted(memorised) == [0, 1, 2]


def test_without_noise_predictions_are_memorised():
    assert not any(Rollout(SAM2(TINY), batch_of(), RolloutOptions(), seed=(0, 1)).mistakes)
