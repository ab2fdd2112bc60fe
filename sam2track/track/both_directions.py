"""A whole video around its prompts: back in time to the first frame, and forward to the last."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial

import torch

from ..memory import Archive
from ..memory.archive import Record
from ..prompts import PlacedPrompt
from ..types import Frame, FrameOutcome, WindowBox
from ..video import SeekableSource
from .pipeline import Session, follow, walk

Tracked = tuple[Frame, FrameOutcome]
Saved = tuple[tuple[int, ...], tuple[WindowBox | None, ...], Record]  # ids, windows, tensors


def follow_both(
    start: Callable[[], Session],
    source: SeekableSource,
    placed: Sequence[PlacedPrompt],
    *,
    watch: Callable[[Iterator[Tracked]], Iterable[Tracked]] = iter,
) -> Iterator[Tracked]:
    """Each frame of the video with its outcome, from the first to the last.

    Before its first prompt, an object's outcome is that of a pass back in time, from it on that of
    a pass forward. The first pass is over before the first frame comes; its outcomes wait on disk.

    Args:
        start: makes a session; each pass has its own.
        watch: goes through the pass back in time, for a progress bar.

    Raises:
        ValueError: as :func:`track`.
    """
    begins: dict[int, int] = {}  # each object's first prompt
    for item in placed:
        begins[item.object_id] = min(item.frame, begins.get(item.object_id, item.frame))
    first, last = min(begins.values()), max(item.frame for item in placed)
    archive = Archive()
    earlier: dict[int, Saved] = {}
    back = follow(start(), partial(walk, source, last, -1), placed, direction=-1)
    for frame, outcome in watch(back):
        rows = [k for k, own in enumerate(outcome.object_ids) if frame.index < begins[own]]
        if rows:
            earlier[frame.index] = _save(archive, outcome, rows)
    for frame in walk(source, 0, frames=first):
        yield frame, _load(frame.index, *earlier[frame.index])
    for frame, outcome in follow(start(), partial(walk, source, first), placed):
        if frame.index in earlier:
            outcome = _join(_load(frame.index, *earlier[frame.index]), outcome)
        yield frame, outcome


def _save(archive: Archive, outcome: FrameOutcome, rows: list[int]) -> Saved:
    tensors = (outcome.logits[rows], outcome.scores[rows], outcome.presence[rows])
    ids = tuple(outcome.object_ids[row] for row in rows)
    windows = tuple(outcome.windows[row] for row in rows)
    return ids, windows, archive.save(*tensors)


def _load(
    index: int, ids: tuple[int, ...], windows: tuple[WindowBox | None, ...], record: Record
) -> FrameOutcome:
    return FrameOutcome(index, ids, *record.load(), windows=windows)


def _join(one: FrameOutcome, other: FrameOutcome) -> FrameOutcome:
    return replace(
        one,
        object_ids=one.object_ids + other.object_ids,
        logits=torch.cat((one.logits, other.logits)),
        scores=torch.cat((one.scores, other.scores)),
        presence=torch.cat((one.presence, other.presence)),
        windows=one.windows + other.windows,
    )
