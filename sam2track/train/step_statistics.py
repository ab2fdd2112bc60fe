"""Statistics of one step: sums over rows, batches and processes, and their means for the log."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float64
from torch import Tensor

from .losses import LOSS_TERMS
from .rollout import Rollout

NAMES = ("loss", "focal", "dice", "iou_loss", "presence", "iou", "last_iou", "prompt_iou")


def sum_statistics(rollout: Rollout) -> Float64[Tensor, "10 2"]:
    """Sum and count of each of ``NAMES``; then ``(rows, 0)`` and ``(0, 0)``, for the CPU time."""
    losses = [losses for _, losses in rollout.losses]
    terms = [[getattr(each, term) for each in losses] for term in LOSS_TERMS]
    ious = (rollout.ious, rollout.ious[-1:], rollout.prompted_ious)
    sums = []
    for values in ([each.total() for each in losses], *terms, *ious):
        joined = torch.cat(values).detach().double() if values else torch.zeros(0)
        sums.append([float(joined.sum()), float(len(joined))])
    sums += [[float(len(rollout.rows)), 0.0], [0.0, 0.0]]
    return torch.tensor(sums, dtype=torch.float64, device=rollout.rows.device)


def log_entry(
    step: int, total: Float64[Tensor, "10 2"], norm: float, rate: float
) -> dict[str, Any]:
    """The log's entry for a step; None where nothing was measured.

    Args:
        step: that is done.
        total: :func:`sum_statistics`, over all batches and processes.
        norm: of the gradient.
        rate: the learning rate.
    """
    *pairs, (rows, _), (seconds, _) = total.tolist()
    means = {
        name: round(value / count, 5) if count else None
        for name, (value, count) in zip(NAMES, pairs, strict=True)
    }
    return {
        "step": step,
        **means,
        "loss": means["loss"] or 0.0,
        "norm": round(norm, 4),
        "rate": rate,
        "rows": int(rows),
        "core_seconds": round(seconds, 2),
    }
