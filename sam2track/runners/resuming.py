"""Runs of ``track`` that go on after they were interrupted (``resume=true``)."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import cast

from omegaconf import DictConfig, OmegaConf

from ..prompts import PlacedPrompt
from ..sinks import JournalSink, SavedState, read_results, read_state
from ..track import TrackingSession, track, walk
from ..track.snapshots import cannot_resume, load_session, save_session
from ..types import Frame, FrameResult
from ..video import SeekableSource, VideoSource
from .output import FINISHED, RUN_FILE, changed_settings

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

    def __init__(
        self,
        config: DictConfig,
        folder: Path,
        source: VideoSource,
        placed: Sequence[PlacedPrompt],
    ) -> None:
        self.folder = folder / JOURNAL
        self.state: SavedState | None = None
        self.sinks: list[JournalSink] = []
        if config.direction == 0 or not isinstance(source, SeekableSource):
            if config.resume:
                what = "direction=both" if config.direction == 0 else "a live source"
                raise ValueError(f"resume=true: {what} cannot go on in the middle")
            return
        if config.resume:
            self.state = read_state(self.folder)
        inputs = _fingerprint(source, placed)
        if self.state is not None and self.state.inputs != inputs:
            raise ValueError(
                f"resume=true: the video or the prompts are not those of the run in {folder}; run "
                "without resume=true"
            )
        after = None if self.state is None else self.state.index
        self.sinks = [JournalSink(self.folder, inputs, after)]

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
            index = self.state.index
            load_session(session, self.state.session)
            print(f"resumed after frame {index}")
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
    """Whether ``resume=true`` finds a run that needs nothing more.

    Raises:
        ValueError: if it finds a run with other settings.
    """
    if config.resume and (folder / RUN_FILE).is_file():
        earlier = cast(DictConfig, OmegaConf.load(folder / RUN_FILE))
        for key, had, value in changed_settings(earlier, config, MAY_DIFFER):
            raise ValueError(
                f"resume=true: {key}={value}, but the run in {folder} had {had}; give "
                "the same settings, or run without resume=true"
            )
        return (folder / FINISHED).exists()
    return False


def _fingerprint(source: VideoSource, placed: Sequence[PlacedPrompt]) -> str:
    """A hash of what a run is about: the video (its file, not its content) and the prompts."""
    path = getattr(source, "path", None)
    file = (os.stat(path).st_size, os.stat(path).st_mtime_ns) if path else ()
    digest = hashlib.sha256(repr((source.size, source.length, file)).encode())
    for item in placed:
        prompt = item.prompt
        digest.update(repr((item.object_id, item.frame)).encode())
        for part in (prompt.points, prompt.labels, prompt.box, prompt.mask):
            digest.update(b"-" if part is None else part.tobytes())
    return digest.hexdigest()[:16]
