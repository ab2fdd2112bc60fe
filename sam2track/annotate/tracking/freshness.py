"""Which stored masks still follow from the prompts, and which spans tracking again would change.

A mask of the model has the key of what it was made from (``passes.py``). It is fresh if its frame
has that key now. Masks by hand are always fresh, and so is the answer to the prompts on its frame.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property

from ..database import (
    ProjectError,
    ProjectMask,
    ProjectObject,
    ProjectVideo,
    StoredMasks,
    find_anchors,
)
from ..engine import Engine
from ..project import Project
from .passes import Pass
from .planning import passes_of

ANSWER = 0  # the direction, in a provenance, of an answer to prompts


@dataclass(frozen=True, slots=True)
class Span:
    """Frames of an object that tracking again would change, and in which direction.

    From ``start`` up to ``stop``; 1 = forward, -1 = backward.
    """

    object_id: int
    start: int
    stop: int
    direction: int


@dataclass(frozen=True, slots=True)
class _Part:
    """Frames of a pass that have one key, both ends included."""

    first: int
    last: int
    direction: int
    key: str


class Freshness:
    """What follows from an object's prompts as they are now, with the engine that would track
    it."""

    def __init__(
        self, project: Project, thing: ProjectObject, video: ProjectVideo, engine: Engine
    ) -> None:
        self.store, self.thing, self.masks = project.store, thing, StoredMasks(project.log)
        self.project, self.video, self.engine = project, video, engine
        try:
            passes = passes_of(project, thing, video, engine.key, (1, -1))
        except ProjectError:  # it begins with clicks that are not on it
            passes = []
        self.parts = [part for one in passes for part in _parts(one)]
        self.ids: dict[str, set[int]] = {}
        self._find(self.parts)
        answers = self.store.rows("SELECT id FROM provenance WHERE direction = ?", ANSWER)
        self.answers = {row["id"] for row in answers}

    def _find(self, parts: Iterable[_Part]) -> None:
        """Look up what was made with the keys of parts."""
        for part in parts:
            self.ids.setdefault(part.key, set())
        sql = "SELECT id, key FROM provenance WHERE key IN (SELECT value FROM json_each(?))"
        for row in self.store.rows(sql, json.dumps(sorted(self.ids))):
            self.ids[row["key"]].add(row["id"])

    @cached_property
    def others(self) -> list[_Part]:
        """Parts of passes that begin at a later prompt, against the direction of the first one.

        Tracking a range makes such masks. They follow from the prompts too.
        """
        frames = list(find_anchors(self.store, self.thing.id, self.video.size))
        parts: list[_Part] = []
        for frame in frames[1:]:
            way = 1 if frame < frames[0] else -1
            with suppress(ProjectError):
                passes = passes_of(
                    self.project, self.thing, self.video, self.engine.key, (way,), frame
                )
                parts += [part for one in passes for part in _parts(one)]
        self._find(parts)
        return parts

    def _follows(self, frame: int, own: int, parts: Iterable[_Part]) -> bool:
        """Whether a mask of a frame was made as some of the parts would make it."""
        here = (part for part in parts if part.first <= frame <= part.last)
        return any(own in self.ids[part.key] for part in here)

    def fresh(self, mask: ProjectMask) -> bool:
        """Whether a mask, as the project gives it, follows from the prompts as they are."""
        own = mask.provenance_id
        if own is None or own in self.answers:
            return True
        if self._follows(mask.frame, own, self.parts):
            return True
        row = self.store.one("SELECT direction FROM provenance WHERE id = ?", own)
        here = (part for part in self.parts if part.first <= mask.frame <= part.last)
        if row is None or any(part.direction == row["direction"] for part in here):
            return False
        return self._follows(mask.frame, own, self.others)

    def stale(self) -> list[Span]:
        """The spans that tracking again would change, in order; frames without a mask are none."""
        last = max((part.last for part in self.parts), default=0)
        edited = self.masks.edited_frames(self.thing.id, last)
        spans = []
        for part in self.parts:
            fresh = ", ".join(str(own) for own in self.ids[part.key])
            rows = self.store.tuples(
                "SELECT frame, provenance_id, direction FROM propagated "
                "JOIN provenance ON provenance.id = provenance_id "
                "WHERE object_id = ? AND frame BETWEEN ? AND ? AND "
                f"provenance_id NOT IN ({fresh}) ORDER BY frame",
                *(self.thing.id, part.first, part.last),
            )
            frames = [
                frame
                for frame, own, way in rows
                if frame not in edited
                and (way == part.direction or not self._follows(frame, own, self.others))
            ]
            for start, stop in runs(frames):
                last = spans[-1] if spans else None
                if last and last.stop == start and last.direction == part.direction:
                    spans[-1] = Span(self.thing.id, last.start, stop, part.direction)
                else:
                    spans.append(Span(self.thing.id, start, stop, part.direction))
        return sorted(spans, key=lambda span: span.start)


def runs(frames: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Ascending frames as spans: the first, and the one after the last."""
    start = None
    for place, frame in enumerate(frames):
        if start is None:
            start = frame
        if place + 1 == len(frames) or frames[place + 1] != frame + 1:
            yield start, frame + 1
            start = None


def _parts(one: Pass) -> Iterator[_Part]:
    """The parts of a pass in which the key is the same."""
    way = one.direction
    for place, anchor in enumerate(one.anchors):
        first = max(anchor.frame * way, one.start * way)
        later = one.anchors[place + 1].frame * way - 1 if place + 1 < len(one.anchors) else None
        last = one.stop * way if later is None else min(later, one.stop * way)
        if first <= last:
            low, high = sorted((first * way, last * way))
            yield _Part(low, high, way, one.keys[place])
