"""Losses on cases worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch

from sam2track.train.losses import Losses, dice_loss, focal_loss, mask_iou, prediction_losses
from sam2track.types import Candidates


def test_focal_of_one_pixel():
    for logit, true in ((0.0, 1.0), (2.0, 1.0), (2.0, 0.0)):
        p = 1 / (1 + math.exp(-logit))
        right = p if true else 1 - p
        expected = -(0.25 if true else 0.75) * (1 - right) ** 2 * math.log(right)
        loss = focal_loss(torch.tensor([[logit]]), torch.tensor([[true]]))
        assert loss.item() == pytest.approx(expected, rel=1e-5)


def test_dice():
    logits = torch.full((2, 2), 100.0)
    truth = torch.tensor([[1.0, 1.0], [0.0, 0.0]])
    assert dice_loss(logits, truth).item() == pytest.approx(1 - (2 * 2 + 1) / (4 + 2 + 1))
    assert dice_loss(-logits, torch.zeros(2, 2)).item() == pytest.approx(0, abs=1e-6)


def test_iou_of_masks():
    logits = torch.tensor([[1.0, 1.0], [-1.0, -1.0]])
    assert mask_iou(logits, torch.tensor([[1.0, 0.0], [1.0, 0.0]])).item() == pytest.approx(1 / 3)
    assert mask_iou(-torch.ones(2, 2), torch.zeros(2, 2)).item() == 1


def three(best: int) -> Candidates:
    truth = torch.zeros(4, 4)
    truth[:2] = 1
    masks = torch.full((1, 3, 4, 4), -8.0)
    masks[0, best] = (2 * truth - 1) * 8
    return Candidates(
        masks.requires_grad_(), torch.full((1, 3), 0.5), torch.zeros(1, 3, 2), torch.zeros(1, 1)
    )


def upper_half() -> torch.Tensor:
    truth = torch.zeros(1, 4, 4, dtype=torch.bool)
    truth[:, :2] = True
    return truth


@pytest.mark.parametrize("best", [0, 1, 2])
def test_only_the_best_mask_is_supervised_and_every_score(best):
    candidates = three(best)
    losses = prediction_losses(candidates, upper_half())
    losses.total().sum().backward()
    touched = candidates.masks.grad.abs().sum((0, 2, 3)) > 0
    assert touched.nonzero().flatten().tolist() == [best]
    assert losses.iou.item() == pytest.approx((0.5 + 0.5 + 0.5) / 3)  # IoUs are 1, 0, 0
    assert losses.presence.item() == pytest.approx(math.log(2))


def test_the_whole_loss_is_the_papers():
    """20 focal + 1 dice + 1 IoU + 1 presence, each written out (2408.00714, appendix D.2)."""
    torch.manual_seed(0)
    masks, scores, presence = torch.randn(2, 3, 6, 6), torch.rand(2, 3), torch.randn(2, 1)
    truth = torch.rand(2, 6, 6) > 0.6
    found = prediction_losses(Candidates(masks, scores, torch.zeros(2, 3, 2), presence), truth)
    for row in range(2):
        terms = []
        for mask, score in zip(masks[row].tolist(), scores[row].tolist(), strict=True):
            p = [1 / (1 + math.exp(-x)) for line in mask for x in line]
            t = [bool(x) for line in truth[row].tolist() for x in line]
            focal = sum(
                -(0.25 if y else 0.75)
                * (1 - (q if y else 1 - q)) ** 2
                * math.log(q if y else 1 - q)
                for q, y in zip(p, t, strict=True)
            ) / len(p)
            both = sum(q for q, y in zip(p, t, strict=True) if y)
            dice = 1 - (2 * both + 1) / (sum(p) + sum(t) + 1)
            inter = sum(q > 0.5 and y for q, y in zip(p, t, strict=True))
            union = sum(q > 0.5 or y for q, y in zip(p, t, strict=True))
            terms.append((20 * focal + dice, abs(score - inter / union)))
        there = math.log(1 + math.exp(-presence[row].item()))
        expected = min(term[0] for term in terms) + sum(term[1] for term in terms) / 3 + there
        assert found.total()[row].item() == pytest.approx(expected, rel=1e-4)


def test_masks_may_be_compared_at_a_stride():
    """The truth is averaged, so half a pixel counts half; the masks are brought to its size."""
    truth = torch.zeros(1, 8, 8, dtype=torch.bool)
    truth[:, :, :3] = True
    masks = torch.randn(1, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    candidates = Candidates(masks, torch.zeros(1, 1), torch.zeros(1, 1, 2), torch.zeros(1, 1))
    coarse = torch.tensor([1.0, 0.5, 0.0, 0.0]).expand(4, 4)
    losses = prediction_losses(candidates, truth, stride=2)
    assert losses.focal.item() == pytest.approx(focal_loss(masks[0, 0], coarse).item())
    assert losses.dice.item() == pytest.approx(dice_loss(masks[0, 0], coarse).item())


def test_an_absent_object_counts_for_presence_alone():
    nothing = torch.zeros(1, 4, 4, dtype=torch.bool)
    losses = prediction_losses(three(0), nothing)
    assert losses.focal.item() == losses.dice.item() == losses.iou.item() == 0
    assert losses.presence.item() > 0


def test_an_object_of_one_pixel_is_present_at_any_stride():
    truth = torch.zeros(1, 8, 8, dtype=torch.bool)
    truth[0, 3, 3] = True
    assert prediction_losses(three(0), truth, stride=4).dice.item() > 0


def test_weights_of_the_terms():
    one = torch.ones(1)
    assert Losses(one, one, one, one).total().item() == 23
