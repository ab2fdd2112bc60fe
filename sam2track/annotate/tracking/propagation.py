"""Propagates objects through a video and stores every frame as it is finished.

Passes of objects (see ``passes.py``) go in, masks in the database come out. Tracking itself is
:func:`sam2track.track.follow`; here is the user that gives it the prompts, and what is stored when.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial

import torch

from ...masks import encode_runs
from ...track import Session, TrackingSession, follow, walk
from ...track.snapshots import cannot_resume, load_session, save_session
from ...types import Frame, FrameOutcome
from ...video import SeekableSource, VideoError
from ..database import Anchor, Log, ProjectMask, ProjectVideo, SavedStates, StoredMasks
from ..engine import Engine
from .passes import Pass

COMMIT_EVERY = 1.0  # seconds: what a kill costs at most, and the tracking since the last state
SAVE_EVERY = 5.0  # seconds from state to state
SAVE_FRAMES = 64  # and frames at most, so that a correction need not go back further


@dataclass(frozen=True, slots=True)
class Step:
    """A frame that propagation has finished.

    Attributes:
        direction: 1 = forward, -1 = backward.
        masks: those that are new; none on a frame that is only passed on the way to others.
        left: how many frames of this propagation are still to come.
    """

    frame: int
    direction: int
    masks: tuple[ProjectMask, ...]
    left: int


@dataclass(frozen=True, slots=True)
class Part:
    """What is to be done for one object in one walk through frames.

    Attributes:
        one: the pass.
        wanted: the frames that are not there yet.
        state: id and frame of a saved state to go on from, or None: from the first anchor.
    """

    object_id: int
    one: Pass
    wanted: frozenset[int]
    state: tuple[int, int] | None

    @property
    def first(self) -> int:
        """The frame with which tracking begins."""
        if self.state is None:
            return self.one.anchors[0].frame
        return self.state[1] + self.one.direction

    @property
    def last(self) -> int:
        """The last frame that is needed."""
        return (max if self.one.direction == 1 else min)(self.wanted)


class Propagation:
    """Propagates objects of one video, whose open source is given; ``log`` is the project's.

    ``commit_every``: seconds; 0 = a frame is stored before it is given. None = about a second.
    """

    def __init__(
        self,
        log: Log,
        video: ProjectVideo,
        source: SeekableSource,
        engine: Engine,
        commit_every: float | None = None,
    ) -> None:
        self.commit_every = COMMIT_EVERY if commit_every is None else commit_every
        self.video, self.source, self.engine = video, source, engine
        self.masks, self.states, self.store = StoredMasks(log), SavedStates(log.store), log.store
        self.pending: list[ProjectMask] = []
        self.tracked: list[tuple[int, int, str]] = []  # prompted frames, with their anchors' hash
        self.state: tuple[int, int, bytes, dict[int, str]] | None = None

    def parts(self, passes: Mapping[int, Sequence[Pass]]) -> list[list[Part]]:
        """What is to be done, in groups that are tracked together, by object id and its passes."""
        parts: list[Part] = []
        for object_id, own in passes.items():
            for one in own:
                wanted = self.masks.missing(object_id, one, self.video.length)
                if wanted:
                    state = self.states.nearest(object_id, one, wanted[0])
                    parts.append(Part(object_id, one, frozenset(wanted), state))
        # In the order in which objects join an undisturbed run: so results are the same to the bit.
        parts.sort(key=_order)
        groups: list[list[Part]] = []
        for part in parts:
            if not groups or not _touches(groups[-1], part):
                groups.append([])
            groups[-1].append(part)
        return groups

    def run(self, passes: Mapping[int, Sequence[Pass]]) -> Iterator[Step]:
        """Track what is missing. However it ends, every frame that was given is stored.

        ValueError if a frame cannot be read or a prompt does not fit, ProjectError if the project
        cannot be written.
        """
        groups = self.parts(passes)
        left = sum(len(_frames(group)) for group in groups)
        for group in groups:
            with closing(self._track(group)) as tracked:
                for frame, masks in tracked:
                    left -= 1
                    yield Step(frame, group[0].one.direction, masks, left)

    def _track(
        self, group: list[Part]
    ) -> Generator[tuple[int, tuple[ProjectMask, ...]], None, None]:
        """Track a group of objects, storing from time to time."""
        direction, frames = group[0].one.direction, _frames(group)
        user = PassUser(group, self)
        session = self.engine.start(length=self.video.length)
        read = partial(walk, self.source, frames[0], direction, len(frames))
        by_object = {part.object_id: part for part in group}
        keys = {key: direction for part in group for key in part.one.keys}
        provenance = self.masks.provenance_ids(self.engine, keys)
        written = saved = time.monotonic()
        last = None
        try:
            for frame, outcome in follow(session, read, user, direction=direction):
                masks = self._masks(session, frame, outcome, by_object, user.anchors, provenance)
                self.pending += masks
                now = time.monotonic()
                # Objects that are tracked together influence each other's rounding. So that a run
                # that was killed goes on with the same objects, a state is saved when one leaves.
                due = now - saved > SAVE_EVERY or frame.index % SAVE_FRAMES == SAVE_FRAMES - 1
                due = due or any(part.last == frame.index for part in group)
                if due and self._offer(session, frame.index, by_object):
                    saved = now
                if now - written >= self.commit_every or self.state is not None:
                    self._commit(direction)
                    written = now
                last = frame.index
                yield last, tuple(masks)
        except (GeneratorExit, VideoError):  # the session has not gone beyond the last frame
            if last is not None:
                self._offer(session, last, by_object)
            raise
        finally:
            self._commit(direction)

    def _masks(
        self,
        session: Session,
        frame: Frame,
        outcome: FrameOutcome,
        parts: Mapping[int, Part],
        anchors: Mapping[int, Mapping[int, Anchor]],
        provenance: Mapping[str, int],
    ) -> list[ProjectMask]:
        """The masks of a frame that are wanted."""
        ids = outcome.object_ids
        rows = [k for k, own in enumerate(ids) if frame.index in parts[own].wanted]
        if not rows:
            return []
        result = session.render(_rows(outcome, rows), frame).cpu()
        found = []
        for place, object_id in enumerate(result.object_ids):
            one = parts[object_id].one
            prompted = anchors[object_id].get(frame.index)
            if prompted is not None:
                self.tracked.append((object_id, frame.index, prompted.digest))
            found.append(
                ProjectMask(
                    object_id,
                    frame.index,
                    encode_runs(result.masks[place].numpy())["counts"],
                    self.video.size,
                    float(result.scores[place]),
                    float(result.presence[place]),
                    "propagated" if prompted is None else "prompt",
                    provenance[one.key(frame.index)],
                )
            )
        return found

    def _offer(self, session: Session, frame: int, parts: Mapping[int, Part]) -> bool:
        """Take the session's state after a frame, to be stored with its masks, if it can be."""
        if not isinstance(session, TrackingSession) or cannot_resume(session) is not None:
            return False
        keys = {own: parts[own].one.key(frame) for own in session.object_ids}
        self.state = frame, self.video.id, save_session(session), keys
        return True

    def _commit(self, direction: int) -> None:
        """Store what is finished, in one transaction."""
        if not self.pending and self.state is None:
            return
        with self.store.writing() as connection:
            self.masks.add(connection, self.pending, self.tracked)
            if self.state is not None:
                frame, video_id, data, keys = self.state
                self.states.save(connection, video_id, direction, frame, data, keys)
        self.pending, self.tracked, self.state = [], [], None


