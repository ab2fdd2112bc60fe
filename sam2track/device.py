"""Where and how the model computes: device, precision, CPU threads."""

from __future__ import annotations

import ctypes
import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import cv2
import torch

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # glibc's malloc.h


def pick_device(device: str | torch.device = "auto") -> torch.device:
    """The device of that name; "auto" is the first CUDA device if there is one, else the CPU.

    Raises:
        ValueError: if the device is unknown or missing.
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
    """The dtype of that precision; "auto" is bf16 where that is fast, else fp32.

    It is fast on CUDA devices with bf16 and on CPUs with bf16 instructions: AMX (Intel's, since
    2023) or AVX512_BF16 (AMD's, since 2022).

    Raises:
        ValueError: if there is no such precision.
    """
    if precision == "auto":
        told = getattr(torch.cpu, "get_capabilities", dict)()  # an older PyTorch does not tell
        fast = any(told.get(name, False) for name in ("amx_bf16", "avx512_bf16"))
        if device.type == "cuda":
            fast = torch.cuda.is_bf16_supported()
        return torch.bfloat16 if fast else torch.float32
    if precision not in PRECISIONS:
        raise ValueError(f"precision {precision!r} is unknown; use auto, {', '.join(PRECISIONS)}")
    return PRECISIONS[precision]


def is_eager() -> bool:
    """Whether layers compute at once: without gradients, compilation and tracing."""
    if torch.is_grad_enabled() or torch.compiler.is_compiling():
        return False
    return not torch.jit.is_tracing()  # pyright: ignore[reportPrivateImportUsage]


def keep_freed_memory() -> None:
    """Let the C library keep freed memory, in the whole process, for later use.

    glibc returns large blocks to the system at once and requests them again, zeroed page by page,
    for every frame: a tenth of the time of eight objects. Other C libraries are not changed.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, 1 << 25)  # the largest value
        mallopt(_M_TRIM_THRESHOLD, 1 << 30)


def use_threads(threads: int | None) -> None:
    """Use this number of CPU threads, in the whole process, PyTorch and OpenCV; None = as before.

    Raises:
        ValueError: if it is less than 1.
    """
    if threads is None:
        return
    if threads < 1:
        raise ValueError(f"threads={threads}: must be a whole number from 1")
    torch.set_num_threads(threads)
    cv2.setNumThreads(threads)


_before: dict[int, tuple[int, int]] = {}  # by thread that is in a block: the counts before it
_lock = threading.Lock()


@contextmanager
def cpu_threads(threads: int | None) -> Iterator[None]:
    """:func:`use_threads` in a context; contexts may be nested, and overlap in several threads.

    It takes less than a microsecond. New threads begin with the number of the current context.
    """
    me, now = threading.get_ident(), (torch.get_num_threads(), cv2.getNumThreads())
    with _lock:
        nested = me in _before
        before = now if nested else next(iter(_before.values()), now)
        _before.setdefault(me, before)
    try:
        use_threads(threads)
        yield
    finally:
        with _lock:
            if not nested:
                del _before[me]
            torch.set_num_threads(before[0])
            cv2.setNumThreads(before[1])


def model_threads(small_on_cpu: bool) -> AbstractContextManager[None]:
    """One thread for a model that is :attr:`~sam2track.model.SAM2.small_on_cpu`, in a context.

    Its operations are too short to be split between cores. On a machine that is busy with something
    else, cores that wait for each other make a frame take ten times as long. Within
    :func:`cpu_threads` nothing changes, since the caller has chosen.
    """
    decided = threading.get_ident() in _before
    return cpu_threads(1) if small_on_cpu and not decided else nullcontext()


def autocast(device: torch.device, dtype: torch.dtype) -> torch.autocast:
    """Run operations that are faster in ``dtype`` in it; fp32 changes nothing."""
    return torch.autocast(device.type, dtype=dtype, enabled=dtype != torch.float32)
