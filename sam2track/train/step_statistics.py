"""Statistics of one step: sums over rows, batches and processes, and their means for the log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from .losses import LOSS_TERMS
from .rollout import Rollout


def sum_statistics(rollout: Rollout) -> Tensor:
    """Sums over a rollout, for :func:`log_entry`; the last one, CPU time, is left at 0."""
    losses = [losses for _, losses in rollout.losses]

    def sum_and_count(parts: Sequence[Tensor]) -> list[float]:
        if not parts:
            return [0.0, 0.0]
        values = torch.cat(list(parts)).detach().double()
        return [float(values.sum()), float(len(values))]

    sums = [
        *sum_and_count([each.total() for each in losses]),
        *(sum_and_count([getattr(each, term) for each in losses])[0] for term in LOSS_TERMS),
        *sum_and_count(rollout.ious),
        *sum_and_count(rollout.ious[-1:]),
        *sum_and_count(rollout.prompted_ious),
        float(len(rollout.rows)),
        0.0,
    ]
    return torch.tensor(sums, dtype=torch.float64, device=rollout.rows.device)


def log_entry(step: int, total: Tensor, norm: float, rate: float) -> dict[str, Any]:
    """The log's entry for a step, from the sums over all rows; None where nothing was measured.

    Args:
        step: that is done.
        total: :func:`sum_statistics`, summed over batches and processes.
        norm: of the gradient.
        rate: the learning rate.
    """
    loss, count, focal, dice, iou, presence, *pairs, rows, seconds = total.tolist()

    def mean(value: float, over: float) -> float | None:
        return round(value / over, 5) if over else None

    terms = {"focal": focal, "dice": dice, "iou_loss": iou, "presence": presence}  # LOSS_TERMS
    measures = zip(("iou", "last_iou", "prompt_iou"), pairs[::2], pairs[1::2], strict=True)
    return {
        "step": step,
        "loss": mean(loss, count) or 0.0,
        **{name: mean(value, count) for name, value in terms.items()},
        **{name: mean(value, over) for name, value, over in measures},
        "norm": round(norm, 4),
        "rate": rate,
        "rows": int(rows),
        "core_seconds": round(seconds, 2),
    }
