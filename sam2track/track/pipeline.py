"""The path of a frame: source, prompts, session, rendered results.

Every caller that tracks a video goes through :func:`track`: the command, the benchmark, the scores
of a training.
"""

from __future__ import annotations

import sys
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Protocol

import numpy as np
from jaxtyping import Bool

from ..prompts import PlacedPrompt, Prompt
from ..types import Frame, FrameOutcome, FrameResult
from ..video import FramesAhead, SeekableSource, VideoSource, read_ahead
from .session import TrackingSession


class Session(Protocol):
    """What follows the objects of one video: see :class:`TrackingSession`."""

    @property
    def object_ids(self) -> tuple[int, ...]: ...

    @property
    def lag(self) -> int | None: ...

    def prompt(self, object_id: int, prompt: Prompt, frame: Frame) -> Bool[np.ndarray, "H W"]: ...

    def remove(self, object_id: int) -> None: ...

    def advance(self, frame: Frame, *, direction: int = 1) -> FrameOutcome: ...

    def settled(self) -> Iterator[FrameOutcome]: ...

    def flush(self) -> Iterator[FrameOutcome]: ...

    def render(self, outcome: FrameOutcome, frame: Frame) -> FrameResult: ...


class User(Protocol):
    """Who says what is to be tracked."""

    def prompt(self, session: Session, frame: Frame, direction: int) -> None:
        """Give the session the prompts of a frame, before it is tracked.

        To see the frame's outcome first, advance the session onto it.
        """
        ...

    def finish(self) -> None:
        """Called after the last frame.

        Raises:
            ValueError: if a prompt is left whose frame did not come.
        """
        ...


class PlannedPrompts:
    """A user whose prompts are known before."""

    def __init__(self, placed: Iterable[PlacedPrompt]) -> None:
        self.due: dict[int, list[PlacedPrompt]] = defaultdict(list)
        for item in placed:
            self.due[item.frame].append(item)

    def prompt(self, session: Session, frame: Frame, direction: int) -> None:
        items = self.due.pop(frame.index, [])
        if any(item.object_id in session.object_ids for item in items):
            session.advance(frame, direction=direction)  # a correction is about what was tracked
        for item in items:
            session.prompt(item.object_id, item.prompt, frame)

    def finish(self) -> None:
        if self.due:
            index, items = next(iter(self.due.items()))
            raise ValueError(f"{items[0].source}: the video ended before frame {index}")


def track(
    session: Session,
    read: Callable[[], Iterable[Frame]],
    user: User | Sequence[PlacedPrompt],
    *,
    direction: int = 1,
) -> Iterator[tuple[Frame, FrameResult]]:
    """Each frame with its final result, in the order of tracking.

    Frames are read ahead in a thread; where that is faster (a small model on a CPU), they are
    encoded there too. With a memory that decides some frames later, frames wait for their results;
    with one that decides at the end, the frames are read a second time instead.

    Args:
        read: begins a pass over the frames, in the order of ``direction``; see :func:`walk`.
        user: gives the prompts; a list of them will do.
        direction: 1 = forward, -1 = back in time.

    Raises:
        ValueError: a frame cannot be read, or a prompt does not fit. What was tracked before comes
            first.
    """
    for frame, outcome in follow(session, read, user, direction=direction):
        yield frame, session.render(outcome, frame)


def follow(
    session: Session,
    read: Callable[[], Iterable[Frame]],
    user: User | Sequence[PlacedPrompt],
    *,
    direction: int = 1,
) -> Iterator[tuple[Frame, FrameOutcome]]:
    """:func:`track` without rendering."""
    user = PlannedPrompts(user) if isinstance(user, Sequence) else user
    waiting: deque[Frame] = deque()
    broken_off = None
    with _reading(session, read()) as frames:
        try:
            for frame in frames:
                user.prompt(session, frame, direction)
                if isinstance(session, TrackingSession) and isinstance(frames, FramesAhead):
                    session.expect(frames.next())
                session.advance(frame, direction=direction)
                if session.lag is not None:
                    waiting.append(frame)
                for outcome in session.settled():
                    yield waiting.popleft(), outcome
            user.finish()
        except ValueError as reason:  # what was tracked until then is good
            broken_off = reason
    rest = iter(read() if session.lag is None else waiting)
    for outcome in session.flush():  # frames before the first object are passed already
        frame = next((frame for frame in rest if frame.index == outcome.index), None)
        if frame is not None:  # None: the user advanced onto it and then failed
            yield frame, outcome
    if broken_off is not None:
        raise broken_off


@contextmanager
def _reading(session: Session, frames: Iterable[Frame]) -> Iterator[Iterator[Frame]]:
    """Frames read ahead, and encoded there too where the session gains by it."""
    if isinstance(session, TrackingSession) and session.workers.most > 1:
        ready = frames if session.zoom.factor else session.encode_ahead(frames)
        with session.workers.share_cpu(len(session.objects)), read_ahead(ready) as ahead:
            yield ahead
    else:
        with read_ahead(frames) as ahead:
            yield ahead


def walk(
    source: VideoSource, start: int = 0, direction: int = 1, frames: int | None = None
) -> Iterator[Frame]:
    """A source's frames from ``start`` on, forward (1) or back in time (-1).

    Args:
        frames: how many at most.
    """
    if isinstance(source, SeekableSource):
        stop = -1 if direction == -1 else sys.maxsize
        indices = range(start, stop, direction)
        for index in indices if frames is None else indices[:frames]:
            try:
                frame = source[index]
            except IndexError:
                return
            yield frame
    else:
        passed = (frame for frame in source if frame.index >= start)
        yield from islice(passed, frames)
