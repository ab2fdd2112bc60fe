"""What a memory policy is: the protocol that every policy of this room satisfies.

There is one instance per object. On every frame the session asks it what to attend to, lets it
choose among the candidates, and gives it the memories that were made of the frame.
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
    before it in the ``direction`` of tracking: forward (1) or back in time (-1).
    """

    @property
    def lag(self) -> int | None:
        """How many frames late results are final: 0 = at once, None = when the video has ended."""
        ...

    def recall(self, index: int, direction: int) -> list[Recall]:
        """What to attend to on a frame: one row per hypothesis."""
        ...

    def choose(self, candidates: FrameCandidates, index: int, direction: int) -> Choice:
        """Which candidates of this object's rows live on; the first row is what is shown."""
        ...

    def remember(self, memories: list[MemoryFrame], *, anchor: bool) -> None:
        """Store what was made of a frame.

        Either an anchor, which is one row on any frame, or the rows that were last chosen.
        """
        ...

    def forget(self, index: int) -> None:
        """Drop an anchor: the user took its prompts back."""
        ...


class MemoryFactory(Protocol):
    """Makes an object's memory: a policy's class, a partial of it, or its settings."""

    def __call__(self, *, span: int, slots: int, archive: Archive | None) -> ObjectMemory:
        """Called once per object.

        Args:
            span: frames that pointer positions are measured against (see ``Recall``).
            slots: temporal embeddings of the weights: one for each past frame, one for anchors.
            archive: where to keep every frame; None keeps only what a stream needs.
        """
        ...


def best_candidate(candidates: Candidates) -> Choice:
    """For each row its mask with the highest predicted IoU; decided on the device."""
    rows = torch.arange(len(candidates.scores), device=candidates.scores.device)
    return Choice(rows, candidates.scores.argmax(1), candidates.presence[:, 0] > 0)
