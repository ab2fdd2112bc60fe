"""Tensors in a temporary file, for sessions that may come back to any frame.

The operating system keeps the file in its page cache while there is room, and removes it when the
process ends.
"""

from __future__ import annotations

import math
import os
import tempfile
import threading
from collections import defaultdict
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Record:
    """Where a group of tensors lies in the file, and what they are."""

    offset: int
    shapes: tuple[torch.Size, ...]
    dtypes: tuple[torch.dtype, ...]

    @property
    def sizes(self) -> list[int]:
        """Bytes of each tensor."""
        return [
            math.prod(shape) * dtype.itemsize
            for shape, dtype in zip(self.shapes, self.dtypes, strict=True)
        ]


class Archive:
    """Saves groups of tensors and loads them again; the space of dropped records is used again.

    Several threads may use it at once.

    Args:
        folder: where the file is made; default: the system's folder for temporary files.
    """

    def __init__(self, folder: str | None = None) -> None:
        self.file = tempfile.TemporaryFile(dir=folder, prefix="sam2track-")  # noqa: SIM115
        self.lock = threading.Lock()  # guards `end` and `free`
        self.end = 0
        self.free: dict[int, list[int]] = defaultdict(list)  # bytes -> offsets

    def save(self, *tensors: Tensor) -> Record:
        """Write tensors of any shape and dtype.

        Raises:
            OSError: if the disk is full.
        """
        data = b"".join(_bytes(tensor) for tensor in tensors)
        with self.lock:
            offsets = self.free[len(data)]
            offset = offsets.pop() if offsets else self.end
            self.end = max(self.end, offset + len(data))
        written = os.pwrite(self.file.fileno(), data, offset)
        if written != len(data):
            raise OSError(f"only {written} of {len(data)} bytes fit into {tempfile.gettempdir()}")
        return Record(offset, tuple(t.shape for t in tensors), tuple(t.dtype for t in tensors))

    def load(self, record: Record) -> tuple[Tensor, ...]:
        """Read them back, on the CPU."""
        data = bytearray(os.pread(self.file.fileno(), sum(record.sizes), record.offset))
        tensors, start = [], 0
        for size, shape, dtype in zip(record.sizes, record.shapes, record.dtypes, strict=True):
            flat = torch.frombuffer(data, dtype=torch.uint8, offset=start, count=size)
            tensors.append(flat.view(dtype).view(shape))
            start += size
        return tuple(tensors)

    def drop(self, record: Record) -> None:
        """Free a record's space."""
        with self.lock:
            self.free[sum(record.sizes)].append(record.offset)


def _bytes(tensor: Tensor) -> bytes:
    return tensor.detach().contiguous().cpu().view(-1).view(torch.uint8).numpy().tobytes()
