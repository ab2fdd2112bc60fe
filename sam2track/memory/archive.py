"""Tensors in a temporary file, for sessions that may come back to any frame.

The operating system keeps the file in its page cache while there is free memory, and removes it
when the process ends.
"""

from __future__ import annotations

import os
import tempfile
import threading
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress

import torch
from torch import Tensor


class Record:
    """Tensors in an archive. When the record is no longer used, its space is reused."""

    def __init__(self, archive: Archive, tensors: Sequence[Tensor]) -> None:
        self.archive = archive
        self.kinds = [(t.shape, t.dtype, t.device) for t in tensors]
        data = b"".join(
            t.detach().contiguous().cpu().view(-1).view(torch.uint8).numpy().tobytes()
            for t in tensors
        )
        self.size = len(data)  # bytes
        self.offset = archive.take(self.size)
        written = os.pwrite(archive.file.fileno(), data, self.offset)
        if written != self.size:
            raise OSError(f"only {written} of {self.size} bytes fit into {tempfile.gettempdir()}")

    def load(self) -> list[Tensor]:
        """Read the tensors back, onto the devices that they were on."""
        data = bytearray(os.pread(self.archive.file.fileno(), self.size, self.offset))
        tensors, start = [], 0
        for shape, dtype, device in self.kinds:
            flat = torch.frombuffer(data, dtype=dtype, offset=start, count=shape.numel())
            tensors.append(flat.view(shape).to(device))
            start += flat.nbytes
        return tensors

    def __del__(self) -> None:
        if hasattr(self, "offset"):  # not where saving failed early
            self.archive.free[self.size].append(self.offset)


class Archive:
    """Saves groups of tensors. Several threads may use it at once."""

    def __init__(self) -> None:
        self.file = tempfile.TemporaryFile(prefix="sam2track-")  # noqa: SIM115
        self.lock = threading.Lock()  # guards `end`
        self.end = 0
        self.free: dict[int, list[int]] = defaultdict(list)  # bytes -> offsets

    def save(self, *tensors: Tensor) -> Record:
        """Write tensors of any shape and dtype; OSError if the disk is full."""
        return Record(self, tensors)

    def take(self, size: int) -> int:
        """The offset of a free space of this many bytes."""
        with suppress(IndexError):
            return self.free[size].pop()
        with self.lock:
            offset, self.end = self.end, self.end + size
        return offset
