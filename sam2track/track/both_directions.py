"""A whole video around its prompts: back in time to the first frame, and forward to the last."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial

import torch

from ..memory import Archive
from ..memory.archive import Record
from ..prompts import PlacedPrompt
from ..types import Frame, FrameOutcome
from ..video import SeekableSource
from .pipeline import Session, follow, walk

Tracked = tuple[Frame, FrameOutcome]
Saved = tuple[FrameOutcome, torch.device, Record]  # an outcome without its tensors, and those


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
    begins = {item.object_id: item.frame for item in reversed(_by_frame(placed))}
    first, last = min(begins.values()), max(item.frame for item in placed)
    archive, earlier = Archive(), {}
    back = follow(start(), partial(walk, source, last, -1), placed, direction=-1)
    for frame, outcome in watch(back):
        rows = [k for k, own in enumerate(outcome.object_ids) if frame.index < begins[own]]
        if rows:
            earlier[frame.index] = _save(archive, outcome, rows)
    for frame in walk(source, 0, frames=first):
        yield frame, _load(archive, *earlier[frame.index])
    for frame, outcome in follow(start(), partial(walk, source, first), placed):
        if frame.index in earlier:
            before = _load(archive, *earlier[frame.index])
            outcome = _join(before, outcome)
        yield frame, outcome


def _by_frame(placed: Sequence[PlacedPrompt]) -> list[PlacedPrompt]:
    return sorted(placed, key=lambda item: item.frame)


def _save(archive: Archive, outcome: FrameOutcome, rows: list[int]) -> Saved:
    tensors = (outcome.logits[rows], outcome.scores[rows], outcome.presence[rows])
    nothing = torch.empty(0)
    ids = tuple(outcome.object_ids[row] for row in rows)
    windows = tuple(outcome.windows[row] for row in rows)
    rest = FrameOutcome(outcome.index, ids, nothing, nothing, nothing, windows)
    return rest, outcome.logits.device, archive.save(*tensors)


def _load(
    archive: Archive, rest: FrameOutcome, device: torch.device, record: Record
) -> FrameOutcome:
    logits, scores, presence = (part.to(device) for part in archive.load(record))
    return replace(rest, logits=logits, scores=scores, presence=presence)


def _join(one: FrameOutcome, other: FrameOutcome) -> FrameOutcome:
    return replace(
        one,
        object_ids=one.object_ids + other.object_ids,
        logits=torch.cat((one.logits, other.logits)),
        scores=torch.cat((one.scores, other.scores)),
        presence=torch.cat((one.presence, other.presence)),
        windows=one.windows + other.windows,
    )
