"""TRACK: rows of several objects as batches of the network, and back.

Rows are in the order of the objects, those of one object next to each other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import torch

from ..model.sam2 import SAM2
from ..types import Candidates, Choice, FrameFeatures, MemoryFrame, Recall, Resolved


def decode(model: SAM2, features: FrameFeatures, recalls: Sequence[Recall]) -> Candidates:
    """Attend and decode. Rows that recall alike run together, as many as the model takes."""
    groups: dict[tuple[int, ...], list[int]] = defaultdict(list)
    most = model.rows_at_once or len(recalls)
    for row, recall in enumerate(recalls):
        groups[(*recall.shape, recall.weights is None, row // most)].append(row)
    parts = []
    for rows in groups.values():
        conditioned = model.attend(features, [recalls[row] for row in rows])
        parts.append(model.decode(conditioned, features))
    if len(parts) == 1:
        return parts[0]
    order = torch.tensor([row for rows in groups.values() for row in rows]).argsort()
    order = order.to(model.device, non_blocking=True)
    return Candidates(
        torch.cat([part.masks for part in parts])[order],
        torch.cat([part.scores for part in parts])[order],
        torch.cat([part.tokens for part in parts])[order],
        torch.cat([part.presence for part in parts])[order],
    )


def joined(choices: Sequence[Choice], firsts: Sequence[int], device: torch.device) -> Choice:
    """The choices of several objects, whose rows begin at ``firsts``, as one."""
    return Choice(
        torch.cat(
            [own.parents.to(device) + first for own, first in zip(choices, firsts, strict=True)]
        ),
        torch.cat([own.picks.to(device) for own in choices]),
        torch.cat([own.present.to(device) for own in choices]),
    )


def memorise(
    model: SAM2, features: FrameFeatures, resolved: Resolved, index: int
) -> list[MemoryFrame]:
    """What is remembered of rows that were followed."""
    count = len(resolved.scores)
    most = model.rows_at_once or count
    memories = []
    for start in range(0, count, most):
        rows = resolved.rows(start, start + most)
        memories += model.memorise(features, rows, index=index, from_prompt=False)
    return memories
