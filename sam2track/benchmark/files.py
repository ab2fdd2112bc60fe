"""The files of a run, and the peak memory of a process."""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import torch

from ..data.readers.sequence import VideoSequence
from ..files import write_text


def record_path(out: Path, name: str) -> Path:
    """The record of a sequence; the sequence is finished when this file exists."""
    return out / "sequences" / f"{name}.json"


def write_record(
    out: Path, sequence: VideoSequence, frames: int, seconds: float, **more: Any
) -> None:
    """Write the record of a sequence: the common fields and ``more``."""
    about = {"sequence": sequence.name, "attributes": list(sequence.attributes)}
    speed = {"frames": frames, "seconds": seconds, "fps": frames / seconds}
    write_json(record_path(out, sequence.name), about | speed | more)


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file, completely or not at all."""
    write_text(path, json.dumps(content, indent=1, allow_nan=False) + "\n")


@contextmanager
def measure_memory() -> Iterator[dict[str, float]]:
    """Peak memory inside the block, known after it, in MB.

    ``ram`` is the whole process's (off Linux, that since its start), ``cuda`` what PyTorch used on
    its CUDA device, if there is one.
    """
    peaks: dict[str, float] = {}
    with suppress(OSError):  # not Linux, or not allowed
        Path("/proc/self/clear_refs").write_text("5")
    devices = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()
    for device in devices:
        torch.cuda.reset_peak_memory_stats(device)
    yield peaks
    peaks["ram"] = _peak_ram()
    if devices:
        peaks["cuda"] = max(torch.cuda.max_memory_allocated(device) for device in devices) / 1e6


def _peak_ram() -> float:
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
