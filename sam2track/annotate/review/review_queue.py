"""What a person should look at: tracks and frames that may be wrong, each with the reason."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ..database import LOW_CONFIDENCE, ProjectObject, ProjectVideo, StoredMasks
from ..project import Project
from ..tracking.freshness import runs

NEAR = 10  # frames between doubtful ones that are looked at together
_DONE = ("accepted", "rejected")


@dataclass(frozen=True, slots=True)
class ReviewItem:
    """A track or some of its frames.

    Attributes:
        video: its name.
        object_id: in the project.
        number: of the object in its video.
        frame, last: the first and the last frame; None = the whole track.
        why: in a few words.
        state: of its review, such as ``review``; ``new`` where nobody has looked.
    """

    video: str
    object_id: int
    number: int
    frame: int | None
    last: int | None
    why: str
    state: str


def review_queue(project: Project, video: str | int | None = None) -> list[ReviewItem]:
    """What is to be looked at, in a video or in all: first tracks, then frames, in order.

    Tracks and frames with the review state ``review``, and frames of low confidence. What is
    accepted or rejected is left out.

    Raises:
        ProjectError: if there is no such video.
    """
    videos = project.videos() if video is None else [project.video(video)]
    return [item for own in videos for item in _of_video(project, own)]


def _of_video(project: Project, video: ProjectVideo) -> list[ReviewItem]:
    reviews = project.reviews(video.id)
    things = {thing.id: thing for thing in project.objects(video.id)}
    done = {(own.object_id, own.frame) for own in reviews if own.state in _DONE}
    if (None, None) in done:
        return []
    items = []
    for own in reviews:
        thing = things.get(own.object_id or 0)
        if own.state != "review" or thing is None or {(thing.id, None), (None, own.frame)} & done:
            continue
        why, frame = own.comment or "to be reviewed", own.frame
        items.append(ReviewItem(video.name, thing.id, thing.number, frame, frame, why, "review"))
    told = {(item.object_id, item.frame) for item in items}
    for thing in things.values():
        if (thing.id, None) in done:
            continue
        for frames, least in _doubtful(project, thing, video, done | told):
            first, last = frames[0], frames[-1]
            where = f"frame {first}" if first == last else f"frames {first}-{last}"
            why = f"confidence {least:.2f}, {where}"
            items.append(ReviewItem(video.name, thing.id, thing.number, first, last, why, "new"))
    return sorted(items, key=lambda own: (own.frame is not None, own.frame or 0, own.number))


def _doubtful(
    project: Project,
    thing: ProjectObject,
    video: ProjectVideo,
    done: Iterable[tuple[int | None, int | None]],
) -> Iterator[tuple[list[int], float]]:
    """Frames of low confidence that are near each other, and the lowest confidence of each run.

    Those at ``done`` places are left out.
    """
    over = {frame for object_id, frame in done if object_id in (None, thing.id)}
    run: list[int] = []
    least = 1.0
    for frame, confidence in StoredMasks(project.log).unsure(
        thing.id, video.length, LOW_CONFIDENCE
    ):
        if frame in over:
            continue
        if run and frame - run[-1] > NEAR:
            yield run, least
            run, least = [], 1.0
        run.append(frame)
        least = min(least, confidence)
    if run:
        yield run, least


def ranges(frames: Sequence[int]) -> str:
    """Ascending frames in short: ``3-7, 12``."""
    spans = ((start, stop - 1) for start, stop in runs(frames))
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in spans)
