"""Hand-made candidates that drive a memory policy alone, without a network."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from sam2track.memory import FrameCandidates, ObjectMemory
from sam2track.types import Candidates, Choice, MemoryFrame, Recall

SIDE = 32


def square(x: float, y: float, width: int = 8, height: int = 8) -> np.ndarray:
    """A mask with a rectangle whose top left is at ``(x, y)``."""
    mask = np.zeros((SIDE, SIDE), bool)
    mask[round(y) : round(y) + height, round(x) : round(x) + width] = True
    return mask


EMPTY = np.zeros((SIDE, SIDE), bool)
HERE = square(4, 4)


@dataclass(frozen=True)
class Row:
    """One row's candidates: masks with their predicted IoU, and presence."""

    scores: Sequence[float] = (0.9, 0.1, 0.1)
    presence: float = 5.0
    masks: Sequence[np.ndarray] = (HERE, HERE, HERE)


def candidates(rows: Sequence[Row]) -> Candidates:
    masks = torch.from_numpy(np.stack([np.stack(row.masks) for row in rows]))
    return Candidates(
        masks=2.0 * masks - 1,
        scores=torch.tensor([list(row.scores) for row in rows]),
        tokens=torch.zeros(*masks.shape[:2], 4),
        presence=torch.tensor([[row.presence] for row in rows]),
    )


def remembered(index: int, row: int = 0, presence: float = 10.0) -> MemoryFrame:
    """A memory whose numbers tell its frame and row."""
    return MemoryFrame(
        index,
        torch.full((4, 2), float(index), dtype=torch.bfloat16),
        torch.tensor([float(index), float(row), *([0.0] * 6)]),
        torch.tensor(0.5),
        torch.tensor(presence),
    )


def anchor(memory: ObjectMemory, index: int) -> None:
    """The user prompts a frame."""
    memory.remember([remembered(index)], anchor=True)


def follow(
    memory: ObjectMemory, index: int, row: Row | Sequence[Row], direction: int = 1
) -> tuple[list[Recall], Choice]:
    """A frame as the session treats it; one ``Row`` stands for all that the memory asks for."""
    recalls = memory.recall(index, direction)
    rows = [row] * len(recalls) if isinstance(row, Row) else row
    assert len(rows) == len(recalls)
    choice = memory.choose(FrameCandidates(candidates(rows)), index, direction)
    memory.remember([remembered(index, r) for r in range(len(choice.parents))], anchor=False)
    return recalls, choice


def run(memory: ObjectMemory, rows: Iterable[Row], direction: int = 1, start: int = 0) -> int:
    """Prompt ``start``, follow a row a frame from there, and return the next frame's index."""
    anchor(memory, start)
    index = start
    for row in rows:
        index += direction
        follow(memory, index, row, direction)
    return index + direction


def recalled(memory: ObjectMemory, index: int, direction: int = 1) -> list[int]:
    """The frames whose spatial memories the best row attends to."""
    return [frame.index for frame in memory.recall(index, direction)[0].memories]


def contents(recalls: Sequence[Recall]) -> list[tuple]:
    """All that recalls say, fit to be compared."""
    return [
        (
            [(frame.index, frame.pointer.tolist()) for frame in recall.memories],
            recall.slots,
            [pointer.tolist() for pointer in recall.pointers],
            recall.offsets,
            recall.span,
            recall.weights,
        )
        for recall in recalls
    ]


def as_seen_from(recalls: Sequence[Recall], start: int, direction: int) -> list[tuple]:
    """The same with frames told by how many frames after ``start`` they were tracked."""
    return [
        (
            [(frame.index - start) * direction for frame in recall.memories],
            recall.slots,
            [(round(float(pointer[0])) - start) * direction for pointer in recall.pointers],
            recall.offsets,
            recall.weights,
        )
        for recall in recalls
    ]
