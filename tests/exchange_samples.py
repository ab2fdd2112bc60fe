"""Annotations for tests of exchange formats, and what is left of them in a format."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np

from sam2track.annotate import (
    Annotations,
    Attribute,
    ObjectClass,
    Track,
    TrackFrame,
    Video,
    VideoTracks,
)

CLASSES = (
    ObjectClass(
        1, "Katze 猫", (250, 10, 0), (Attribute("team", "select", ("red", "blue"), "red"),)
    ),
    ObjectClass(2, 'a "b" <c> & d'),
    ObjectClass(3, "unused"),
)
HEIGHT, WIDTH, LENGTH = 24, 37, 5
FORMATS_APART = ("davis", "youtube_vos", "mots", "mots_png")  # masks may not overlap


def odd_masks(height: int = HEIGHT, width: int = WIDTH) -> dict[str, np.ndarray]:
    """Masks that are difficult for some format."""
    empty = np.zeros((height, width), bool)
    masks = {"full": ~empty}
    masks["pixel"] = empty.copy()
    masks["pixel"][height // 2, width // 3] = True
    masks["corner"] = empty.copy()
    masks["corner"][-1, -1] = masks["corner"][0, 0] = True
    masks["hole"] = empty.copy()
    masks["hole"][3:15, 4:20] = True
    masks["hole"][6:9, 8:12] = False
    masks["islands"] = empty.copy()
    masks["islands"][1:4, 2:6] = masks["islands"][10:20, 20:30] = True
    masks["islands"][13:17, 23:27] = False
    masks["islands"][15, 25] = True
    masks["border"] = empty.copy()
    masks["border"][:, -3:] = masks["border"][-2:] = True
    masks["line"] = empty.copy()
    masks["line"][5, 3:30] = True
    masks["checked"] = np.indices((height, width)).sum(0) % 2 == 0
    return masks


def sample(*, apart: bool = False, boxes: bool = False) -> Annotations:
    """Two videos with odd masks and everything that annotations may have.

    Args:
        apart: masks of a frame do not overlap.
        boxes: one track has boxes without masks.
    """
    masks = list(odd_masks().values())
    tracks: list[Track] = []
    for place in range(4):
        frames: dict[int, TrackFrame] = {}
        for index in range(LENGTH):
            if (place + index) % 4 == 3:
                continue  # not annotated here
            mask = masks[(place + 2 * index) % len(masks)]
            if apart:  # each track has its own rows
                mask = mask & (np.arange(HEIGHT) % 4 == place)[:, None]
            if not mask.any():
                mask = mask | (np.arange(HEIGHT) % 4 == place)[:, None]
            made = ("prompt", "propagated", "brush", "imported")[index % 4]
            frames[index] = TrackFrame.from_mask(
                mask, score=0.25 * (place + 1), made=made, occluded=index == 2
            )
        attributes = {"team": "blue"} if place % 2 == 0 else {}
        name = 'the <first> & "best"' if place == 0 else ""
        tracks.append(Track(place + 1, 1 + place % 2, frames, name, attributes))
    if boxes:
        frames = {k: TrackFrame(None, (2.0 + k, 3.0, 10.0 + k, 11.0)) for k in (1, 2, 3)}
        tracks.append(Track(7, 2, frames))
    first = Video("cup", WIDTH, HEIGHT, LENGTH, fps=12.5)
    second = Video("Straße.2", WIDTH, HEIGHT, LENGTH, fps=25.0)
    videos = (VideoTracks(first, tuple(tracks)), VideoTracks(second, tuple(tracks[1:3])))
    return Annotations(CLASSES, videos)


def single_parts(annotations: Annotations) -> Annotations:
    """All masks become one of a single part, with a hole."""
    full = TrackFrame.from_mask(odd_masks()["hole"])
    videos: list[VideoTracks] = []
    for own in annotations.videos:
        tracks = [replace(track, frames=dict.fromkeys(track.frames, full)) for track in own.tracks]
        videos.append(replace(own, tracks=tuple(tracks)))
    return replace(annotations, videos=tuple(videos))


def contents(annotations: Annotations) -> dict[str, dict[int, dict[int, TrackFrame]]]:
    """What the tracks of each video have on each frame."""
    return {
        own.video.name: {track.id: dict(track.frames) for track in own.tracks}
        for own in annotations.videos
    }


def held(annotations: Annotations, holds: frozenset[str]) -> Annotations:
    """What a format that holds these features keeps; masks become boxes if it has no masks."""
    classes = {own.id: own for own in annotations.classes}

    def frame(own: TrackFrame, size: tuple[int, int]) -> TrackFrame | None:
        from sam2track.annotate.exchange.clips import area, box

        if own.counts is None and "boxes" not in holds:
            return None
        if own.counts is not None and not area(own, size):
            return None
        if "masks" not in holds:
            own = replace(own, counts=None, box=box(own, size))
        if "scores" not in holds:
            own = replace(own, score=None)
        if "made" not in holds:
            own = replace(own, made="imported")
        return own if "occluded" in holds else replace(own, occluded=False)

    def track(own: Track, size: tuple[int, int]) -> Track | None:
        kept = ((k, frame(one, size)) for k, one in own.frames.items())
        frames = {k: one for k, one in kept if one is not None}
        if not frames:
            return None
        return replace(
            own,
            frames=frames,
            name=own.name if "names" in holds else "",
            attributes=dict(own.attributes) if "attributes" in holds else {},
        )

    videos: list[VideoTracks] = []
    for own in annotations.videos:
        parts = (track(one, own.video.size) for one in own.tracks)
        videos.append(replace(own, tracks=tuple(one for one in parts if one is not None)))
    return Annotations(tuple(classes.values()), tuple(videos))


def files(folder: Path) -> dict[str, str]:
    """A hash of each file in a folder."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
