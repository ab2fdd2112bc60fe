"""Follows an object onto a frame as tracking does, so that corrections there are answered alike.

Tracking again after a correction goes on from the last saved state, with the object alone. The same
is done here up to the corrected frame: an object and a frame go in, what the session knows of the
object on this frame comes out, ready for prompts.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from functools import partial

from ..track import TrackingSession, follow, walk
from .answering import FrameAnswers
from .engine import Engine
from .passes import Pass
from .planning import passes_of
from .project import Project
from .propagation import SAVE_FRAMES, Part, PassUser, Propagation
from .records import ProjectObject, ProjectVideo
from .saved_states import SavedStates
from .store import ProjectError
from .stored_masks import StoredMasks

MOST = 2 * SAVE_FRAMES  # frames that are tracked for it; more take too long


@dataclass(frozen=True, slots=True)
class Way:
    """How tracking reaches a frame.

    Attributes:
        frame: the frame that is reached.
        one: the pass of tracking that this frame belongs to.
        state: see :class:`Part`.
    """

    object_id: int
    frame: int
    one: Pass
    state: tuple[int, int] | None

    @property
    def key(self) -> str:
        """Changes with all that is known of the object before the frame."""
        return self.one.key(self.frame - self.one.direction)


def way_to(
    project: Project, thing: ProjectObject, video: ProjectVideo, frame: int, engine: Engine
) -> Way | None:
    """How tracking reaches a frame that it tracked; None: it begins there, or it is too far."""
    if StoredMasks(project.log).tracked(thing.id, video.size, frame) is None:
        return None
    try:
        passes = passes_of(project, thing, video, engine.key, (1, -1))
    except ProjectError:  # it begins with clicks that are not on it
        return None
    for one in passes:
        if frame not in one.frames() or one.anchors[0].frame == frame:
            continue
        state = SavedStates(project.store).nearest(thing.id, one, frame)
        behind = one.anchors[0].frame if state is None else state[1]
        return Way(thing.id, frame, one, state) if abs(frame - behind) <= MOST else None
    return None


def reach(
    project: Project, video: ProjectVideo, way: Way, engine: Engine
) -> Generator[None, None, FrameAnswers | None]:
    """Track an object up to a frame, a frame in each step; nothing is stored.

    Returns:
        the frame with the object as it was followed onto it. None: the memory decides some frames
        later, so that answers cannot be those of tracking.

    Raises:
        VideoError: if a frame cannot be read.
    """
    session = engine.start(length=video.length)
    if not isinstance(session, TrackingSession) or _lags(session):
        return None
    direction, last = way.one.direction, None
    part = Part(way.object_id, way.one, frozenset({way.frame}), way.state)
    count = abs(way.frame - part.first) + 1
    masks, states = StoredMasks(project.log), SavedStates(project.store)
    with project.open_video(video.id) as source:
        user = PassUser([part], Propagation(video, source, engine, masks, states))
        user.anchors[way.object_id].pop(way.frame, None)  # its prompts are what will be asked
        read = partial(walk, source, part.first, direction, count)
        for frame, _ in follow(session, read, user, direction=direction):
            last = frame
            yield
    if last is None or last.index != way.frame or way.object_id not in session.objects:
        return None
    return FrameAnswers(session, last, reached=session.objects[way.object_id])


def _lags(session: TrackingSession) -> bool:
    memory = session.memory(span=session.span, slots=session.model.variant.slots, archive=None)
    return memory.lag != 0
