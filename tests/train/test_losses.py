"""Losses on cases worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch

from sam2track.train.losses import (
    Losses,
    dice_loss,
    focal_loss,
    mask_iou,
    prediction_losses,
)
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


@pytest.mark.parametrize("best", [0, 1, 2])
def test_only_the_best_mask_is_supervised_and_every_score(best):
    truth = torch.zeros(1, 4, 4)
    truth[:, :2] = 1
    candidates = three(best)
    losses = prediction_losses(candidates, truth)
    losses.total().sum().backward()
    touched = candidates.masks.grad.abs().sum((0, 2, 3)) > 0
    assert touched.nonzero().flatten().tolist() == [best]
    assert losses.iou.item() == pytest.approx((0.5 + 0.5 + 0.5) / 3)  # IoUs are 1, 0, 0
    assert losses.presence.item() == pytest.approx(math.log(2))


def test_an_absent_object_counts_for_presence_alone():
    losses = prediction_losses(three(0), torch.zeros(1, 4, 4))
    assert losses.focal.item() == losses.dice.item() == losses.iou.item() == 0
    assert losses.presence.item() > 0


def test_weights_of_the_terms():
    one = torch.ones(1)
    assert Losses(one, one, one, one).total().item() == 23
