"""TRACK: objects are followed onto a frame: attend, decode, choose, memorise.

Objects run as batches of the network, and their rows are in the order of the objects, those of one
object next to each other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

import torch

from ..device import autocast
from ..memory import FrameCandidates
from ..model.sam2 import SAM2
from ..types import Candidates, Choice, FrameFeatures, MemoryFrame, Recall, Resolved
from .delayed_results import Branches
from .objects import TrackedObject

Objects = Mapping[int, TrackedObject]  # by their ids
T = TypeVar("T")
R = TypeVar("R")


class Follower:
    """Follows objects onto frames, all in one pass of the network, or shared out among threads.

    Args:
        model: the network.
        workers: how many threads, the caller's among them.

    Raises:
        ValueError: if that is less than 1.
    """

    def __init__(self, model: SAM2, workers: int = 1) -> None:
        if workers < 1:
            raise ValueError(f"workers={workers}: must be a whole number from 1")
        self.model = model
        self.workers = workers
        self.others = ThreadPoolExecutor(max(1, workers - 1), "sam2track-follow")

    def follow(
        self, objects: Objects, features: FrameFeatures, index: int, direction: int
    ) -> dict[int, Branches]:
        """What becomes of each object on a frame; its memory has it too."""
        one_pass = partial(self._pass, features, index, direction)
        ids = list(objects)
        shares = [ids[first :: self.workers] for first in range(min(self.workers, len(ids)))]
        passes = self.share_out(one_pass, [{own: objects[own] for own in ids} for ids in shares])
        return {object_id: own for branches in passes for object_id, own in branches.items()}

    def share_out(self, work: Callable[[T], R], shares: Sequence[T]) -> list[R]:
        """Do some work, a share a worker; at most as many shares as workers."""
        theirs = [self.others.submit(work, share) for share in shares[1:]]
        return [work(shares[0]), *(share.result() for share in theirs)]

    @torch.inference_mode()  # both this and autocast are a thread's own
    def _pass(
        self, features: FrameFeatures, index: int, direction: int, objects: Objects
    ) -> dict[int, Branches]:
        """All of a share at once."""
        with autocast(self.model.device, self.model.precision):
            recalls = {
                object_id: tracked.memory.recall(index, direction)
                for object_id, tracked in objects.items()
            }
            rows = [row for own in recalls.values() for row in own]
            candidates = _decode(self.model, features, rows)
            offered = FrameCandidates(candidates)
            choices, firsts, first = {}, [], 0
            for object_id, own in recalls.items():
                seen = offered.rows(first, first + len(own))
                choices[object_id] = objects[object_id].memory.choose(seen, index, direction)
                firsts.append(first)
                first += len(own)
            choice = _joined(list(choices.values()), firsts, self.model.device)
            resolved = self.model.resolve(candidates, choice)
            memories = _memorise(self.model, features, resolved, index)
        branches, start = {}, 0
        for object_id, choice in choices.items():
            memory, stop = objects[object_id].memory, start + len(choice.parents)
            memory.remember(memories[start:stop], anchor=False)
            # Without a lag nobody looks back, and the parents may stay on the device.
            parents = (0,) * len(choice.parents) if memory.lag == 0 else choice.parents.tolist()
            branches[object_id] = Branches(resolved.rows(start, stop), tuple(parents))
            start = stop
        return branches


def _decode(model: SAM2, features: FrameFeatures, recalls: Sequence[Recall]) -> Candidates:
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


def _joined(choices: Sequence[Choice], firsts: Sequence[int], device: torch.device) -> Choice:
    """The choices of several objects, whose rows begin at ``firsts``, as one."""
    return Choice(
        torch.cat(
            [own.parents.to(device) + first for own, first in zip(choices, firsts, strict=True)]
        ),
        torch.cat([own.picks.to(device) for own in choices]),
        torch.cat([own.present.to(device) for own in choices]),
    )


def _memorise(
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
