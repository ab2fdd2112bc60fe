"""Collects what a reader finds into annotations, and checks it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from jaxtyping import Bool
from pycocotools import mask as coco

from ...masks import pack_runs
from ..tracks import Annotations, ObjectClass, Track, TrackFrame, Video, VideoTracks
from .clips import DEFAULT_CLASS, frame_stems
from .losses import Losses
from .untrusted import check_size

MAX_LENGTH = 1 << 24  # frames of a video
MAX_ID = 1 << 31


@dataclass(slots=True)
class _Read:
    """A video while it is read; its length is known at the end if the format does not tell it."""

    name: str
    size: tuple[int, int]
    known: Video | None
    length: int | None = None
    fps: float | None = None
    split: str = ""
    last: int = -1
    tracks: dict[int, Track] = field(default_factory=dict)
    frames: dict[int, dict[int, TrackFrame]] = field(default_factory=dict)


class Collector:
    """Takes videos, classes, tracks and frames in any order.

    Every method raises ValueError, which begins with ``where`` or names the video, if something is
    there twice, is beyond the end of the video, or does not have its size.

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
        self._videos: dict[str, _Read] = {}
        self.losses = losses

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
            raise ValueError(f"video {name!r} is not among the known ones: {there}")

    def video(
        self,
        name: str,
        size: tuple[int, int] | None,
        *,
        length: int | None = None,
        fps: float | None = None,
        split: str = "",
    ) -> None:
        """Add a video; nothing happens if it is there with the same size.

        Args:
            size: height and width; None = it must be known.
            length: its frames; None = up to the last annotated one.
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
            self._videos[name] = _Read(name, size, known, length, fps, split)

    def indices(self, name: str, stems: Sequence[str | None], where: str) -> list[int]:
        """The indices of frames by the names of their pictures, without a suffix.

        They are looked up in the known video, or are the numbers at the end of the names; names
        without numbers count in the order in which they come. None is a frame without a name.
        """
        own = self._videos[name]
        if None in stems:
            return list(range(len(stems)))
        if own.known is not None and own.known.frame_names is not None:
            known = {stem: index for index, stem in enumerate(frame_stems(own.known))}
            missing = next((stem for stem in stems if stem not in known), None)
            if missing is not None:
                raise ValueError(f"{where}: video {name!r} has no frame named {missing[:40]!r}")
            return [known[stem] for stem in stems if stem is not None]
        numbers = [re.search(r"([0-9]{1,9})$", stem or "") for stem in stems]
        if all(numbers):
            return [int(number[1]) for number in numbers if number is not None]
        return list(range(len(stems)))

    def class_ids(self, found: Mapping[Any, ObjectClass | str]) -> dict[Any, int]:
        """The ids of classes by the keys that the file has for them.

        Args:
            found: the class, or only its name, by key. A known name keeps its known id, else a key
                that is a whole number from 1 is the id if it is free.
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

    def track(
        self,
        video: str,
        track_id: int,
        class_id: int,
        *,
        name: str = "",
        attributes: Mapping[str, str] | None = None,
    ) -> None:
        """Add a track; nothing happens if it is there with the same class."""
        if track_id >= MAX_ID:
            raise ValueError(f"track {track_id} of video {video!r}: ids are below {MAX_ID}")
        tracks = self._videos[video].tracks
        there = tracks.setdefault(
            track_id, Track(track_id, class_id, {}, name, dict(attributes or {}))
        )
        if there.class_id != class_id:
            names = [self._classes[k].name for k in (there.class_id, class_id)]
            raise ValueError(
                f"track {track_id} of video {video!r} is of class {names[0]!r} and {names[1]!r}; "
                "give each object its own id"
            )

    def frame(self, video: str, track_id: int, index: int, frame: TrackFrame, where: str) -> None:
        """Add what a track has on a frame; ``frame.counts`` must be of the video's size."""
        own = self._videos[video]
        known = None if own.known is None else own.known.length
        least = [length for length in (own.length, known, MAX_LENGTH) if length is not None]
        if not 0 <= index < min(least):
            raise ValueError(f"{where}: frame {index} is not among the {min(least)} of {video!r}")
        frames = own.frames.setdefault(track_id, {})
        if index in frames:
            raise ValueError(f"{where}: track {track_id} is on frame {index} twice")
        frames[index] = frame
        own.last = max(own.last, index)

    def mask(
        self,
        video: str,
        track_id: int,
        index: int,
        mask: Bool[np.ndarray, "H W"],
        where: str,
    ) -> None:
        """Add a mask given by its pixels; an empty one is left out."""
        if mask.any():
            check_size((mask.shape[0], mask.shape[1]), self._videos[video].size, where)
            self.frame(video, track_id, index, TrackFrame.from_mask(mask), where)

    def counts(self, video: str, segmentation: object, where: str) -> str | None:
        """The run lengths of COCO's ``segmentation`` (run lengths or polygons); None if empty."""
        size = self._videos[video].size
        if isinstance(segmentation, list):
            rings = [ring for ring in segmentation if isinstance(ring, list) and len(ring) >= 6]
            if len(rings) < len(segmentation) or not all(
                len(ring) % 2 == 0 and all(_is_coordinate(value) for value in ring)
                for ring in rings
            ):
                raise ValueError(f"{where}: a polygon is a list of at least three x, y")
            if not rings:
                return None
            packed: Any = coco.merge(coco.frPyObjects(rings, *size))
        else:
            runs = segmentation if isinstance(segmentation, dict) else {}
            packed = pack_runs(runs, where)
            check_size((packed["size"][0], packed["size"][1]), size, where)
        if not coco.area(packed):
            return None
        return str(packed["counts"], "ascii")

    def result(self) -> Annotations:
        """Everything, in the order of ids; tracks without frames are left out and counted."""
        videos: list[VideoTracks] = []
        order = {name: place for place, name in enumerate(self._known)}
        for own in sorted(self._videos.values(), key=lambda own: order.get(own.name, 0)):
            tracks: list[Track] = []
            for track in sorted(own.tracks.values(), key=lambda track: track.id):
                frames = own.frames.get(track.id)
                if frames:
                    tracks.append(replace(track, frames=dict(sorted(frames.items()))))
                else:
                    self.losses.add("tracks without a frame", f"track {track.id} in {own.name}")
            length = own.last + 1 if own.length is None else own.length
            height, width = own.size
            video = own.known or Video(own.name, width, height, length, fps=own.fps)
            videos.append(VideoTracks(video, tuple(tracks), split=own.split))
        classes = sorted(self._classes.values(), key=lambda own: own.id)
        return Annotations(tuple(classes), tuple(videos))


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