class PassUser:
    """The user of a walk: the objects of a group join it in order, are corrected, and leave it."""

    def __init__(self, group: Sequence[Part], propagation: Propagation) -> None:
        self.group, self.propagation = group, propagation
        self.anchors = {
            part.object_id: {own.frame: own for own in part.one.anchors} for part in group
        }

    def prompt(self, session: Session, frame: Frame, direction: int) -> None:
        here = frame.index
        reached = [part for part in self.group if (here - part.first) * direction >= 0]
        for part in reached:
            over = (here - part.last) * direction > 0
            if over and part.object_id in session.object_ids:
                _remove(session, part.object_id)
        current = [part for part in reached if (part.last - here) * direction >= 0]
        self._load(session, [part for part in current if part.state and part.first == here])
        due = []
        for part in current:
            anchor = self.anchors[part.object_id].get(here)
            if anchor is None:
                continue
            if anchor.restart and part.object_id in session.object_ids:
                _remove(session, part.object_id)
            due.append((part.object_id, anchor))
        if any(object_id in session.object_ids for object_id, _ in due):
            session.advance(frame, direction=direction)  # a correction is about what was tracked
        for object_id, anchor in due:
            for prompt in anchor.prompts():
                session.prompt(object_id, prompt, frame)

    def finish(self) -> None:
        """Every prompt was on a frame that came."""

    def _load(self, session: Session, joining: Sequence[Part]) -> None:
        """Let objects go on from their saved states."""
        for state_id in dict.fromkeys(part.state[0] for part in joining if part.state):
            saved = self.propagation.engine.start(length=self.propagation.video.length)
            assert isinstance(session, TrackingSession)
            assert isinstance(saved, TrackingSession)
            load_session(saved, self.propagation.states.load(state_id))
            mine = {part.object_id for part in joining if part.state and part.state[0] == state_id}
            session.objects |= {k: own for k, own in saved.objects.items() if k in mine}


def _remove(session: Session, object_id: int) -> None:
    assert isinstance(session, TrackingSession)
    session.remove(object_id)


def _order(part: Part) -> tuple[int, int, int, int]:
    direction = part.one.direction
    begin = part.one.anchors[0].frame * direction
    return -direction, part.first * direction, begin, part.object_id


def _touches(group: Sequence[Part], part: Part) -> bool:
    """Whether a part begins before the parts of a group, sorted with it, have ended."""
    direction = part.one.direction
    if group[0].one.direction != direction:
        return False
    if part.object_id in {own.object_id for own in group}:
        return False
    end = max(own.last * direction for own in group)
    return part.first * direction <= end


def _frames(group: Sequence[Part]) -> range:
    """The frames that a group walks through."""
    direction = group[0].one.direction
    last = max(part.last * direction for part in group) * direction
    return range(group[0].first, last + direction, direction)


def _rows(outcome: FrameOutcome, rows: list[int]) -> FrameOutcome:
    """Some objects of an outcome."""
    if len(rows) == len(outcome.object_ids):
        return outcome
    where = torch.tensor(rows, device=outcome.logits.device)
    windows = outcome.windows and tuple(outcome.windows[row] for row in rows)
    return replace(
        outcome,
        object_ids=tuple(outcome.object_ids[row] for row in rows),
        logits=outcome.logits[where],
        scores=outcome.scores[where],
        presence=outcome.presence[where],
        windows=windows,
    )
