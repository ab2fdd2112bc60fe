"""The losses of a prediction (SAM 2, 2408.00714, appendix D.2).

Candidates and true masks go in, one number per row and term comes out. Only the best candidate mask
is supervised, but all predicted IoUs. The weights are 20 for focal loss
(1708.02002), and 1 each for dice (1606.04797), predicted IoU and presence.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from ..types import Candidates

FOCAL, DICE, IOU, PRESENCE = 20.0, 1.0, 1.0, 1.0
ALPHA, GAMMA = 0.25, 2.0  # of the focal loss: weight of the object's pixels, exponent of the error
LOSS_TERMS = ("focal", "dice", "iou", "presence")


@dataclass(frozen=True, slots=True, eq=False)
class Losses:
    """Each term of each row, without weights. All but presence are 0 where the object is absent."""

    focal: Float[Tensor, " R"]
    dice: Float[Tensor, " R"]
    iou: Float[Tensor, " R"]
    presence: Float[Tensor, " R"]

    def total(self) -> Float[Tensor, " R"]:
        """The weighted sum."""
        return FOCAL * self.focal + DICE * self.dice + IOU * self.iou + PRESENCE * self.presence


def focal_loss(
    logits: Float[Tensor, "*batch H W"], truth: Float[Tensor, "*batch H W"]
) -> Float[Tensor, "*batch"]:
    """Cross entropy with less weight where the prediction is correct; mean over pixels."""
    entropy = F.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    probability = logits.sigmoid()
    wrong = probability * (1 - truth) + (1 - probability) * truth
    weight = ALPHA * truth + (1 - ALPHA) * (1 - truth)
    return (weight * entropy * wrong**GAMMA).mean((-1, -2))


def dice_loss(
    logits: Float[Tensor, "*batch H W"], truth: Float[Tensor, "*batch H W"]
) -> Float[Tensor, "*batch"]:
    """One minus the soft Dice coefficient, smoothed by one, so that two empty masks give 0."""
    probability = logits.sigmoid()
    overlap = (probability * truth).sum((-1, -2))
    areas = probability.sum((-1, -2)) + truth.sum((-1, -2))
    return 1 - (2 * overlap + 1) / (areas + 1)


def mask_iou(
    logits: Float[Tensor, "*batch H W"], truth: Float[Tensor, "*batch H W"]
) -> Float[Tensor, "*batch"]:
    """IoU of the logits above zero and the mask above one half; 1 if both are empty."""
    mask, true = logits > 0, truth > 0.5
    union = (mask | true).sum((-1, -2))
    return torch.where(union > 0, (mask & true).sum((-1, -2)) / union.clamp(min=1), 1.0)


def prediction_losses(
    candidates: Candidates, truth: Bool[Tensor, "R S S"], *, stride: int = 1
) -> Losses:
    """The losses of candidates against the true masks; an empty mask means an absent object.

    Args:
        candidates: mask logits of any size.
        truth: at the size of the model's input.
        stride: masks are compared at the size of ``truth`` divided by this: 1 as in SAM 2; 2 takes
            a quarter of the time and is still finer than the logits.
    """
    target = F.avg_pool2d(truth.float()[:, None], stride)  # (R, 1, S/stride, S/stride)
    logits = F.interpolate(candidates.masks.float(), target.shape[-2:], mode="bilinear")
    target = target.expand_as(logits)  # (R, M, S/stride, S/stride)
    focal, dice = focal_loss(logits, target), dice_loss(logits, target)
    best = (FOCAL * focal + DICE * dice).argmin(1, keepdim=True)
    iou = (candidates.scores.float() - mask_iou(logits.detach(), target)).abs().mean(1)
    present = truth.flatten(1).any(1).float()
    return Losses(
        focal=focal.gather(1, best)[:, 0] * present,
        dice=dice.gather(1, best)[:, 0] * present,
        iou=iou * present,
        presence=F.binary_cross_entropy_with_logits(
            candidates.presence[:, 0].float(), present, reduction="none"
        ),
    )
