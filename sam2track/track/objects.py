"""What the session knows of one object."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ..memory import Archive, ObjectMemory
from ..memory.archive import Record
from ..prompts import Prompt
from ..types import MemoryFrame, Resolved, WindowBox
from .search_window import Box, Whereabouts

Outcome = tuple[torch.Tensor, WindowBox | None]  # mask logits, and the window they are of

LAG = 2  # frames from what is known of an object's place to the window that follows from it


@dataclass(frozen=True, slots=True, eq=False)
class Anchor:
    """An object on a frame that the user prompted.

    Attributes:
        given: the memory of what a mask or a box showed there, if clicks have corrected it.
    """

    prompt: Prompt
    resolved: Resolved
    memories: list[MemoryFrame]
    place: Whereabouts | None
    given: MemoryFrame | None = None


class TrackedObject:
    """One object: its memory, its anchors, and what was last made of each frame.

    Args:
        memory: its memory policy.
        archive: where the outcome of every frame is kept; None keeps the last frame's.

    Attributes:
        early: whether it is followed also on frames before its first anchor.
    """

    early = False

    def __init__(self, memory: ObjectMemory, archive: Archive | None) -> None:
        self.memory = memory
        self.archive = archive
        self.anchors: dict[int, Anchor] = {}
        self.pending: dict[int, Anchor] = {}  # prompted, but no frame was tracked since
        self.tracked: dict[int, int] = {}  # frame -> direction in which it was tracked
        self.records: dict[int, tuple[Record, WindowBox | None]] = {}
        self.places: dict[int, Whereabouts] = {}  # by frame; the last ones without an archive
        self.last: tuple[int, Resolved] | None = None

    def anchor(self, index: int) -> Anchor | None:
        """The anchor on a frame, pending or not."""
        return self.pending.get(index) or self.anchors.get(index)

    def commit(self) -> None:
        """The user has finished: from here on the pending anchors are remembered."""
        for index, anchor in self.pending.items():
            self.anchors[index] = anchor
            self.memory.remember(anchor.memories, anchor=True)
        self.pending.clear()

    def forget(self, index: int) -> None:
        """Take the anchor on a frame back; KeyError if there is none."""
        if self.anchor(index) is None:
            frames = ", ".join(str(frame) for frame in sorted({*self.anchors, *self.pending}))
            raise KeyError(f"it has no prompt on frame {index}, but on: {frames}")
        self.pending.pop(index, None)
        if self.anchors.pop(index, None):
            self.memory.forget(index)
        self.tracked.pop(index, None)

    def passed(self, index: int) -> bool:
        """Whether the object, in its last direction, was tracked beyond a frame."""
        if self.last is None or index in self.tracked:
            return False
        last = self.last[0]
        direction = self.tracked.get(last, 1)
        return (last - index) * direction > 0 and self.reached(index, direction)

    def reached(self, index: int, direction: int) -> bool:
        """Whether an anchor lies on the frame or behind it, or anywhere where that is enough."""
        return any(self.early or (index - anchor) * direction >= 0 for anchor in self.anchors)

    def keep(self, index: int, resolved: Resolved, direction: int) -> None:
        """Note the outcome of a frame that was tracked."""
        self.last = index, resolved
        if self.archive is None:
            self.tracked.clear()
        elif index not in self.anchors:
            self.records.pop(index, None)  # before saving, so that its space is used again
            self.records[index] = self.archive.save(resolved.logits), resolved.window
        self.tracked[index] = direction

    def outcome(self, index: int) -> Outcome | None:
        """Mask logits ``(1, 1, 4h, 4w)`` of a frame and their window, as far as they are kept."""
        anchor = self.anchor(index)
        if anchor is not None:
            return anchor.resolved.logits, anchor.resolved.window
        if self.last is not None and self.last[0] == index:
            return self.last[1].logits, self.last[1].window
        if index not in self.records:
            return None
        record, window = self.records[index]
        return record.load()[0], window

    def locate(self, index: int, direction: int, box: Box | None) -> None:
        """Note where the object was seen on a frame that was followed; None = nowhere."""
        before = self._place(index - direction)
        if before is not None:
            self.places[index] = before.after(box)
        elif box is not None:
            self.places[index] = Whereabouts.of(box)
        if self.archive is None:
            self.places = {k: own for k, own in self.places.items() if abs(index - k) <= LAG}

    def expected(self, index: int, direction: int) -> tuple[Whereabouts | None, int]:
        """The newest place that is known when a frame is encoded, and how many frames old it is.

        A frame is encoded while the one before it is followed, so the place is ``LAG`` frames old,
        unless the user prompted a later frame, or there is no older one.
        """
        anchored = [ago for ago in range(1, LAG) if index - ago * direction in self.anchors]
        for ago in (*anchored, *range(LAG, 0, -1)):
            place = self._place(index - ago * direction)
            if place is not None:
                return place, ago
        return None, 0

    def _place(self, index: int) -> Whereabouts | None:
        anchor = self.anchors.get(index)
        return self.places.get(index) if anchor is None else anchor.place
