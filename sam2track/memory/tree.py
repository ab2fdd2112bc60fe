"""BANK: several hypotheses of what happened, each with a memory of its own."""

from __future__ import annotations

import math
import weakref
from copy import copy
from dataclasses import dataclass, replace

import torch

from ..types import Choice, MemoryFrame, Recall
from .archive import Archive
from .evidence import Evidence
from .ranked import ranked_recall
from .trail import Trail

TINY = 1e-6  # a predicted IoU of 0 has no logarithm


class TreeMemory:
    """SAM2Long (2410.16268, section 3), written from the paper.

    Up to ``pathways`` hypotheses of an object are rows of the batch. Each decodes three masks; a
    mask's score is the sum of log predicted IoU along its way. If the decoder is sure of the
    object's presence or absence on some row (``|presence| > sure``), the masks with the best scores
    live on; else the best of those whose predicted IoU (two decimals) differs, since hypotheses
    that look alike would crowd out the others. There may then be fewer than ``pathways``, until
    the next frame: to fill up with what is not distinct would add nothing.

    A hypothesis attends to its own frames: those whose predicted IoU and presence were above
    ``min_score`` and ``min_presence``, however long ago, and the frame before always. The keys of
    spatial memories are scaled from ``low_weight`` to ``high_weight`` by the rank of the object's
    presence; anchors are ranked among them, pointers are not scaled.

    An anchor is on every hypothesis' way. Scores run on over it: they tell which memory was better.

    Args:
        recent: remembered frames attended to.
        pointers: object pointers attended to, not counting those of anchors.
        pathways: hypotheses.
        sure: presence logit.
        min_score, min_presence: what a remembered frame exceeds.
        low_weight, high_weight: of the keys; both 1 = as in SAM 2.
        lag: how many frames late a result is settled: 0 = at once, by what is best so far; None =
            at the end of the video, as in the paper.
        span, slots, archive: see :class:`sam2track.memory.protocol.MemoryFactory`.
    """

    def __init__(
        self,
        *,
        recent: int = 6,
        pointers: int = 16,
        pathways: int = 3,
        sure: float = 2.0,
        min_score: float = 0.3,
        min_presence: float = 0.0,
        low_weight: float = 0.95,
        high_weight: float = 1.05,
        lag: int | None = 0,
        span: int = 16,
        slots: int = 7,
        archive: Archive | None = None,
    ) -> None:
        if lag is not None and lag < 0:
            raise ValueError(f"lag {lag}: give a number of frames from 0, or null for the end")
        self.recent = min(recent, slots - 1)
        self.span = min(span, pointers)
        self.pathways = pathways
        self.sure = sure
        self.min_score = min_score
        self.min_presence = min_presence
        self.low_weight, self.high_weight = low_weight, high_weight
        self.lag = lag
        self.archive = archive
        self.anchors: dict[int, MemoryFrame] = {}
        self.anchor_presence: dict[int, float] = {}
        self.states: dict[int, tuple[Pathway, ...]] = {}  # what the hypotheses were after a frame
        self.order = Trail()  # of the states
        self.forks: list[Fork] = []  # chosen last

    def recall(self, index: int, direction: int) -> list[Recall]:
        return [self._recall(path, index, direction) for path in self._paths(index, direction)]

    def _paths(self, index: int, direction: int) -> tuple[Pathway, ...]:
        """The hypotheses that a frame goes on from."""
        before = next(self.order.behind(index, direction), None)
        return (Pathway(0.0, ()),) if before is None else self.states[before]

    def _recall(self, path: Pathway, index: int, direction: int) -> Recall:
        kept = {
            frame.index: frame
            for frame in reversed(path.frames)
            if (index - frame.index) * direction > 0 and frame.index not in self.anchors
        }
        recall = ranked_recall(
            index,
            direction,
            anchors=self.anchors,
            kept=sorted(kept, key=lambda place: abs(index - place)),
            memory=lambda place: kept[place].load(),
            pointer=lambda place: kept[place].pointer,
            recent=self.recent,
            span=self.span,
        )
        if self.low_weight == self.high_weight == 1:
            return recall
        presence = {**{place: kept[place].presence for place in kept}, **self.anchor_presence}
        ranked = sorted(recall.memories, key=lambda memory: presence[memory.index])
        step = (self.high_weight - self.low_weight) / max(len(ranked) - 1, 1)
        weight = {memory.index: self.low_weight + step * r for r, memory in enumerate(ranked)}
        if len(ranked) == 1:  # nothing to compare with: the middle
            weight = {ranked[0].index: (self.low_weight + self.high_weight) / 2}
        return replace(recall, weights=tuple(weight[memory.index] for memory in recall.memories))

    def choose(self, evidence: Evidence, index: int, direction: int) -> Choice:
        sightings = evidence.sightings
        forks = [
            Fork(path, row, pick, float(score), sighting.presence)
            for row, (path, sighting) in enumerate(
                zip(self._paths(index, direction), sightings, strict=True)
            )
            for pick, score in enumerate(sighting.scores)
        ]
        forks.sort(key=lambda fork: -fork.total)
        if max(abs(sighting.presence) for sighting in sightings) <= self.sure:
            forks = _distinct(forks)
        self.forks = forks[: self.pathways]
        return Choice(
            torch.tensor([fork.row for fork in self.forks]),
            torch.tensor([fork.pick for fork in self.forks]),
            torch.tensor([fork.presence > 0 for fork in self.forks]),
        )

    def remember(self, memories: list[MemoryFrame], *, anchor: bool) -> None:
        index = memories[0].index
        if anchor:
            self.anchors[index] = memories[0]
            self.anchor_presence[index] = float(memories[0].presence)  # waits, as the user does
            self.states.pop(index, None)
            self.order.discard(index)
            return
        best = self.forks[0].total  # taken off, so that long videos lose no precision
        self.states[index] = tuple(
            Pathway(fork.total - best, self._extended(fork, memory))
            for fork, memory in zip(self.forks, memories, strict=True)
        )
        self.order.add(index)
        if self.archive is None:
            self.order.trim(index, 1)  # the state before is asked for again by a correction
            self.states = {place: self.states[place] for place in self.order.indices}

    def _extended(self, fork: Fork, memory: MemoryFrame) -> tuple[Kept, ...]:
        """The frames of a fork's hypothesis with a new one; what fell out of reach is let go."""
        admitted = fork.score > self.min_score and fork.presence > self.min_presence
        new = Kept(memory, fork.presence, admitted, self.archive)
        reach = max(self.recent, self.span - 1)
        frames = [*(frame for frame in fork.path.frames if frame.admitted), new][-reach:]
        far = max(len(frames) - self.recent, 0)
        return (*(frame.pointer_alone() for frame in frames[:far]), *frames[far:])

    def forget(self, index: int) -> None:
        self.anchors.pop(index, None)
        self.anchor_presence.pop(index, None)


