"""A table of all tracks: ``tracks.csv``, a row for each object on each frame.

``x``, ``y`` are the centroid of the mask and ``area`` its pixels; ``x0``, ``y0``, ``x1``, ``y1``
its box, the far edges exclusive. All are in pixels of the video. Frames count from 0; ``seconds``
is the time that a video file gives a frame. Where an object is not seen there is no row.
"""

from __future__ import annotations

import csv

import numpy as np

from ..tracks import TrackFrame
from .clips import Export, area, box

COLUMNS = ("video", "frame", "seconds", "id", "class", "name", "x", "y", "area", "x0", "y0", "x1",
           "y1", "score", "made")  # fmt: skip


def write_csv(export: Export) -> None:
    names = export.class_names
    with (export.folder / "tracks.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(COLUMNS)
        for clip in export.clips:
            times = clip.video.times
            for track in clip.tracks:
                for index, frame in sorted(track.frames.items()):
                    who = (track.id, names[track.class_id], track.name)
                    when = (clip.video.name, index, f"{times[index]:.3f}" if times else "")
                    x, y = centroid(frame, clip.video.size)
                    what = (f"{x:.2f}", f"{y:.2f}", area(frame, clip.video.size))
                    place = (f"{value:g}" for value in box(frame, clip.video.size))
                    score = "" if frame.score is None else f"{frame.score:.3f}"
                    table.writerow((*when, *who, *what, *place, score, frame.made))


def centroid(frame: TrackFrame, size: tuple[int, int]) -> tuple[float, float]:
    """The mean place (x, y) of a mask's pixels; the middle of a box, in the same coordinates."""
    x0, y0, x1, y1 = box(frame, size)
    mask = frame.mask(size)
    if mask is None:
        return (x0 + x1 - 1) / 2, (y0 + y1 - 1) / 2
    rows, columns = np.nonzero(mask[int(y0) : int(y1), int(x0) : int(x1)])
    return float(columns.mean() + x0), float(rows.mean() + y0)
