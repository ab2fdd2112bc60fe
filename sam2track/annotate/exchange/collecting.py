"""Collects what a reader finds into annotations, and checks it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool
from pycocotools import mask as coco

from ...masks import pack_runs
from ...video import VIDEO_SUFFIXES
from ..tracks import Annotations, ObjectClass, Track, TrackFrame, Video, VideoTracks
from .clips import DEFAULT_CLASS, frame_stems
from .losses import Losses
from .untrusted import check_size

MAX_LENGTH = 1 << 24  # frames of a video
MAX_ID = 1 << 31


@dataclass(slots=True)
class CollectedVideo:
    """A video while it is read; its length is known at the end if the format does not tell it.

    Every method raises ValueError, which begins with ``where`` or names the video, if something is
    there twice, is beyond the end of the video, or does not have its size.
    """

    name: str
    size: tuple[int, int]
    known: Video | None
    length: int | None
    fps: float | None
    split: str
    collector: Collector
    last: int = -1
    tracks: dict[int, Track] = field(default_factory=dict)
    frames: dict[int, dict[int, TrackFrame]] = field(default_factory=dict)

    def indices(self, places: Sequence[int | str | None], where: str) -> list[int]:
        """The indices of frames, of which some are given by the names of their pictures.

        Names have no suffix. They are looked up in the known video, or are the numbers at their
        ends; names without numbers count in the order in which they come. None is a frame without
        a name.
        """
        if None in places:
            return list(range(len(places)))
        stems = [place for place in places if isinstance(place, str)]
        found = iter(self._named(stems, where))
        return [place if isinstance(place, int) else next(found) for place in places]

    def _named(self, stems: list[str], where: str) -> list[int]:
        if self.known is not None and self.known.frame_names is not None:
            known = {stem: index for index, stem in enumerate(frame_stems(self.known))}
            missing = next((stem for stem in stems if stem not in known), None)
            if missing is not None:
                raise ValueError(
                    f"{where}: video {self.name!r} has no frame named {missing[:40]!r}"
                )
            return [known[stem] for stem in stems]
        numbers = [re.search(r"([0-9]{1,9})$", stem) for stem in stems]
        if all(numbers):
            return [int(number[1]) for number in numbers if number is not None]
        return list(range(len(stems)))

    def track(
        self,
        track_id: int,
        class_id: int,
        *,
        name: str = "",
        attributes: Mapping[str, str] | None = None,
    ) -> None:
        """Add a track; nothing happens if it is there with the same class."""
        if track_id >= MAX_ID:
            raise ValueError(f"track {track_id} of video {self.name!r}: ids are below {MAX_ID}")
        own = Track(track_id, class_id, {}, name, dict(attributes or {}))
        there = self.tracks.setdefault(track_id, own)
        if there.class_id != class_id:
            names = [self.collector.class_name(k) for k in (there.class_id, class_id)]
            raise ValueError(
                f"track {track_id} of video {self.name!r} is of class {names[0]!r} and "
                f"{names[1]!r}; give each object its own id"
            )

    def frame(self, track_id: int, index: int, frame: TrackFrame, where: str) -> None:
        """Add what a track has on a frame; ``frame.counts`` must be of the video's size."""
        known = None if self.known is None else self.known.length
        length = min(own for own in (self.length, known, MAX_LENGTH) if own is not None)
        if not 0 <= index < length:
            raise ValueError(f"{where}: frame {index} is not among the {length} of {self.name!r}")
        frames = self.frames.setdefault(track_id, {})
        if index in frames:
            raise ValueError(f"{where}: track {track_id} is on frame {index} twice")
        frames[index] = frame
        self.last = max(self.last, index)

    def mask(self, track_id: int, index: int, mask: Bool[np.ndarray, "H W"], where: str) -> None:
        """Add a mask given by its pixels; an empty one is left out."""
        if mask.any():
            check_size((mask.shape[0], mask.shape[1]), self.size, where)
            self.frame(track_id, index, TrackFrame.from_mask(mask), where)

    def counts(self, segmentation: object, where: str) -> str | None:
        """The run lengths of COCO's ``segmentation`` (run lengths or polygons); None if empty."""
        if isinstance(segmentation, list):
            rings = [ring for ring in segmentation if isinstance(ring, list) and len(ring) >= 6]
            if len(rings) < len(segmentation) or not all(
                len(ring) % 2 == 0 and all(_is_coordinate(value) for value in ring)
                for ring in rings
            ):
                raise ValueError(f"{where}: a polygon is a list of at least three x, y")
            if not rings:
                return None
            packed: Any = coco.merge(coco.frPyObjects(rings, *self.size))
        else:
            runs = segmentation if isinstance(segmentation, dict) else {}
            packed = pack_runs(runs, where)
            check_size((packed["size"][0], packed["size"][1]), self.size, where)
        return str(packed["counts"], "ascii") if coco.area(packed) else None

    def result(self) -> VideoTracks:
        """The video with its tracks by id; those without frames are left out and counted."""
        tracks: list[Track] = []
        for _, track in sorted(self.tracks.items()):
            frames = self.frames.get(track.id)
            if frames:
                tracks.append(replace(track, frames=dict(sorted(frames.items()))))
            else:
                where = f"track {track.id} in {self.name}"
                self.collector.losses.add("tracks without a frame", where)
        length = self.last + 1 if self.length is None else self.length
        height, width = self.size
        video = self.known or Video(self.name, width, height, length, fps=self.fps)
        return VideoTracks(video, tuple(tracks), split=self.split)