class Kept:
    """A frame on some hypotheses' ways; its memory lies here, or in an archive while it lives."""

    def __init__(
        self, memory: MemoryFrame, presence: float, admitted: bool, archive: Archive | None
    ) -> None:
        self.index = memory.index
        self.presence = presence
        self.admitted = admitted
        self.pointer = memory.pointer
        self.memory = memory if archive is None else None
        self.archive = archive
        if archive is not None:
            self.device = memory.features.device
            self.record = archive.save(
                memory.features, memory.pointer, memory.score, memory.presence
            )
            weakref.finalize(self, archive.drop, self.record).atexit = False

    def load(self) -> MemoryFrame | None:
        """The memory, unless the pointer alone was kept."""
        if self.archive is None:
            return self.memory
        loaded = self.archive.load(self.record)
        return MemoryFrame(self.index, *(tensor.to(self.device) for tensor in loaded))

    def pointer_alone(self) -> Kept:
        """The same without the spatial memory, where that takes room."""
        if self.memory is None:
            return self
        light = copy(self)
        light.memory = None
        return light


@dataclass(frozen=True, slots=True, eq=False)
class Pathway:
    """A hypothesis: its score, relative to the best one's, and its frames, the oldest first."""

    score: float
    frames: tuple[Kept, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Fork:
    """A way on from a hypothesis: one of the masks of its row."""

    path: Pathway
    row: int
    pick: int
    score: float  # predicted IoU
    presence: float

    @property
    def total(self) -> float:
        """The score of the longer way."""
        return self.path.score + math.log(max(self.score, TINY))


def _distinct(forks: list[Fork]) -> list[Fork]:
    """The first of those with the same predicted IoU, to two decimals."""
    first: dict[float, Fork] = {}
    for fork in forks:
        first.setdefault(round(fork.score, 2), fork)
    return list(first.values())
