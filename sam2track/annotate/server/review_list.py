"""What deserves a look, over all videos."""

from __future__ import annotations

from collections.abc import Iterator

from ..lanes import lanes_of
from ..project import Project
from ..records import ProjectVideo
from .shapes import (
    QueueItem,
)

_DONE = ("accepted", "rejected")


def review_list(project: Project) -> list[QueueItem]:
    """Objects and frames in review, and parts of which the model is not sure."""
    return [item for video in project.videos() for item in _of_video(project, video)]


def _of_video(project: Project, video: ProjectVideo) -> Iterator[QueueItem]:
    reviews = project.reviews(video.id)
    if any(own.object_id is None and own.frame is None and own.state in _DONE for own in reviews):
        return
    done = {(own.object_id, own.frame) for own in reviews if own.state in _DONE}
    for own in reviews:
        if own.state == "review":
            yield _item(video, own.object_id, own.frame, own.comment or "to be reviewed", "review")
    things = [own for own in project.objects(video.id) if (own.id, None) not in done]
    for object_id, parts in lanes_of(project, video, things).items():
        for part in parts:
            frames = range(part.start, part.stop)
            seen = all({(object_id, k), (None, k)} & done for k in frames)
            if part.kind == "doubtful" and not seen:
                yield _item(video, object_id, part.start, part.why, "new")


def _item(
    video: ProjectVideo, object_id: int | None, frame: int | None, why: str, state: str
) -> QueueItem:
    return QueueItem.model_validate(
        {"video": video.id, "object": object_id, "frame": frame, "why": why, "state": state}
    )
