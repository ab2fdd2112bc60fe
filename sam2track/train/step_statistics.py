"""What is measured in a step: sums that add up over batches and processes, and their means.

Room: TRAIN. Rollouts enter, a line of the log leaves.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from .rollout import Rollout


def tally(rollout: Rollout) -> Tensor:
    """Sums over a rollout, for :func:`log_entry`; the last place is for CPU time."""
    losses = [judgement.losses for judgement in rollout.judgements]
    zero = torch.zeros(0, device=rollout.rows.device)

    def both(parts: Sequence[Tensor]) -> list[float]:
        values = torch.cat([zero, *parts]).detach().double()
        return [float(values.sum()), float(len(values))]

    terms = [
        both([getattr(each, name) for each in losses])[0]
        for name in ("focal", "dice", "iou", "presence")
    ]
    sums = [
        *both([each.total() for each in losses]),
        *terms,
        *both(rollout.ious),
        *both(rollout.ious[-1:]),
        *both(rollout.prompted_ious),
        float(len(rollout.rows)),
        0.0,
    ]
    return torch.tensor(sums, dtype=torch.float64, device=zero.device)


def log_entry(step: int, total: Tensor, norm: float, rate: float) -> dict[str, Any]:
    """A line of the log from the sums over all rows; None where nothing was measured."""
    loss, count, focal, dice, iou, presence, *pairs, rows, seconds = total.tolist()

    def mean(value: float, over: float) -> float | None:
        return round(value / over, 5) if over else None

    terms = {"focal": focal, "dice": dice, "iou_loss": iou, "presence": presence}
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
