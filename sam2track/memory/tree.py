"""SAM2Long: several hypotheses of one object, each with its own memory."""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, InitVar, dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from ..types import Choice, MemoryFrame, Recall
from .archive import Archive, Record
from .bank import recall_selected
from .candidate_selection import FrameCandidates
from .sorted_frames import SortedFrames

TINY = 1e-6  # used for a predicted IoU of 0, which has no logarithm


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeSettings:
    """Settings of :class:`TreeMemory`, which make a memory when they are called.

    Attributes:
        recent: remembered frames attended to.
        pointers: object pointers attended to, not counting those of anchors.
        pathways: hypotheses.
        sure: presence logit.
        min_score, min_presence: a remembered frame is above these.
        low_weight, high_weight: of the attention keys; both 1 = as in SAM 2.
        lag: after how many frames results are final: 0 = at once, by the best hypothesis so far;
            None = at the end of the video, as in the paper.
    """

    recent: int = 6
    pointers: int = 16
    pathways: int = 3
    sure: float = 2.0
    min_score: float = 0.3
    min_presence: float = 0.0
    low_weight: float = 0.95
    high_weight: float = 1.05
    lag: int | None = 0

    def __call__(
        self, *, span: int = 16, slots: int = 7, archive: Archive | None = None
    ) -> TreeMemory:
        return TreeMemory(self, span=span, slots=slots, archive=archive)


