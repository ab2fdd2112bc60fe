"""Makes the prompts of a video that has none: everything on some of its frames, or what a detector
sees.

A video goes in; prompts for new objects come out, on the frames where each was first seen. The
video is tracked once to know what no object explains yet. Automatic masks: SAM, 2304.02643,
section 5; in video: SAM 2, 2408.00714, appendix on automatic masklets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ...prompts import PlacedPrompt
from ...track import AutomaticPrompts, Find, PlannedPrompts, Proposal, Session, follow, walk
from ...types import Frame
from ..database import ProjectVideo
from ..engine import Engine
from ..project import Project

KINDS = ("automatic", "detector")


@dataclass(frozen=True, slots=True)
class FoundPrompts:
    """A source of prompts for many videos; made once for a video, then kept in the project.

    Objects that the video has already, and their prompts, stay; new ones begin where these are not.

    Attributes:
        find: what may become an object on a frame.
        kind: ``automatic`` or ``detector``: how the prompts' sources are named.
        every: after so many frames it is looked for new objects again; 0 = only on the first.
        max_objects: how many are followed at a time while they are looked for.
        pausing: whether ``find`` takes ``pause=`` too, since it takes long.
        pause: is called after each frame, and by such a ``find``; an exception of it ends the work.
    """

    project: Project
    engine: Engine
    find: Find
    kind: str = "automatic"
    every: int = 10
    max_objects: int = 32
    pausing: bool = False
    pause: Callable[[], None] | None = None

    def __call__(self, video: ProjectVideo, place: Path) -> list[PlacedPrompt]:
        """The new prompts; none if they were made before. ValueError if a frame cannot be read."""
        project = self.project
        if found_objects(project, video, [self.kind]):
            return []
        things = project.objects(video.id)
        given = [item for thing in things for item in project.prompts(thing.id)]
        rows = project.store.rows("SELECT number FROM objects WHERE video_id = ?", video.id)
        find: Callable[..., Sequence[Proposal]] = self.find
        if self.pausing:
            find = partial(find, pause=self.pause)
        automatic = AutomaticPrompts(
            find,
            every=self.every,
            max_objects=self.max_objects,
            first_id=1 + max((row["number"] for row in rows), default=0),
        )
        user = _Recorder(given, automatic, self.kind)
        session = self.engine.start(length=video.length)
        with project.open_video(video.id) as source:
            for _ in follow(session, partial(walk, source), user):
                if self.pause is not None:
                    self.pause()
        return user.placed()


def found_objects(
    project: Project, video: ProjectVideo, kinds: Iterable[str] = KINDS
) -> frozenset[int]:
    """The ids of a video's objects that were found, not given by a person."""
    begins = tuple(f"{kind}, " for kind in kinds)
    return frozenset(
        entry.object_id
        for entry in project.history(video.id)
        if entry.what == "prompt"
        and entry.object_id is not None
        and str(entry.data.get("source", "")).startswith(begins)
    )


class _Recorder:
    """A user who gives known prompts, then automatic ones, and writes the latter down."""

    def __init__(
        self, given: Iterable[PlacedPrompt], automatic: AutomaticPrompts, kind: str
    ) -> None:
        self.given, self.automatic, self.kind = PlannedPrompts(given), automatic, kind
        self.made: list[PlacedPrompt] = []

    def prompt(self, session: Session, frame: Frame, direction: int) -> None:
        self.given.prompt(session, frame, direction)
        self.automatic.prompt(session, frame, direction)
        source = f"{self.kind}, frame {frame.index}"
        for object_id, proposal in self.automatic.begun.items():
            label = proposal.label
            self.made.append(PlacedPrompt(object_id, frame.index, proposal.prompt, source, label))

    def finish(self) -> None:
        self.given.finish()

    def placed(self) -> list[PlacedPrompt]:
        """What began, without what turned out to be the same as something older."""
        return [item for item in self.made if item.object_id not in self.automatic.merged]
