"""What a prediction is judged by (SAM 2, 2408.00714, appendix D.2).

Of the candidate masks only the best is supervised; the predicted IoU is, for all. Focal loss
(1708.02002) weighs 20, dice (1606.04797) 1, predicted IoU 1, presence 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from ..types import Candidates

FOCAL, DICE, IOU, PRESENCE = 20.0, 1.0, 1.0, 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Losses:
    """Each term by row, before weights. Masks and IoU are 0 where the object is absent."""

    focal: Float[Tensor, " R"]
    dice: Float[Tensor, " R"]
    iou: Float[Tensor, " R"]
    presence: Float[Tensor, " R"]

    def total(self) -> Float[Tensor, " R"]:
        """The weighted sum."""
        return FOCAL * self.focal + DICE * self.dice + IOU * self.iou + PRESENCE * self.presence


def focal_loss(
    logits: Float[Tensor, "*batch H W"],
    truth: Float[Tensor, "*batch H W"],
    *,
    alpha: float = 0.25,
    gamma: float = 2.0,
) -> Float[Tensor, "*batch"]:
    """Cross entropy that fades where the prediction is right already; mean over pixels."""
    entropy = F.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    probability = logits.sigmoid()
    wrong = probability * (1 - truth) + (1 - probability) * truth
    weight = alpha * truth + (1 - alpha) * (1 - truth)
    return (weight * entropy * wrong**gamma).mean((-1, -2))


def dice_loss(
    logits: Float[Tensor, "*batch H W"], truth: Float[Tensor, "*batch H W"]
) -> Float[Tensor, "*batch"]:
    """One minus the soft Dice coefficient, each area plus a half, so that empty masks agree."""
    probability = logits.sigmoid()
    overlap = (probability * truth).sum((-1, -2))
    areas = probability.sum((-1, -2)) + truth.sum((-1, -2))
    return 1 - (2 * overlap + 1) / (areas + 1)


def mask_iou(
    logits: Float[Tensor, "*batch H W"], truth: Float[Tensor, "*batch H W"]
) -> Float[Tensor, "*batch"]:
    """IoU of the masks cut at zero and at one half; 1 where both are empty."""
    mask, true = logits > 0, truth > 0.5
    union = (mask | true).sum((-1, -2))
    return torch.where(union > 0, (mask & true).sum((-1, -2)) / union.clamp(min=1), 1.0)


def prediction_losses(candidates: Candidates, truth: Float[Tensor, "R H W"]) -> Losses:
    """Judge candidates against masks 0..1 of any size at least theirs.

    The masks are compared at the truth's size.
    """
    logits = F.interpolate(candidates.masks.float(), truth.shape[-2:], mode="bilinear")
    target = truth[:, None].expand_as(logits)  # (R, M, H, W)
    focal, dice = focal_loss(logits, target), dice_loss(logits, target)
    best = (FOCAL * focal + DICE * dice).argmin(1, keepdim=True)
    iou = (candidates.scores.float() - mask_iou(logits.detach(), target)).abs().mean(1)
    present = (truth.amax((-1, -2)) > 0.5).float()
    return Losses(
        focal=focal.gather(1, best)[:, 0] * present,
        dice=dice.gather(1, best)[:, 0] * present,
        iou=iou * present,
        presence=F.binary_cross_entropy_with_logits(
            candidates.presence[:, 0].float(), present, reduction="none"
        ),
    )