@dataclass(eq=False)
class TreeMemory:
    """SAM2Long (2410.16268, section 3), written from the paper.

    Up to ``pathways`` hypotheses of an object are rows of the batch. Each decodes three masks; the
    score of a hypothesis is the sum of log predicted IoU of its masks. If the decoder is sure of
    the object's presence or absence on some row (``|presence| > sure``), the masks with the best
    scores are kept. Otherwise only one of several with the same predicted IoU (two decimals) is
    kept, since similar hypotheses would replace the different ones; then there may be fewer than
    ``pathways`` until the next frame.

    A hypothesis attends to its own frames: those whose predicted IoU and presence were above
    ``min_score`` and ``min_presence``, of any age, and always the frame before. The keys of
    spatial memories are scaled from ``low_weight`` to ``high_weight`` by the rank of the object's
    presence; anchors are ranked among them, pointers are not scaled.

    An anchor belongs to every hypothesis. Scores continue after it, since they show which memory
    was better.

    Args:
        settings: the values above.
        span, slots, archive: see :class:`sam2track.memory.protocol.MemoryFactory`.

    Raises:
        ValueError: if the lag is negative.
    """

    settings: TreeSettings = TreeSettings()
    _: KW_ONLY
    span: int = 16
    slots: InitVar[int] = 7
    archive: Archive | None = None

    def __post_init__(self, slots: int) -> None:
        self.lag = self.settings.lag
        if self.lag is not None and self.lag < 0:
            raise ValueError(f"lag {self.lag}: give a number of frames from 0, or null for the end")
        self.recent = min(self.settings.recent, slots - 1)
        self.span = min(self.span, self.settings.pointers)
        self.anchors: dict[int, MemoryFrame] = {}
        self.anchor_presence: dict[int, float] = {}
        self.states: dict[int, tuple[Pathway, ...]] = {}  # the hypotheses after each frame
        self.order = SortedFrames()  # the keys of `states`
        self.extensions: list[Extension] = []  # chosen last

    def recall(self, index: int, direction: int) -> list[Recall]:
        return [self._recall(path, index, direction) for path in self._paths(index, direction)]

    def _paths(self, index: int, direction: int) -> tuple[Pathway, ...]:
        """The hypotheses that a frame extends."""
        before = next(self.order.before(index, direction), None)
        return (Pathway(0.0, ()),) if before is None else self.states[before]

    def _recall(self, path: Pathway, index: int, direction: int) -> Recall:
        kept = {
            frame.index: frame
            for frame in reversed(path.frames)
            if (index - frame.index) * direction > 0 and frame.index not in self.anchors
        }
        recall = recall_selected(
            index,
            direction,
            anchors=self.anchors,
            kept=sorted(kept, key=lambda place: abs(index - place)),
            memory=lambda place: kept[place].load(),
            pointer=lambda place: kept[place].pointer,
            recent=self.recent,
            span=self.span,
        )
        low, high = self.settings.low_weight, self.settings.high_weight
        if low == high == 1:
            return recall
        presence = {place: kept[place].presence for place in kept} | self.anchor_presence
        ranked = sorted(recall.memories, key=lambda memory: presence[memory.index])
        step = (high - low) / max(len(ranked) - 1, 1)
        weight = {memory.index: low + step * r for r, memory in enumerate(ranked)}
        if len(ranked) == 1:  # nothing to compare with: the middle
            weight = {ranked[0].index: (low + high) / 2}
        return replace(recall, weights=tuple(weight[memory.index] for memory in recall.memories))

    def choose(self, candidates: FrameCandidates, index: int, direction: int) -> Choice:
        rows = candidates.on_host
        extensions = [
            Extension(path, row, pick, float(score), own.presence)
            for row, (path, own) in enumerate(zip(self._paths(index, direction), rows, strict=True))
            for pick, score in enumerate(own.scores)
        ]
        extensions.sort(key=lambda extension: -extension.total)
        if max(abs(own.presence) for own in rows) <= self.settings.sure:
            # The best of those with the same predicted IoU, to two decimals.
            best = {round(e.score, 2): e for e in reversed(extensions)}
            extensions = [e for e in extensions if best[round(e.score, 2)] is e]
        self.extensions = extensions[: self.settings.pathways]
        chosen = [(e.row, e.pick, e.presence > 0) for e in self.extensions]
        return Choice(*(torch.tensor(part) for part in zip(*chosen, strict=True)))

    def remember(self, memories: list[MemoryFrame], *, anchor: bool) -> None:
        index = memories[0].index
        if anchor:
            self.anchors[index] = memories[0]
            self.anchor_presence[index] = float(memories[0].presence)  # waits for the device
            self.states.pop(index, None)
            self.order.discard(index)
            return
        best = self.extensions[0].total  # subtracted, so that long videos lose no precision
        self.states[index] = tuple(
            Pathway(extension.total - best, self._frames(extension, memory))
            for extension, memory in zip(self.extensions, memories, strict=True)
        )
        self.order.add(index)
        if self.archive is None:
            self.order.trim(index, 1)  # a correction needs the state before
            self.states = {place: self.states[place] for place in self.order.indices}

    def _frames(self, extension: Extension, memory: MemoryFrame) -> tuple[PathwayFrame, ...]:
        """The frames of a hypothesis with a new one, without those that no recall needs."""
        score, presence = extension.score, extension.presence
        selected = score > self.settings.min_score and presence > self.settings.min_presence
        stored: MemoryFrame | Record = memory
        if self.archive is not None:
            parts = (memory.features, memory.pointer, memory.score, memory.presence)
            stored = self.archive.save(*parts)
        new = PathwayFrame(memory.index, presence, selected, memory.pointer, stored)
        reach = max(self.recent, self.span - 1)
        frames = [*(frame for frame in extension.path.frames if frame.selected), new][-reach:]
        far = max(len(frames) - self.recent, 0)
        if self.archive is None:
            frames[:far] = [replace(frame, memory=None) for frame in frames[:far]]
        return tuple(frames)

    def forget(self, index: int) -> None:
        self.anchors.pop(index, None)
        self.anchor_presence.pop(index, None)


@dataclass(frozen=True, slots=True, eq=False)
class PathwayFrame:
    """A frame of one or more hypotheses."""

    index: int
    presence: float  # logit that the object is in the frame
    selected: bool  # whether it is remembered for longer than one frame
    pointer: Float[Tensor, " C"]
    memory: MemoryFrame | Record | None  # here or in the archive; None if only the pointer was kept

    def load(self) -> MemoryFrame | None:
        """The memory, from wherever it is."""
        if isinstance(self.memory, Record):
            return MemoryFrame(self.index, *self.memory.load())
        return self.memory


@dataclass(frozen=True, slots=True, eq=False)
class Pathway:
    """A hypothesis: its score, relative to the best one's, and its frames, the oldest first."""

    score: float
    frames: tuple[PathwayFrame, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Extension:
    """A hypothesis extended by one of the candidate masks of its row."""

    path: Pathway
    row: int
    pick: int
    score: float  # predicted IoU
    presence: float

    @property
    def total(self) -> float:
        """The score of the extended hypothesis."""
        return self.path.score + math.log(max(self.score, TINY))
