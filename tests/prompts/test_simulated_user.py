"""What a simulated user says about a mask; in training, where it clicks and on which frames."""

from __future__ import annotations

from collections import Counter

import cv2
import numpy as np
import pytest
import torch
from moving import batch_of
from tiny import TINY

from sam2track.model.sam2 import SAM2
from sam2track.prompts.simulated_user import (
    PromptMix,
    PromptPlan,
    corrected_tokens,
    corrective_click,
    first_prompt,
    first_tokens,
    inner_point,
)
from sam2track.train.rollout import Rollout, RolloutOptions

SIZE, SIDE = (40, 60), 32


def block(x, y=10, side=12):
    mask = np.zeros(SIZE, bool)
    mask[y : y + side, x : x + side] = True
    return mask


def test_first_prompts():
    mask = block(20)
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
    truth, mask = block(20), block(20)
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


def square(y: int, x: int, side: int = 8) -> torch.Tensor:
    mask = torch.zeros(1, SIDE, SIDE, dtype=torch.bool)
    mask[:, y : y + side, x : x + side] = True
    return mask


def logits_of(mask: torch.Tensor) -> torch.Tensor:
    return (mask.float()[:, None, ::4, ::4] * 20 - 10).contiguous()


def generators(seed: int) -> list[np.random.Generator]:
    return [np.random.default_rng(seed)]


def test_kinds_come_as_often_as_the_paper_says():
    mix, model, clips = PromptMix(), SAM2(TINY), batch_of(clips=20)
    kinds: Counter[int] = Counter()
    for step in range(20):
        kinds.update(Rollout(model, clips, RolloutOptions(mix), seed=(0, step)).kinds.tolist())
    share = np.array([kinds[kind] for kind in range(3)]) / kinds.total()
    assert share == pytest.approx([0.5, 0.25, 0.25], abs=0.06)


def test_plans_have_one_or_two_anchors_and_up_to_two_corrected_frames():
    random = np.random.default_rng(0)
    plans = [PromptPlan.draw(PromptMix(), 8, random) for _ in range(400)]
    assert {len(plan.anchors) for plan in plans} == {1, 2}
    assert all(plan.anchors[0] == 0 for plan in plans)
    assert all(0 in plan.corrected and len(plan.corrected) <= 2 for plan in plans)
    assert {frame for plan in plans for frame in plan.corrected} == set(range(8))
    assert all(set(plan.anchors) <= plan.corrected for plan in plans if len(plan.anchors) == 2)
    alone = [plan for plan in plans if len(plan.anchors) == 1]
    assert {len(plan.corrected) for plan in alone} == {1, 2}


def test_plans_can_be_cheaper():
    random = np.random.default_rng(0)
    mix = PromptMix(anchors=1, corrected=1, correct=0.25)
    plans = [PromptPlan.draw(mix, 5, random) for _ in range(400)]
    assert {plan.anchors for plan in plans} == {(0,)}
    assert {plan.corrected for plan in plans} == {frozenset(), frozenset({0})}
    assert np.mean([bool(plan.corrected) for plan in plans]) == pytest.approx(0.25, abs=0.07)
    assert PromptPlan.draw(PromptMix(corrected=0), 5, random).corrected == frozenset()


def test_one_frame_has_one_anchor():
    for seed in range(20):
        plan = PromptPlan.draw(PromptMix(anchors=3, corrected=3), 1, np.random.default_rng(seed))
        assert (plan.anchors, plan.corrected) == ((0,), frozenset({0}))


def test_clicks_fall_inside_and_in_the_middle_if_asked():
    mask = square(4, 6)
    seen = set()
    for seed in range(60):
        tokens = first_tokens("click", mask, generators(seed), PromptMix())
        x, y = (int(value) for value in tokens.coords[0, 0])
        assert mask[0, y, x]
        assert tokens.labels.tolist() == [[1]]
        seen.add((x, y))
    assert len(seen) > 30
    middle = inner_point(mask[0].numpy())
    assert middle in {(x, y) for x in (9.0, 10.0) for y in (7.0, 8.0)}


