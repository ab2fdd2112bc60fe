"""Writes ``report.html`` of a project: one page without other files.

For each video: a preview, its objects, what deserves a look and why, the time spent.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from ...files import write_page
from ...masks import draw_caption, draw_objects, object_colour
from ..database import LOW_CONFIDENCE, ProjectMask, ProjectObject, ProjectVideo
from ..project import Project
from .quality import ratings
from .review_queue import ReviewItem, ranges, review_queue

_TILES, _TILE_WIDTH = 4, 300
_OBJECTS, _QUEUE = 40, 15  # rows for one video
_VIDEOS = 300  # with pictures; more would make the page too large


@dataclass(frozen=True, slots=True)
class ObjectRow:
    """An object in the report.

    Attributes:
        masks: frames with a mask that is not empty.
        confidence: mean over all its frames, 0..1.
        quality: its rating, 0..1; None = not rated.
        low: the frames of low confidence, such as ``3-7, 12``.
    """

    number: int
    class_name: str
    name: str
    colour: str
    state: str
    masks: int
    confidence: float | None
    quality: float | None
    low: str


@dataclass(frozen=True, slots=True)
class VideoRow:
    """A video in the report; ``pictures`` are data URIs, ``queue`` is what deserves a look.

    Attributes:
        frames: that all runs have tracked, one for each run that tracked it.
        tracked: how many different frames the tracks cover.
    """

    name: str
    about: str
    state: str
    job: str
    error: str
    seconds: float
    frames: int
    tracked: int
    objects: tuple[ObjectRow, ...]
    more: int
    low: int
    queue: tuple[ReviewItem, ...]
    waiting: int
    pictures: tuple[str, ...]


def write_report(project: Project, path: Path) -> None:
    """Write the report; needs Jinja. OSError if it cannot be written.

    A video that cannot be read any more has no preview; the page says why.
    """
    rows = [
        _video_row(project, video, pictures=place < _VIDEOS)
        for place, video in enumerate(project.videos())
    ]
    lost = project.store.rows(
        "SELECT path, error FROM jobs WHERE video_id IS NULL AND state = 'failed' ORDER BY path"
    )
    write_page(
        path,
        "annotation.html.j2",
        "sam2track.annotate",
        "sam2track.benchmark",  # which has the page around it
        title=f"Project {project.folder.absolute().name}",
        videos=rows,
        lost=[(row["path"], row["error"]) for row in lost],
        low_confidence=LOW_CONFIDENCE,
    )


def low_frames(masks: Iterable[ProjectMask], below: float = LOW_CONFIDENCE) -> list[int]:
    """The frames whose confidence is low."""
    return [mask.frame for mask in masks if mask.confidence < below]


def _video_row(project: Project, video: ProjectVideo, *, pictures: bool) -> VideoRow:
    things = project.objects(video.id)
    reviews = project.reviews(video.id)
    states = {own.object_id: own.state for own in reviews if own.frame is None}
    classes = {own.id: own for own in project.classes()}
    rated = ratings(project, video)
    queue = review_queue(project, video.id)
    rows, low, tracked = [], set(), set()
    for thing in things:
        masks = list(project.masks(thing.id))
        doubtful = low_frames(masks)
        low.update(doubtful)
        tracked.update(mask.frame for mask in masks if mask.made in ("prompt", "propagated"))
        sure = [mask.confidence for mask in masks]
        rows.append(
            ObjectRow(
                thing.number,
                classes[thing.class_id].name,
                thing.name,
                f"#{bytes(object_colour(thing.number)).hex()}",  # as it is drawn
                states.get(thing.id, "new"),
                sum(mask.area > 0 for mask in masks),
                sum(sure) / len(sure) if sure else None,
                rated.get(thing.id, {}).get("score"),
                ranges(doubtful),
            )
        )
    job = project.store.one(
        "SELECT * FROM jobs WHERE video_id = ? ORDER BY time DESC LIMIT 1", video.id
    )
    total = project.store.one(
        "SELECT ifnull(sum(seconds), 0) AS seconds, ifnull(sum(frames), 0) AS frames FROM jobs "
        "WHERE video_id = ?",
        video.id,
    )
    assert total is not None
    shown, error = ((), "") if not pictures else _preview(project, video, things)
    return VideoRow(
        video.name,
        f"{video.width} x {video.height}, {video.length} frames, {video.fps:.4g} a second",
        states.get(None, "new"),
        "" if job is None else job["state"],
        (job["error"] if job is not None else "") or error,
        total["seconds"],
        total["frames"],
        len(tracked),
        tuple(rows[:_OBJECTS]),
        max(0, len(rows) - _OBJECTS),
        len(low),
        tuple(queue[:_QUEUE]),
        len(queue),
        shown,
    )


def _preview(
    project: Project, video: ProjectVideo, things: Sequence[ProjectObject]
) -> tuple[tuple[str, ...], str]:
    """Small pictures with the objects, evenly spaced; or why there are none."""
    try:
        with project.open_video(video.id) as source:
            places = sorted({round(k) for k in np.linspace(0, video.length - 1, _TILES)})
            return tuple(_tile(project, source[index].image, index, things) for index in places), ""
    except (ValueError, OSError, IndexError) as error:
        return (), " ".join(str(error).split())


def _tile(project: Project, image: np.ndarray, index: int, things: Sequence[ProjectObject]) -> str:
    height, width = image.shape[:2]
    size = _TILE_WIDTH, max(1, round(height * _TILE_WIDTH / width))
    picture = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    numbers, masks = [], []
    for thing in things:
        mask = project.mask(thing.id, index)
        if mask is not None:
            pixels = mask.pixels().view(np.uint8)
            masks.append(cv2.resize(pixels, size, interpolation=cv2.INTER_LINEAR) > 0)
            numbers.append(thing.number)
    draw_objects(picture, numbers, np.array(masks, bool).reshape(-1, *picture.shape[:2]))
    draw_caption(picture, f"frame {index}")
    file = BytesIO()
    Image.fromarray(picture).save(file, format="JPEG", quality=80)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()
