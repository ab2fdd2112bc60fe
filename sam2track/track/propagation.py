"""Objects are propagated onto a frame: recall, attend, decode, choose, resolve, memorise.

All objects run as one batch of the network. Their rows are in the order of the objects, the rows of
one object next to each other (SAM 2, 2408.00714, section 4).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch

from ..device import autocast
from ..memory import FrameCandidates
from ..model.memory_encoder import appearance
from ..model.sam2 import SAM2
from ..types import (
    Candidates,
    Choice,
    FrameFeatures,
    FrameOutcome,
    MemoryFrame,
    Recall,
    Resolved,
    WindowBox,
)
from .objects import TrackedObject


@dataclass(frozen=True, slots=True, eq=False)
class Hypotheses:
    """What became of one object on one frame."""

    resolved: Resolved  # one row per hypothesis, the best first
    # For each row, which row of the frame before it comes from; None on a prompted frame, whose
    # one row all hypotheses share
    parents: tuple[int, ...] | None


@torch.inference_mode()  # both this and autocast are a thread's own
def propagate(
    model: SAM2,
    features: FrameFeatures,
    index: int,
    direction: int,
    objects: Mapping[int, TrackedObject],
    *,
    windows: Sequence[WindowBox | None],
    images: Mapping[int, int],
) -> dict[int, Hypotheses]:
    """What becomes of each object, by its id, on a frame; its memory has it too.

    Args:
        features: an image for each window.
        windows: the parts of the frame that were encoded; None = the whole frame.
        images: by object, which of them it is looked for in.
    """
    with autocast(model.device, model.precision):
        recalls = {
            object_id: tracked.memory.recall(index, direction)
            for object_id, tracked in objects.items()
        }
        rows = [images[k] for k, own in recalls.items() for _ in own]
        seen = _of_rows(features, rows)
        candidates = _decode(model, seen, [row for own in recalls.values() for row in own])
        look = partial(appearance, seen.stride16, candidates.masks)
        offered = FrameCandidates(candidates, look=look)
        choices = _choose(objects, recalls, offered, index, direction)
        resolved = model.resolve(candidates, _join(choices, recalls, model.device))
        rows = [images[k] for k, own in choices.items() for _ in own.parents]
        memories = _memorise(model, _of_rows(features, rows), resolved, index)
    hypotheses, start = {}, 0
    for object_id, choice in choices.items():
        memory, stop = objects[object_id].memory, start + len(choice.parents)
        memory.remember(memories[start:stop], anchor=False)
        # Without a lag nobody looks back, and the parents may stay on the device.
        parents = (0,) * len(choice.parents) if memory.lag == 0 else choice.parents.tolist()
        own = replace(resolved.rows(start, stop), window=windows[images[object_id]])
        hypotheses[object_id] = Hypotheses(own, tuple(parents))
        start = stop
    return hypotheses


# Not in inference mode: users may change the tensors that they get.
@torch.inference_mode(False)
@torch.no_grad()
def gather(model: SAM2, index: int, rows: Mapping[int, Resolved]) -> FrameOutcome:
    """One row of each object, by its id, as the outcome of a frame."""
    if not rows:
        logits = torch.zeros(0, 4 * model.variant.grid, 4 * model.variant.grid, device=model.device)
        return FrameOutcome(index, (), logits, logits[:, 0, 0], logits[:, 0, 0])
    return FrameOutcome(
        index,
        tuple(rows),
        torch.cat([row.logits for row in rows.values()])[:, 0],
        torch.cat([row.scores for row in rows.values()]),
        torch.cat([row.presence for row in rows.values()])[:, 0],
        tuple(row.window for row in rows.values()),
    )


def _of_rows(features: FrameFeatures, images: Sequence[int]) -> FrameFeatures:
    """The image of each row; one image for all rows stays one."""
    count = len(features.stride16)
    if count == 1 or [*images] == [*range(count)]:
        return features
    places = torch.tensor(images).to(features.stride16.device, non_blocking=True)
    return features.images(places)


def _decode(model: SAM2, features: FrameFeatures, recalls: Sequence[Recall]) -> Candidates:
    """Attend and decode. Rows that recall alike attend together."""
    groups: dict[tuple[int, ...], list[int]] = defaultdict(list)
    most = model.rows_at_once or len(recalls)
    for row, recall in enumerate(recalls):
        groups[(*recall.shape, recall.weights is None)].append(row)
    parts = []
    for rows in groups.values():
        conditioned = model.attend(_of_rows(features, rows), [recalls[row] for row in rows])
        for start in range(0, len(rows), most):  # as many as the model takes
            own = _of_rows(features, rows[start : start + most])
            parts.append(model.decode(conditioned[start : start + most], own))
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


def _choose(
    objects: Mapping[int, TrackedObject],
    recalls: Mapping[int, Sequence[Recall]],
    offered: FrameCandidates,
    index: int,
    direction: int,
) -> dict[int, Choice]:
    """Each object's memory chooses among the candidates of its rows."""
    choices, first = {}, 0
    for object_id, own in recalls.items():
        seen = offered.rows(first, first + len(own))
        choices[object_id] = objects[object_id].memory.choose(seen, index, direction)
        first += len(own)
    return choices


def _join(
    choices: Mapping[int, Choice], recalls: Mapping[int, Sequence[Recall]], device: torch.device
) -> Choice:
    """The choices of several objects as one over all rows."""
    parents, first = [], 0
    for object_id, own in choices.items():
        parents.append(own.parents.to(device, non_blocking=True) + first)
        first += len(recalls[object_id])
    return Choice(
        torch.cat(parents),
        torch.cat([own.picks.to(device, non_blocking=True) for own in choices.values()]),
        torch.cat([own.present.to(device, non_blocking=True) for own in choices.values()]),
    )


def _memorise(
    model: SAM2, features: FrameFeatures, resolved: Resolved, index: int
) -> list[MemoryFrame]:
    """What is remembered of the rows, as many at a time as the model takes."""
    count = len(resolved.scores)
    most = model.rows_at_once or count
    memories = []
    for start in range(0, count, most):
        rows = resolved.rows(start, start + most)
        own = _of_rows(features, range(start, min(start + most, count)))
        memories += model.memorise(own, rows, index=index, from_prompt=False)
    return memories
