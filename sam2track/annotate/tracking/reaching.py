"""Follows an object onto a frame as tracking does, so that corrections there are answered alike.

Tracking again after a correction goes on from the last saved state, with the object alone. The same
is done here up to the corrected frame: an object and a frame go in, what the session knows of the
object on this frame comes out, ready for prompts.
"""

from __future__ import annotations

from collections.abc import Generator
from functools import partial

from ...track import TrackingSession, follow, walk
from ..database import ProjectError, ProjectObject, ProjectVideo, SavedStates, StoredMasks
from ..engine import Engine
from ..project import Project
from .answering import FrameAnswers
from .planning import passes_of
from .propagation import SAVE_FRAMES, Part, PassUser, Propagation

MOST = 2 * SAVE_FRAMES  # frames that are tracked for it; more take too long


def part_up_to(
    project: Project, thing: ProjectObject, video: ProjectVideo, frame: int, engine: Engine
) -> Part | None:
    """What is tracked to reach a frame that was tracked, which is all that is wanted of it.

    None: tracking begins on this frame, or it is too far.
    """
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
        part = Part(thing.id, one, frozenset({frame}), state)
        return part if abs(frame - behind) <= MOST else None
    return None


def key_before(part: Part) -> str:
    """Changes with all that is known of the object before the frame that is reached."""
    return part.one.key(part.last - part.one.direction)


def reach(
    project: Project, video: ProjectVideo, part: Part, engine: Engine
) -> Generator[None, None, FrameAnswers | None]:
    """Track an object up to a frame, a frame in each step; nothing is stored.

    The frame comes back with the object as it was followed onto it; None if the memory decides some
    frames later, so that answers cannot be those of tracking. VideoError if a frame cannot be read.
    """
    session = engine.start(length=video.length)
    if not isinstance(session, TrackingSession):
        return None
    slots = session.model.variant.slots
    if session.memory(span=session.span, slots=slots, archive=None).lag != 0:
        return None
    direction, last = part.one.direction, None
    count = abs(part.last - part.first) + 1
    with project.open_video(video.id) as source:
        user = PassUser([part], Propagation(project.log, video, source, engine))
        user.anchors[part.object_id].pop(part.last, None)  # its prompts are what will be asked
        read = partial(walk, source, part.first, direction, count)
        for frame, _ in follow(session, read, user, direction=direction):
            last = frame
            yield
    if last is None or last.index != part.last or part.object_id not in session.objects:
        return None
    return FrameAnswers(session, last, reached=session.objects[part.object_id])
