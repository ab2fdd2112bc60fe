"""Speed, waits and memory of sessions whose memory is full."""

from __future__ import annotations

import importlib.util
import statistics
import time
from collections.abc import Iterator
from itertools import cycle, islice

import torch
from trackers import CONFIGS, Work, take_turns

from sam2track import Frame, Prompt, TrackingSession
from sam2track.synthetic.video import SyntheticVideo

from .shared import TINY_NAME, Check, Row, random_model, real_nano
from .waits import profiled, waits

FULL = 24  # frames after which the memory is full and the steps are recorded


def _running(check: Check, name: str, objects: int) -> tuple[TrackingSession, Iterator[Frame]]:
    """A session in bf16 with full memory, and frames to go on with, without end."""
    nano = name == "nano" and not check.tiny
    model = real_nano(check.device, "bf16") if nano else random_model(name, check)
    if not nano:
        model = model.to(check.device)
        model.lower(torch.bfloat16)
    pictures = [frame.image for frame in SyntheticVideo((480, 854), 8, seed=0)]
    frames = (Frame(index, picture) for index, picture in enumerate(cycle(pictures)))
    first = next(frames)
    session = TrackingSession(model)
    for number, box in enumerate(Work(name, model, [first], objects, "").boxes(), 1):
        session.prompt(number, Prompt.from_box(box), first)
    for frame in (first, *islice(frames, FULL)):
        session.step(frame)
    check.wait()
    return session, frames


def syncs(check: Check) -> Iterator[Row]:
    """Which lines of a step wait for the device."""
    steps = 4
    for name in (TINY_NAME, "nano"):
        for objects in (1, 4):
            session, frames = _running(check, name, objects)
            with waits(check.device) as places:
                for frame in islice(frames, steps):
                    session.step(frame)
            yield name, objects, f"{sum(places.values()) / steps:g}", "all"
            for place, count in places.most_common(8):
                yield name, objects, f"{count / steps:g}", place


def profile(check: Check) -> Iterator[Row]:
    """Whether the device or Python is the limit: its busy time and the time by the clock."""
    for name, objects in ((TINY_NAME, 1), (TINY_NAME, 16), ("nano", 1), ("nano", 16)):
        session, frames = _running(check, name, objects)
        count = 4 if check.tiny else 8
        yield name, objects, *profiled(session, islice(frames, count), check.wait)


def _speed(
    check: Check, name: str, counts: tuple[int, ...], others: list[str], *, compiled: bool = False
) -> Iterator[Row]:
    """Rows of one model; ``others`` take part where they are installed."""
    for objects in counts:
        if check.left() < 5:
            return
        video = list(SyntheticVideo((480, 854), FULL + (4 if check.tiny else 24), seed=0))
        work = Work(
            name,
            random_model(name, check),
            video,
            objects,
            str(check.device),
            torch.bfloat16,
            compiled,
        )
        here = [o for o in others if importlib.util.find_spec(o) and name in CONFIGS]
        teams = [["ours", *here]] if here and not check.tiny else []
        for team in (*teams, ["ours"]):  # alone if the others fail
            until = check.until(600 if compiled else 10)
            try:
                seconds = take_turns(team, work, range(FULL, len(video)), until=until)
            except Exception as error:  # the others' too
                yield name, objects, "+".join(team), "", "", f"{type(error).__name__}: {error}"
                continue
            yield from _medians(name, objects, seconds, ", compiled" * compiled)
            break


def _medians(name: str, objects: int, seconds: dict[str, list[float]], note: str) -> Iterator[Row]:
    """A row for each tracker."""
    for who, times in seconds.items():
        middle = statistics.median(times)
        ratios = [mine / own for mine, own in zip(seconds["ours"], times, strict=True)]
        figures = (f"{1000 * middle:.1f}", f"{1 / middle:.1f}", f"{statistics.median(ratios):.2f}")
        yield name, objects, who + note, *figures


def speed(check: Check) -> Iterator[Row]:
    yield from _speed(check, TINY_NAME, (1,) if check.tiny else (1, 16), ["sam2"])
    yield from _speed(check, "nano", (1,) if check.tiny else (1, 16), [])


def speed_all(check: Check) -> Iterator[Row]:
    """The other sizes and numbers of objects, and transformers."""
    counts = (1,) if check.tiny else (1, 4, 16, 64)
    yield from _speed(check, TINY_NAME, counts[:2], ["transformers"])
    for name in (*CONFIGS, "nano"):
        own = counts if name not in (TINY_NAME, "nano") else counts[1::2]
        yield from _speed(check, name, own, ["sam2"])


def compiled(check: Check) -> Iterator[Row]:
    """Ours, and at last with the official code, whose compilation takes minutes."""
    yield from _speed(check, TINY_NAME, (1,), [], compiled=True)
    if not check.tiny:
        yield from _speed(check, "nano", (1, 16), [], compiled=True)
        yield from _speed(check, TINY_NAME, (16,), [], compiled=True)
        yield from _speed(check, TINY_NAME, (1,), ["sam2"], compiled=True)


def memory(check: Check) -> Iterator[Row]:
    """Peak memory of the device until a tenth of the frames, and in the last nine tenths."""
    for name, wanted, share in (("nano", 3000, 0.4), (TINY_NAME, 300, 0.3)):
        wanted = 20 if check.tiny else wanted
        session, frames = _running(check, name, 2)
        until = check.until(min(60.0, share * check.left()))
        peaks, done = [], 0
        for part in (wanted // 10, wanted - wanted // 10):
            if check.device.type == "cuda":
                torch.cuda.reset_peak_memory_stats(check.device)
            for frame in islice(frames, part):
                session.step(frame)
                done += 1
                if time.monotonic() > until:
                    break
            check.wait()
            cuda = check.device.type == "cuda"
            peaks.append(torch.cuda.max_memory_allocated(check.device) / 2**20 if cuda else 0.0)
        change = peaks[1] / peaks[0] - 1 if peaks[0] else 0.0
        yield name, 2, done, *(f"{peak:.1f}" for peak in peaks), f"{change:+.2%}"
