"""BANK: where one object's memories lie, by frame.

Anchors stay. Of the others a stream keeps the last few: spatial memories (512 KiB each at full
size) for a short while, pointers (1 KiB) for longer. With an archive every frame can be had again.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from ..types import MemoryFrame
from .archive import Archive, Record


class Bank:
    """Memories of one object.

    Args:
        spatial: frames whose spatial memory is kept.
        pointers: frames whose pointer is kept.
        archive: where all of them are kept besides, or None.
    """

    def __init__(self, *, spatial: int, pointers: int, archive: Archive | None = None) -> None:
        self.reach = spatial
        self.pointer_reach = pointers
        self.archive = archive
        self.anchors: dict[int, MemoryFrame] = {}
        self.recent: dict[int, MemoryFrame] = {}
        self.pointers: dict[int, Float[Tensor, " C"]] = {}
        self.records: dict[int, Record] = {}
        self.device = torch.device("cpu")

    def write(self, memory: MemoryFrame, *, anchor: bool) -> None:
        """Remember a frame; what lies too far from it, either way, is let go."""
        index = memory.index
        if anchor:
            self.anchors[index] = memory
            self.drop(index)
            return
        self.device = memory.features.device
        self.recent[index] = memory
        self.pointers[index] = memory.pointer
        for old in [i for i in self.recent if abs(i - index) > self.reach]:
            del self.recent[old]
        for old in [i for i in self.pointers if abs(i - index) > self.pointer_reach]:
            del self.pointers[old]
        if self.archive is not None:
            if index in self.records:
                self.archive.drop(self.records[index])
            self.records[index] = self.archive.save(
                memory.features, memory.pointer, memory.score, memory.presence
            )

    def drop(self, index: int) -> None:
        """Let go of a frame that is not an anchor."""
        self.recent.pop(index, None)
        self.pointers.pop(index, None)
        record = self.records.pop(index, None)
        if record is not None and self.archive is not None:
            self.archive.drop(record)

    def memory(self, index: int) -> MemoryFrame | None:
        """The memory of a frame that is not an anchor, if it is kept."""
        if index in self.recent:
            return self.recent[index]
        if self.archive is None or index not in self.records:
            return None
        loaded = (tensor.to(self.device) for tensor in self.archive.load(self.records[index]))
        return MemoryFrame(index, *loaded)

    def pointer(self, index: int) -> Float[Tensor, " C"] | None:
        """The pointer of a frame that is not an anchor, if it is kept."""
        if index in self.pointers:
            return self.pointers[index]
        memory = self.memory(index)
        return memory.pointer if memory else None
