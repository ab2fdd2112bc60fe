"""Which frames of an object are to be tracked, from where, and in which direction.

A pass begins at an anchor and goes in one direction. Anchors on its way are corrections. It ends
before a barrier (a frame that is accepted or locked), at ``stop``, or at the end of the video.

What a pass makes of a frame follows from the video, the model, its settings, and the anchors from
the pass's beginning up to the frame. A hash of all this is the frame's key. A frame whose mask has
its key already is not tracked again: so a pass that was broken off goes on, and a correction
changes only what comes after it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from ...files import digest_of
from ..database.anchors import Anchor
from ..database.store import ProjectError


@dataclass(frozen=True, slots=True)
class Pass:
    """A pass of one object.

    Attributes:
        direction: 1 = forward, -1 = backward.
        start: the first frame whose mask is wanted.
        stop: the last one.
        anchors: from the beginning on, in the order of tracking. The first is where it begins.
        keys: one for each anchor: the key of the frames from it to the next.
    """

    direction: int
    start: int
    stop: int
    anchors: tuple[Anchor, ...]
    keys: tuple[str, ...]

    def key(self, frame: int) -> str:
        """The key of a frame of the pass."""
        way = self.direction
        place = bisect_right(self.anchors, frame * way, key=lambda own: own.frame * way)
        return self.keys[place - 1]

    def frames(self) -> range:
        """The frames that are wanted, in the order of tracking."""
        return range(self.start, self.stop + self.direction, self.direction)


@dataclass(frozen=True, slots=True)
class Subject:
    """An object as a pass sees it.

    Attributes:
        number: in its video, for messages.
        anchors: by frame, in the order in which they were given.
        barriers: frames that are accepted or locked.
        accepted: gives the mask of a barrier as an anchor; None if there is none.
        length: of the video, in frames.
        inputs: a hash of the video, the model and its settings.
    """

    number: int
    anchors: Mapping[int, Anchor]
    barriers: frozenset[int]
    accepted: Callable[[int], Anchor | None]
    length: int
    inputs: str


def plan(subject: Subject, start: int | None, stop: int | None, direction: int) -> list[Pass]:
    """The passes of an object in one direction, from ``start`` to ``stop``, the last frame.

    Without a start they begin in every part of the video between barriers that has anchors, at the
    first: at the origin (the anchor that was given first), forward after it, backward before it.
    ProjectError if ``start`` can be reached from no anchor.
    """
    if start is not None:
        found = _pass(subject, start, stop, direction)
        return [found] if found else []
    if not subject.anchors:
        return []
    origin = next(iter(subject.anchors))
    passes = []
    for part in _open_parts(subject.barriers, subject.length):
        inside = [frame for frame in subject.anchors if frame in part]
        ahead = [frame for frame in inside if (frame - origin) * direction >= 0]
        if ahead:
            first = (min if direction == 1 else max)(ahead)
            passes.append(_pass(subject, first, None, direction))
    return [one for one in passes if one is not None]


def _pass(subject: Subject, start: int, stop: int | None, direction: int) -> Pass | None:
    """One pass; None if a barrier or the end of the video leaves nothing of it."""
    if not 0 <= start < subject.length:
        raise ProjectError(
            f"start={start}: the video has frames 0 to {subject.length - 1}; give one of them"
        )
    if stop is not None and (stop - start) * direction < 0:
        way = "forward" if direction == 1 else "backward"
        raise ProjectError(f"start={start}, stop={stop}: {way} there is nothing; swap them")
    history = _history(subject, start, direction)
    ahead = [b for b in subject.barriers if (b - start) * direction > 0]
    wall = (min if direction == 1 else max)(
        ahead, default=-1 if direction == -1 else subject.length
    )
    last = wall - direction
    if stop is not None:
        last = (min if direction == 1 else max)(last, max(0, min(stop, subject.length - 1)))
    first = start + direction if start in subject.barriers else start
    if (last - first) * direction < 0:
        return None
    way = sorted(subject.anchors.values(), key=lambda one: one.frame * direction)
    begin = history.frame
    on_way = [
        own
        for own in way
        if (own.frame - begin) * direction > 0 and (last - own.frame) * direction >= 0
    ]
    anchors = (history, *on_way)
    return Pass(direction, first, last, anchors, tuple(_keys(subject.inputs, direction, anchors)))


def _history(subject: Subject, start: int, direction: int) -> Anchor:
    """The anchor at which tracking begins, so as to reach ``start``."""
    behind = [b for b in subject.barriers if (start - b) * direction >= 0]
    wall = (max if direction == 1 else min)(behind, default=None)
    if wall is not None:
        mask = subject.accepted(wall)
        if mask is not None:
            return replace(mask, restart=True)
    origin = next(iter(subject.anchors), start)
    usable = [
        own
        for own in subject.anchors.values()
        if (start - own.frame) * direction >= 0
        and (wall is None or (own.frame - wall) * direction > 0)
        and ((own.frame - origin) * direction >= 0 or own.frame == start)
    ]
    if not usable:
        raise ProjectError(
            f"object {subject.number} has no prompt on frame {start}"
            f"{' or before it' if direction == 1 else ' or after it'}; give one, or accept its "
            "mask there"
        )
    if (start - origin) * direction < 0:  # against the direction that the object began with
        usable = [own for own in usable if own.frame == start]
    usable.sort(key=lambda own: own.frame * direction)
    restarts = [place for place, own in enumerate(usable) if own.restart]
    first = usable[restarts[-1] if restarts else 0]
    if first.only_negative:
        raise ProjectError(
            f"object {subject.number} would begin on frame {first.frame} with clicks that are not "
            "on it (label 0); give a click on it, a box or a mask there"
        )
    return first


def _keys(inputs: str, direction: int, anchors: Sequence[Anchor]) -> Iterator[str]:
    """The key that holds from each anchor on."""
    told: list[tuple[int, str]] = []
    for anchor in anchors:
        if anchor.restart:
            told.clear()
        told.append((anchor.frame, anchor.digest))
        yield digest_of([inputs, direction, told])


def _open_parts(barriers: Collection[int], length: int) -> Iterator[range]:
    """The parts of a video between barriers."""
    first = 0
    for wall in [*sorted(barriers), length]:
        if wall > first:
            yield range(first, wall)
        first = wall + 1
