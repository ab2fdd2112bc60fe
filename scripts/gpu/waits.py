"""Where a step waits for the device, and how busy the device is."""

from __future__ import annotations

import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

import sam2track
from sam2track import Frame, TrackingSession

PACKAGE = Path(sam2track.__file__).parent
WARNING = "called a synchronizing CUDA operation"


@contextmanager
def waits(device: torch.device) -> Iterator[Counter[str]]:
    """Counts, by place in the package, the operations in the context that wait for the device.

    PyTorch warns of them; a warning is counted at the innermost line of this package.
    """
    places: Counter[str] = Counter()

    def note(message: Warning | str, *_: object, **__: object) -> None:
        if WARNING in str(message):
            places[_place()] += 1

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = note  # type: ignore[assignment]
        if device.type == "cuda":
            torch.cuda.set_sync_debug_mode("warn")
        try:
            yield places
        finally:
            if device.type == "cuda":
                torch.cuda.set_sync_debug_mode("default")


def _place() -> str:
    """The innermost two lines of this package on the stack, the first with its source."""
    stack = [f for f in traceback.extract_stack() if Path(f.filename).is_relative_to(PACKAGE)]
    if not stack:
        return "outside the package"
    inner, outer = stack[-1], stack[-2] if len(stack) > 1 else stack[-1]
    names = [f"{'/'.join(Path(f.filename).parts[-2:])}:{f.lineno}" for f in (inner, outer)]
    return f"{names[0]} {inner.name}, called at {names[1]}: `{inner.line}`"


def profiled(
    session: TrackingSession, frames: Iterable[Frame], wait: Callable[[], None]
) -> tuple[str, ...]:
    """Of a frame: ms by the clock, ms in which the device worked, kernels, waits, longest kernels.

    The clock runs over half of the frames, without the profiler.
    """
    frames = list(frames)
    half = len(frames) // 2
    wait()
    start = time.perf_counter()
    for frame in frames[:half]:
        session.step(frame)
    wait()
    clock = (time.perf_counter() - start) / half
    with torch.profiler.profile() as record:
        for frame in frames[half:]:
            session.step(frame)
        wait()
    rest, busy, launched = len(frames) - half, 0.0, 0
    names: Counter[str] = Counter()
    longest: Counter[str] = Counter()
    for event in record.events() or ():
        names[event.name] += 1
        if event.device_type == torch.autograd.DeviceType.CUDA:
            spent = event.time_range.elapsed_us() / 1000
            busy, launched = busy + spent, launched + 1
            longest[event.name[:60]] += spent  # type: ignore[assignment]
    waited = names["cudaStreamSynchronize"] + names["cudaDeviceSynchronize"]
    top = ", ".join(f"{name} {spent / rest:.2f}" for name, spent in longest.most_common(4))
    return (
        f"{1000 * clock:.1f}",
        f"{busy / rest:.1f}",
        f"{launched / rest:.0f}",
        f"{names['cudaMemcpyAsync'] / rest:.0f}",
        f"{waited / rest:.0f}",
        top,
    )