class Collector:
    """Takes videos and classes in any order; each :class:`CollectedVideo` takes tracks and frames.

    Args:
        videos: that are known, by which names, sizes and lengths are checked; if there are any,
            the file may only have these.
        classes: that are known; a class of the same name gets the same id.
        losses: to which a reader adds what it cannot take.
    """

    def __init__(
        self, videos: Iterable[Video], classes: Sequence[ObjectClass], losses: Losses
    ) -> None:
        self._known = {video.name: video for video in videos}
        self._known_classes = {own.name: own for own in classes}
        self._classes: dict[int, ObjectClass] = {}
        self._videos: dict[str, CollectedVideo] = {}
        self.losses = losses

    def named_video(self, names: Iterable[str], otherwise: str) -> str:
        """The video that a file names, in one way or several, with or without the file's suffix.

        It is the first one that is known. If there is none, it is the first name, so that masks of
        another video are refused; without any name :meth:`only_video`.
        """
        given = [name for name in names if name]
        stems = [Path(n).stem if Path(n).suffix.lower() in VIDEO_SUFFIXES else n for n in given]
        known = (name for name in (*given, *stems) if name in self._known)
        return next(known, stems[0] if stems else self.only_video(otherwise))

    def only_video(self, otherwise: str) -> str:
        """The name of the one known video, for formats that do not tell it."""
        return next(iter(self._known)) if len(self._known) == 1 else otherwise

    def known_size(self, name: str) -> tuple[int, int] | None:
        """Height and width of a video, if they are known or were read."""
        if name in self._videos:
            return self._videos[name].size
        return self._known[name].size if name in self._known else None

    def check_known(self, name: str) -> None:
        """ValueError if videos are known, but not this one."""
        if self._known and name not in self._known:
            there = ", ".join(list(self._known)[:8])
            raise ValueError(
                f"video {name!r} is not among the known ones: {there}; add it first, or, if it is "
                "one of these, change its name in the file"
            )

    def video(
        self,
        name: str,
        size: tuple[int, int] | None,
        *,
        length: int | None = None,
        fps: float | None = None,
        split: str = "",
    ) -> CollectedVideo:
        """Add a video, or find one that is there with the same size.

        Args:
            size: height and width; None = it must be known.
            length: its frames; None = up to the last annotated one.
            fps: frames a second; None and what is no rate = unknown.
        """
        self.check_known(name)
        known = self._known.get(name)
        if size is None and known is None and name not in self._videos:
            raise ValueError(f"the size of video {name!r} is not known; add the video first")
        size = size or self.known_size(name) or (0, 0)
        check_size(size, self.known_size(name), f"video {name!r}")
        if length is not None and not 0 <= length <= MAX_LENGTH:
            raise ValueError(f"video {name!r} has {length} frames; at most {MAX_LENGTH} are read")
        if name not in self._videos:
            rate = fps if fps is not None and 0 < fps < math.inf else None
            about = length, rate, split, self
            self._videos[name] = CollectedVideo(name, size, known, *about)
        return self._videos[name]

    def class_ids(self, found: Mapping[Any, ObjectClass | str]) -> dict[Any, int]:
        """The ids of classes, of which ``found`` may have only the name, by the keys that the file
        has.

        A known name keeps its known id, else a key that is a whole number from 1 is the id if it is
        free.
        """
        ids: dict[Any, int] = {}
        new: dict[Any, ObjectClass | str] = {}
        taken = {own.id for own in (*self._known_classes.values(), *self._classes.values())}
        by_name = {own.name: own for own in self._classes.values()} | self._known_classes
        names = [clean(own if isinstance(own, str) else own.name) for own in found.values()]
        for key, name in zip(found, names, strict=True):
            if names.count(name) > 1:
                raise ValueError(f"class {name!r} is there twice; rename one")
            if name in by_name:
                ids[key] = by_name[name].id
                self._classes[ids[key]] = _with_attributes(by_name[name], found[key])
            else:
                own = found[key]
                new[key] = name if isinstance(own, str) else own
        free = iter(range(1, 1 << 40))
        wished = {key for key in new if isinstance(key, int) and 1 <= key < MAX_ID} - taken
        taken |= wished
        for key, own in new.items():
            ids[key] = key if key in wished else next(n for n in free if n not in taken)
            if isinstance(own, str):
                self._classes[ids[key]] = ObjectClass(ids[key], own)
            else:
                self._classes[ids[key]] = replace(own, id=ids[key])
        return ids

    def class_name(self, class_id: int) -> str:
        """The name of a class that was added."""
        return self._classes[class_id].name

    def class_named(self, name: str) -> int:
        """The id of a class, which is made if it is new."""
        return self.class_ids({name: name})[name]

    def default_class(self) -> int:
        """The id of the class for tracks from a format without classes."""
        return self.class_named(DEFAULT_CLASS)

    def ids_of_shapes(self, keys: Iterable[Any], where: str) -> dict[Any, int]:
        """:func:`consecutive_ids`, where a text is the key of a shape without a track.

        Each such shape becomes a track of its own, and they are counted.
        """
        ids = consecutive_ids(keys)
        single = sum(isinstance(key, str) for key in ids)
        if single:
            self.losses.add("shapes without a track, each now a track of its own", where, single)
        return ids

    def result(self) -> Annotations:
        """Everything, in the order of ids, and of the known videos."""
        order = {name: place for place, name in enumerate(self._known)}
        videos = sorted(self._videos.values(), key=lambda own: order.get(own.name, 0))
        classes = sorted(self._classes.values(), key=lambda own: own.id)
        return Annotations(tuple(classes), tuple(own.result() for own in videos))


def clean(name: str) -> str:
    """A name without control characters and spaces around it."""
    return " ".join("".join(c if c.isprintable() else " " for c in name).split())


def video_name(text: str) -> str:
    """The name of a video from a name with folders, as TAO and BURST have them."""
    return clean(text.replace("/", "-").replace("\\", "-"))


def _with_attributes(known: ObjectClass, found: ObjectClass | str) -> ObjectClass:
    """A known class, with the attributes that only the file knows."""
    if isinstance(found, str):
        return known
    names = {own.name for own in known.attributes}
    more = tuple(own for own in found.attributes if own.name not in names)
    return replace(known, attributes=known.attributes + more)


def _is_coordinate(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e9


def consecutive_ids(keys: Iterable[Any]) -> dict[Any, int]:
    """Track ids for the keys that a file has: the same if they are numbers from 1; numbers from 0
    are raised by one; others are counted."""
    keys = list(dict.fromkeys(keys))
    if keys and all(isinstance(key, int) and key >= 0 for key in keys):
        raised = 0 in keys
        return {key: key + raised for key in keys}
    return {key: place for place, key in enumerate(keys, start=1)}
