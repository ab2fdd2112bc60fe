"""Sends results to the sinks, with progress, interrupts, and the last lines."""

from __future__ import annotations

import signal
from collections.abc import Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from ..sinks import FanOut, Sink
from ..track.review import Review
from ..types import Frame, FrameResult
from . import RunFailed, counted

INTERRUPTS = (signal.SIGINT, signal.SIGTERM)
# tqdm's own, but always frames per second: slow runs would show seconds per frame
BAR = "{percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} [{remaining} left, {rate_noinv_fmt}{postfix}]"


@dataclass(frozen=True, slots=True)
class Written:
    """The summary of a run."""

    frames: int  # how many were written
    objects: int  # how many different objects were on them
    last: int  # the last one's index
    # Why the run stopped, or None at the end of the video
    broken_off: ValueError | KeyboardInterrupt | None


def progress(tracked: Iterable, count: int | None, name: str | None = None) -> tqdm:
    """The items with a progress bar.

    Args:
        count: how many there will be; None = unknown.
        name: their kind, to the left of the bar.
    """
    layout = BAR if name is None else "{desc}: " + BAR
    bar_format = layout if count else None
    return tqdm(tracked, name, count, unit=" frames", bar_format=bar_format, disable=None)


def write(
    tracked: Iterable[tuple[Frame, FrameResult]],
    sinks: Sequence[Sink],
    review: Review,
    count: int | None,
    thread: Executor | None = None,
) -> Written:
    """Send every result to the sinks, with a progress bar, and finish their files.

    Args:
        thread: see :class:`sam2track.sinks.FanOut`.

    Raises:
        RunFailed: if the disk cannot be written; the sinks have removed partial files.
    """
    objects: set[int] = set()
    frames, last, broken_off = 0, -1, None
    listening = {number: signal.getsignal(number) for number in INTERRUPTS}
    try:
        with FanOut(sinks, thread=thread) as fan_out:
            try:
                for frame, result in (bar := progress(tracked, count)):
                    result = result.cpu()
                    fan_out.write(frame, result)
                    review.add(result)
                    frames, last = frames + 1, frame.index
                    objects.update(result.object_ids)
                    bar.set_postfix_str(f"objects={len(result.object_ids)}", refresh=False)
            except (ValueError, KeyboardInterrupt) as reason:
                broken_off = reason
            for number in INTERRUPTS:
                signal.signal(number, signal.SIG_IGN)  # the files are being finished
            for object_id, notes in review.notes().items():
                for note in notes:
                    fan_out.note(object_id, note)
    except OSError as error:
        raise RunFailed(f"{error}; stopped after frame {last}") from error
    finally:
        for number, handler in listening.items():
            signal.signal(number, handler)
    return Written(frames, len(objects), last, broken_off)


def report(written: Written, review: Review, folder: Path, seconds: float) -> None:
    """The last lines: masks to check, the folder of the results, why the run stopped.

    Raises:
        RunFailed, KeyboardInterrupt: if the run was stopped.
    """
    for object_id, notes in review.notes().items():
        print(f"object {object_id} deserves a look: {'; '.join(notes)}")
    frames = counted(written.frames, "frame")
    if isinstance(written.broken_off, KeyboardInterrupt):
        message = f"interrupted after frame {written.last}; {frames} in {folder}"
        raise type(written.broken_off)(message)
    if written.broken_off is not None:
        raise RunFailed(f"{written.broken_off}; {frames} in {folder}") from written.broken_off
    objects = counted(written.objects, "object")
    print(f"{frames}, {objects}, {written.frames / seconds:.1f} frames a second: {folder}")
