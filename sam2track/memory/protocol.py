"""The protocol that every memory policy satisfies.

There is one instance per object. On every frame the session calls ``recall`` for what to attend to,
``choose`` to choose a candidate, and ``remember`` with the memories of the frame.
"""

from __future__ import annotations

from typing import Protocol

import torch

from ..types import Candidates, Choice, MemoryFrame, Recall
from .archive import Archive
from .candidate_selection import FrameCandidates


class ObjectMemory(Protocol):
    """One object's memory.

    A policy may be asked about any frame, in any order. The past of frame ``index`` are the frames
    before it in the ``direction`` of tracking: forward (1) or backward (-1).
    """

    @property
    def lag(self) -> int | None:
        """After how many frames results are final: 0 = at once, None = at the end of the video."""
        ...

    def recall(self, index: int, direction: int) -> list[Recall]:
        """What to attend to on a frame: one row per hypothesis."""
        ...

    def choose(self, candidates: FrameCandidates, index: int, direction: int) -> Choice:
        """Which candidates of this object's rows are kept; the first row is the result."""
        ...

    def remember(self, memories: list[MemoryFrame], *, anchor: bool) -> None:
        """Store the memories of a frame.

        Either an anchor, which is one row on any frame, or the rows that were last chosen.
        """
        ...

    def forget(self, index: int) -> None:
        """Remove an anchor, because the user withdrew its prompts."""
        ...


class MemoryFactory(Protocol):
    """Makes an object's memory: a policy's class, a partial of it, or its settings."""

    def __call__(self, *, span: int, slots: int, archive: Archive | None) -> ObjectMemory:
        """Called once per object.

        Args:
            span: number of frames that scales pointer positions (see ``Recall``).
            slots: temporal embeddings of the weights: one for each past frame, one for anchors.
            archive: where to keep every frame; None keeps only what next frames need.
        """
        ...


def best_candidate(candidates: Candidates) -> Choice:
    """For each row its mask with the highest predicted IoU; decided on the device."""
    rows = torch.arange(len(candidates.scores), device=candidates.scores.device)
    return Choice(rows, candidates.scores.argmax(1), candidates.presence[:, 0] > 0)
