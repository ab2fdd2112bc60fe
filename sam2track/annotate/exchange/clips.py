"""What is written of each video: the chosen frames and classes, and what the format can hold.

All formats write from a :class:`Clip`, so that choosing and the names of frames are the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool
from pycocotools import mask as coco

from ..tracks import Annotations, Box, ObjectClass, Track, TrackFrame, Video, VideoTracks, area_of
from .losses import FEATURES, NO_MASK, NONE_CHOSEN, Losses

DEFAULT_CLASS = "object"  # of tracks from a format without classes


@dataclass(frozen=True, slots=True)
class Clip:
    """A video to be written.

    Attributes:
        tracks: only chosen frames, none empty, and no track without frames.
        indices: of the chosen frames, ascending.
        stems: names of all frames of the video, without a suffix.
        split: of a dataset, such as ``train``; empty = none.
    """

    video: Video
    tracks: tuple[Track, ...]
    indices: tuple[int, ...]
    stems: tuple[str, ...]
    split: str = ""

    def file_name(self, index: int) -> str:
        """The picture of a frame: its own name, or ``00000.jpg``."""
        names = self.video.frame_names
        return f"{self.stems[index]}.jpg" if names is None else names[index]

    def on(self, index: int) -> list[tuple[Track, TrackFrame]]:
        """The tracks on a frame."""
        return [(track, track.frames[index]) for track in self.tracks if index in track.frames]

    def masks(self, index: int) -> list[tuple[Track, Bool[np.ndarray, "H W"]]]:
        """The masks on a frame; tracks that have only a box there are left out."""
        found = ((track, frame.mask(self.video.size)) for track, frame in self.on(index))
        return [(track, mask) for track, mask in found if mask is not None]


@dataclass(frozen=True, slots=True)
class Export:
    """What is to be written in a format.

    Attributes:
        clips: one video at a time.
        classes: those that were chosen.
        folder: for the files; it is empty.
        losses: where to count what the format cannot hold.
    """

    clips: Iterator[Clip]
    classes: Sequence[ObjectClass]
    folder: Path
    losses: Losses

    @property
    def class_names(self) -> dict[int, str]:
        """The names of classes by their ids."""
        return {own.id: own.name for own in self.classes}

    @property
    def class_places(self) -> dict[int, int]:
        """The places of classes in :attr:`classes`, from 0, by their ids."""
        return {own.id: place for place, own in enumerate(self.classes)}


def frame_stems(video: Video) -> tuple[str, ...]:
    """The frames' names: those of the pictures without a suffix, or numbers such as ``00000``.

    Beside ``cat.jpg``, ``cat.bmp`` is named ``cat.bmp``, as :class:`sam2track.PaletteSink` does.
    """
    if video.frame_names is None:
        digits = max(5, len(str(video.length - 1)))
        return tuple(f"{index:0{digits}d}" for index in range(video.length))
    stems: dict[str, None] = {}
    for name in video.frame_names:
        stems[name if Path(name).stem in stems else Path(name).stem] = None
    if len(stems) != video.length:
        raise ValueError(f"video {video.name!r} has two frames of the same name; rename one")
    return tuple(stems)


def area(frame: TrackFrame, size: tuple[int, int]) -> int:
    """The pixels of a mask, or of a box, rounded."""
    if frame.counts is None:
        x0, y0, x1, y1 = frame.box or (0, 0, 0, 0)
        return round((x1 - x0) * (y1 - y0))
    return area_of(frame.counts, size)


def box(frame: TrackFrame, size: tuple[int, int]) -> Box:
    """The tight box of a mask that is not empty, or the box."""
    if frame.counts is None:
        assert frame.box is not None
        return frame.box
    runs: Any = {"size": list(size), "counts": frame.counts.encode()}
    x, y, width, height = coco.toBbox(runs).tolist()
    return x, y, x + width, y + height


def choose_classes(
    classes: Sequence[ObjectClass], names: Sequence[str] | None
) -> tuple[ObjectClass, ...]:
    """The classes named, or all. ValueError if one is unknown, or two share an id or a name."""
    for what in ("id", "name"):
        values = [getattr(own, what) for own in classes]
        twice = next((v for v in values if values.count(v) > 1), None)
        if twice is not None:
            raise ValueError(f"two classes have the {what} {twice!r}; change one of them")
    if names is None:
        return tuple(classes)
    known = {own.name: own for own in classes}
    names = [names] if isinstance(names, str) else names
    for name in names:
        if name not in known:
            raise ValueError(f"classes= names {name!r}; there are: {', '.join(known)}")
    return tuple(known[name] for name in dict.fromkeys(names))


def choose_clips(
    annotations: Annotations,
    classes: Sequence[ObjectClass],
    frames: str,
    holds: frozenset[str],
    losses: Losses,
) -> Iterator[Clip]:
    """The chosen part of each video, one at a time.

    Args:
        frames: ``all``, ``every N``, ``annotated`` (some track has a mask or box, also an empty
            mask) or ``accepted``.
        holds: the names in ``FEATURES`` that the format has a place for; others are counted.

    Raises:
        ValueError: if videos share a name, or a track is wrong.
    """
    every = re.fullmatch(r"every (\d{1,9})", frames)
    if frames not in ("all", "annotated", "accepted") and (every is None or not int(every[1])):
        raise ValueError(
            f"frames={frames!r}; give all, every N (such as every 5), annotated or accepted"
        )
    wanted, known = {own.id for own in classes}, {own.id: own for own in annotations.classes}
    names: set[str] = set()
    for own in classes:
        if "colours" not in holds and own.colour is not None:
            losses.add(FEATURES["colours"], f"class {own.name!r}")
    for own in annotations.videos:
        name = own.video.name.casefold()  # some disks do not tell Cup from cup
        if name in names:
            raise ValueError(f"two videos are named {own.video.name!r}; rename one")
        names.add(name)
        _check(own, known)
        tracks = [track for track in own.tracks if track.class_id in wanted]
        indices: Sequence[int] = range(0, own.video.length, int(every[1]) if every else 1)
        if frames == "annotated":
            indices = sorted({index for track in tracks for index in track.frames})
        elif frames == "accepted":
            indices = sorted(own.accepted)
        parts = (_part(own.video, track, indices, holds, losses) for track in tracks)
        written = tuple(track for track in parts if track is not None)
        for track in written if "classes" not in holds else ():
            if known[track.class_id].name != DEFAULT_CLASS:
                losses.add(FEATURES["classes"], f"track {track.id} in {own.video.name}")
        yield Clip(own.video, written, tuple(indices), frame_stems(own.video), own.split)


def _check(own: VideoTracks, known: dict[int, ObjectClass]) -> None:
    ids: set[int] = set()
    beyond = [index for index in own.accepted if not 0 <= index < own.video.length]
    if beyond:
        raise ValueError(f"video {own.video.name!r} has no frame {beyond[0]}, which is accepted")
    for track in own.tracks:
        where = f"track {track.id} of video {own.video.name!r}"
        if track.id in ids:
            raise ValueError(f"{where} is there twice; give each track its own id")
        ids.add(track.id)
        if track.class_id not in known:
            raise ValueError(f"{where} has the unknown class {track.class_id}; add that class")
        last = max(track.frames, default=0)
        if track.frames and not 0 <= min(track.frames) <= last < own.video.length:
            raise ValueError(f"{where} is on frame {last} of {own.video.length}; remove that frame")


def _part(
    video: Video, track: Track, indices: Sequence[int], holds: frozenset[str], losses: Losses
) -> Track | None:
    """The frames of a track that are written; what the format does not hold is counted."""
    chosen: dict[int, TrackFrame] = {}
    # One pass, since a mapping may read from a database.
    wanted = indices if isinstance(indices, range) else set(indices)
    found = [(index, frame) for index, frame in track.frames.items() if index in wanted]
    for index, frame in sorted(found, key=itemgetter(0)):
        where = f"frame {index} of track {track.id} in {video.name}"
        lost = [
            ("boxes", frame.counts is None),
            ("masks", frame.counts is not None),
            ("scores", frame.score is not None),
            ("made", frame.made != "imported"),
            ("occluded", frame.occluded),
        ]
        if frame.counts is not None and not area(frame, video.size):
            lost = [("empty", True)]
        missing = [what for what, there in lost if there and what not in holds]
        for what in missing:
            losses.add(FEATURES[what], where)
        if "boxes" not in missing and "empty" not in missing:
            chosen[index] = frame
    if not chosen:
        some = any(area(frame, video.size) for frame in track.frames.values())
        losses.add(NONE_CHOSEN if some else NO_MASK, f"object {track.id} in {video.name}")
        return None
    for what, there in (("names", track.name), ("attributes", track.attributes)):
        if there and what not in holds:
            losses.add(FEATURES[what], f"track {track.id} in {video.name}")
    return replace(track, frames=chosen)
