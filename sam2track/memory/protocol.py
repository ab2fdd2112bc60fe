"""BANK: what a memory policy is.

One instance an object: the strategy and its state. The session asks it what to attend to, lets it
choose among the candidates, and hands it what was made of the frame.
"""

from __future__ import annotations

from typing import Protocol

import torch

from ..types import Candidates, Choice, MemoryFrame, Recall
from .archive import Archive
from .evidence import Evidence


class ObjectMemory(Protocol):
    """One object's memory.

    A policy may be asked about any frame, in any order; the frames that count as past are those
    behind ``index`` in the ``direction`` of tracking.
    """

    @property
    def lag(self) -> int | None:
        """How many frames late it settles which row was right; None = when the video has ended."""
        ...

    def recall(self, index: int, direction: int) -> list[Recall]:
        """What to attend to on a frame, going forward (1) or back (-1); a row a hypothesis."""
        ...

    def choose(self, evidence: Evidence, index: int, direction: int) -> Choice:
        """Which candidates of this object's rows live on; the first row is what is shown."""
        ...

    def remember(self, memories: list[MemoryFrame], *, anchor: bool) -> None:
        """Admit what was made of a frame: what was chosen last, a row each, or an anchor: one row
        on any frame, which the user prompted."""
        ...

    def forget(self, index: int) -> None:
        """Drop an anchor: the user took its prompts back."""
        ...


class MemoryFactory(Protocol):
    """Makes an object's memory; the session says what it knows of the video."""

    def __call__(self, *, span: int, slots: int, archive: Archive | None) -> ObjectMemory:
        """``span``: frames that pointer positions are measured against (see ``Recall``);
        ``slots``: temporal embeddings of the weights, for past frames and the anchors' one;
        ``archive``: where to keep every frame, or None to keep what a stream needs."""
        ...


def best_candidate(candidates: Candidates) -> Choice:
    """For each row its mask with the highest predicted IoU; decided on the device."""
    rows = torch.arange(len(candidates.scores), device=candidates.scores.device)
    return Choice(rows, candidates.scores.argmax(1), candidates.presence[:, 0] > 0)
