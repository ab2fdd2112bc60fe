"""Runs of ``track`` that go on after they were interrupted (``resume=true``)."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import cast

from omegaconf import DictConfig, OmegaConf

from ..prompts import PlacedPrompt
from ..sinks import JournalSink, read_results, read_state
from ..track import TrackingSession, track, walk
from ..track.snapshots import cannot_resume, load_session, save_session
from ..types import Frame, FrameResult
from ..video import SeekableSource, VideoSource
from .output import RUN_FILE

JOURNAL = ".journal"
SAVE_EVERY = 5.0  # seconds
MAY_DIFFER = ("out", "resume", "threads")  # settings that change no result


class Resumable:
    """One pass through a video that is noted in a journal, and may begin in the middle.

    Args:
        config: of the run.
        folder: where its results go.

    Raises:
        ValueError: if ``resume=true`` cannot be done; the message says why.
    """

    def __init__(self, config: DictConfig, folder: Path, source: VideoSource) -> None:
        self.folder = folder / JOURNAL
        self.state: tuple[int, bytes] | None = None
        self.sinks: list[JournalSink] = []
        if config.direction == 0 or not isinstance(source, SeekableSource):
            if config.resume:
                what = "direction=0 tracks twice" if config.direction == 0 else "a live source"
                raise ValueError(f"resume=true: {what}, and cannot go on in the middle")
            return
        if config.resume and (folder / RUN_FILE).is_file():
            _check_same(config, folder)
            self.state = read_state(self.folder)
        self.sinks = [JournalSink(self.folder, after=self.state and self.state[0])]

    def track(
        self,
        session: TrackingSession,
        source: VideoSource,
        placed: Sequence[PlacedPrompt],
        *,
        start: int,
        config: DictConfig,
    ) -> Iterator[tuple[Frame, FrameResult]]:
        """:func:`sam2track.track.track`, after the results that there are already."""
        direction, frames = config.direction, config.frames
        if self.state is not None:
            index, state = self.state
            load_session(session, state)
            yield from zip(
                walk(source, start, direction), read_results(self.folder, index), strict=False
            )
            placed = [item for item in placed if (item.frame - index) * direction > 0]
            done = (index - start) * direction + 1
            start, frames = index + direction, frames and frames - done
        read = partial(walk, source, start, direction, frames)
        saved = time.monotonic()
        for frame, result in track(session, read, placed, direction=direction):
            yield frame, result
            if time.monotonic() - saved > SAVE_EVERY:
                saved = time.monotonic()
                if cannot_resume(session) is None:
                    for journal in self.sinks:
                        journal.offer(frame.index, save_session(session))
        if config.resume and (reason := cannot_resume(session)):
            print(f"note: this run could not have been resumed: {reason}")


def is_finished(config: DictConfig, folder: Path) -> bool:
    """Whether ``resume=true`` finds a run that needs nothing more."""
    return config.resume and (folder / RUN_FILE).is_file() and not (folder / JOURNAL).exists()


def _check_same(config: DictConfig, folder: Path) -> None:
    """Refuse to go on with other settings."""
    earlier, now = (
        cast(dict, OmegaConf.to_container(one, resolve=False))
        for one in (OmegaConf.load(folder / RUN_FILE), config)
    )
    for key, value in now.items():
        had = earlier.get(key)
        if key not in MAY_DIFFER and had != value:
            raise ValueError(
                f"resume=true: {key}={value}, but the run in {folder} had {had}; give "
                "the same settings, or run without resume=true"
            )
