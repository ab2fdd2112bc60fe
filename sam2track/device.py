"""Where the model runs and in which precision: decided here and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import cv2
import torch

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def pick_device(device: str | torch.device = "auto") -> torch.device:
    """The device of that name; "auto" is the first CUDA device if there is one, else the CPU.

    Raises:
        ValueError: if the device is unknown or not there.
    """
    if str(device) == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        picked = torch.device(device)
    except RuntimeError:
        raise ValueError(f"device {device!r} is unknown; use auto, cpu, cuda or cuda:N") from None
    if picked.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"device {device!r} was asked for, but PyTorch sees no CUDA device here")
    return picked


def pick_precision(precision: str, device: torch.device) -> torch.dtype:
    """The arithmetic of that name; "auto" is bf16 where that is fast, else fp32.

    Fast are CUDA devices with bf16 and CPUs with AMX (Intel's, since 2023).

    Raises:
        ValueError: if there is no such precision.
    """
    if precision == "auto":
        fast = torch.cuda.is_bf16_supported() if device.type == "cuda" else _cpu_has_amx()
        return torch.bfloat16 if fast else torch.float32
    if precision not in PRECISIONS:
        raise ValueError(f"precision {precision!r} is unknown; use auto, {', '.join(PRECISIONS)}")
    return PRECISIONS[precision]


def _cpu_has_amx() -> bool:
    """Whether the CPU multiplies bf16 matrices in hardware; an older PyTorch does not tell."""
    tell = getattr(torch.cpu, "get_capabilities", dict)
    return bool(tell().get("amx_bf16", False))


def use_threads(threads: int | None) -> None:
    """Compute on so many CPU threads, in the whole process, PyTorch and OpenCV; None = as before.

    Raises:
        ValueError: if it is less than 1.
    """
    if threads is None:
        return
    if threads < 1:
        raise ValueError(f"threads={threads}: must be a whole number from 1")
    torch.set_num_threads(threads)
    cv2.setNumThreads(threads)


@contextmanager
def cpu_threads(threads: int | None) -> Iterator[None]:
    """:func:`use_threads` for a while."""
    before = torch.get_num_threads(), cv2.getNumThreads()
    use_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        cv2.setNumThreads(before[1])


def autocast(device: torch.device, dtype: torch.dtype) -> torch.autocast:
    """Run in ``dtype`` what gains from it; fp32 runs everything as it is."""
    return torch.autocast(device.type, dtype=dtype, enabled=dtype != torch.float32)