def test_boxes_are_off_by_a_tenth_of_a_side_at_most():
    edges = []
    for seed in range(200):
        tokens = first_tokens("box", square(10, 12, 10), generators(seed), PromptMix())
        assert tokens.labels.tolist() == [[2, 3]]
        edges.append(tokens.coords.flatten().numpy() - [12, 10, 21, 19])
    assert np.abs(edges).max() <= 1.0
    assert np.abs(edges).max(axis=0).min() > 0.5
    exact = first_tokens("box", square(10, 12, 10), generators(0), PromptMix(jitter=0.0))
    assert exact.coords.flatten().tolist() == [12, 10, 21, 19]


def test_corrections_fall_where_the_mask_is_wrong():
    truth = square(0, 0, 16)
    for shown, label in ((square(0, 0, 8), 1), (square(0, 0, 28), 0)):
        for seed in range(20):
            mix = PromptMix(truth=0.0)
            tokens = corrected_tokens(None, logits_of(shown), truth, generators(seed), mix)
            x, y = (int(value) for value in tokens.coords[0, 0])
            assert tokens.labels.tolist() == [[label]]
            assert bool(truth[0, y, x]) == bool(label)
            assert tokens.mask is not None
            assert torch.equal(tokens.mask, logits_of(shown))


def test_corrections_in_evaluation_fall_where_the_error_is_deepest():
    truth = torch.zeros(1, SIDE, SIDE, dtype=torch.bool)
    truth[:, 8:24, 8:24] = True
    nothing = torch.full((1, 1, 8, 8), -10.0)
    for seed in range(5):
        mix = PromptMix(truth=0.0, centre=1.0)
        tokens = corrected_tokens(None, nothing, truth, generators(seed), mix)
        assert np.abs(tokens.coords.flatten().numpy() - 15.5).max() <= 0.5


def test_some_corrections_come_from_the_truth_whatever_was_predicted():
    truth = square(0, 0, 16)
    wide = logits_of(square(0, 0, 28))
    labels = [
        corrected_tokens(None, wide, truth, generators(seed), PromptMix()).labels.item()
        for seed in range(300)
    ]
    assert np.mean(labels) == pytest.approx(0.1, abs=0.05)  # all others are off the object


def test_a_perfect_mask_is_confirmed_off_the_object():
    truth = torch.zeros(1, SIDE, SIDE, dtype=torch.bool)
    nothing = torch.full((1, 1, 8, 8), -10.0)
    tokens = corrected_tokens(None, nothing, truth, generators(0), PromptMix())
    assert tokens.labels.tolist() == [[0]]


def test_clicks_add_up():
    truth, shown = square(0, 0, 16), logits_of(square(0, 0, 8))
    first = first_tokens("click", truth, generators(0), PromptMix())
    both = corrected_tokens(first, shown, truth, generators(1), PromptMix())
    assert both.coords.shape == (1, 2, 2)
    assert torch.equal(both.coords[:, :1], first.coords)


def test_every_step_of_the_interaction_has_losses():
    """A click and seven corrections on the first frame, then tracking, then seven corrections."""
    mix = PromptMix(mask=0, box=0, click=1, anchors=1, corrected=2)
    model, clips = SAM2(TINY).eval(), batch_of(frames=3)
    for step in range(20):
        rollout = Rollout(model, clips, RolloutOptions(mix), seed=(0, step))
        if len(rollout.plan.corrected) == 2:
            break
    with torch.no_grad():
        rollout.run()
    later = max(rollout.plan.corrected)
    counts = Counter(frame for frame, _ in rollout.losses)
    assert counts == {0: 8, later: 8, 3 - later: 1}
    assert {memory.recall(2, 1)[0].shape[0] for memory in rollout.memories} == {2}


def test_a_late_anchor_is_known_to_the_frames_before_it():
    """And on one where an object is absent, the user says so with an empty mask."""
    mix = PromptMix(mask=0, box=0.5, click=0.5, anchors=2, corrected=0)
    model, clips = SAM2(TINY).eval(), batch_of(frames=4, leaving=True)
    for step in range(20):
        rollout = Rollout(model, clips, RolloutOptions(mix), seed=(0, step))
        if len(rollout.plan.anchors) == 2:
            break
    with torch.no_grad():
        rollout.run()
    late = rollout.plan.anchors[1]
    assert all(set(memory.bank.anchors) == {0, late} for memory in rollout.memories)
    kinds = {
        row: tokens for rows, tokens in rollout.predictions[late].prompts for row in rows.tolist()
    }
    absent = (~rollout.truth[:, late].flatten(1).any(1)).tolist()
    assert [kinds[row] is None for row in range(4)] == absent
    assert 0 < sum(absent) < 4
