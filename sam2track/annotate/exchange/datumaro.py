"""Datumaro: a JSON file for each split, with masks as run lengths on each picture.

``annotations/<split>.json``, pictures in ``images/<split>/<video>/``. The attribute ``track_id``
and ``group`` tell the track.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path, PurePosixPath
from typing import Any

from ..tracks import Attribute, ObjectClass, Track, TrackFrame
from .clips import Clip, box
from .collecting import Collector, clean
from .json_file import JsonLists
from .losses import Losses
from .records import (
    Record,
    corner_box,
    frame_extras,
    read_box,
    read_colour,
    read_frame,
    read_track,
    runs_record,
    to_text,
)
from .untrusted import entry, picture_path, read_json

DEFAULT_SPLIT = "default"
OURS = ("track_id", "track_name", "score", "made", "occluded", "keyframe", "outside")


def write_datumaro(
    clips: Iterator[Clip], classes: Sequence[ObjectClass], folder: Path, losses: Losses
) -> None:
    labels = {own.id: place for place, own in enumerate(classes)}
    with ExitStack() as stack:
        files: dict[str, JsonLists] = {}
        videos: dict[str, Record] = {}
        for clip in clips:
            split = clip.split or DEFAULT_SPLIT
            if split not in files:
                videos[split] = {}
                head = _head(classes, videos[split])
                path = folder / "annotations" / f"{split}.json"
                files[split] = stack.enter_context(JsonLists(path, ("items",), head))
            video = clip.video
            videos[split][video.name] = {"length": video.length, "fps": video.fps}
            for track in clip.tracks:
                for name in set(track.attributes) & set(OURS):
                    losses.add(f"attributes named {name!r}", f"track {track.id} in {video.name}")
            for index in clip.indices:
                files[split].add("items", _item(clip, index, labels))


def _head(classes: Sequence[ObjectClass], videos: Record) -> Record:
    label = {
        "labels": [
            {"name": own.name, "parent": "", "attributes": [a.name for a in own.attributes]}
            for own in classes
        ],
        "label_groups": [],
        "attributes": ["occluded"],
    }
    colours = [
        {"label_id": place, **dict(zip("rgb", own.colour, strict=True))}
        for place, own in enumerate(classes)
        if own.colour is not None
    ]
    categories: Record = {"label": label} | ({"mask": {"colormap": colours}} if colours else {})
    infos = {"videos": videos}
    return {"dm_format_version": "1.0", "media_type": 2, "infos": infos, "categories": categories}


def _item(clip: Clip, index: int, labels: dict[int, int]) -> Record:
    path = f"{clip.video.name}/{clip.file_name(index)}"
    return {
        "id": f"{clip.video.name}/{clip.stems[index]}",
        "annotations": [
            _annotation(clip, track, frame, number, labels[track.class_id])
            for number, (track, frame) in enumerate(clip.on(index))
        ],
        "attr": {"frame": index, "video": clip.video.name},
        "image": {"path": path, "size": list(clip.video.size)},
    }


def _annotation(clip: Clip, track: Track, frame: TrackFrame, number: int, label: int) -> Record:
    name = {"track_name": track.name} if track.name else {}
    ours = {"track_id": track.id, "occluded": frame.occluded} | name | frame_extras(frame)
    if frame.counts is None:
        shape: Record = {"type": "bbox", "bbox": corner_box(box(frame, clip.video.size))}
    else:
        shape = {"type": "mask", "rle": runs_record(frame, clip.video.size)}
    about = {"id": number, "attributes": {**track.attributes, **ours}, "group": track.id}
    return about | {"label_id": label, "z_order": 0} | shape


def read_datumaro(path: Path, collector: Collector) -> None:
    """Read masks, polygons and boxes; without ``track_id`` each is a track of its own."""
    files = sorted((path / "annotations").glob("*.json")) if path.is_dir() else [path]
    if not files:
        raise ValueError(f"{path} has no annotations/*.json; check the path")
    for file in files:
        data, where = read_json(file), str(file)
        classes = _read_classes(data, collector, where)
        videos: dict[str, list[tuple[Any, Record]]] = {}
        for item in entry(data, "items", list, where):
            key = entry(item, "id", str, f"{where}: an item")
            about = item.get("attr") if isinstance(item.get("attr"), dict) else {}
            name = about.get("video") or PurePosixPath(key).parent.name
            name = name if isinstance(name, str) and name else collector.only_video(file.stem)
            frame = about.get("frame")
            index: Any = frame if isinstance(frame, int) else PurePosixPath(key).name
            videos.setdefault(name, []).append((index, item))
        infos = (
            data.get("infos", {}).get("videos", {}) if isinstance(data.get("infos"), dict) else {}
        )
        split = "" if file.stem == DEFAULT_SPLIT else file.stem
        for name, items in videos.items():
            _add_video(name, items, infos.get(name, {}), split, collector, where)
            _read_items(name, items, classes, collector, where)


def _read_classes(data: Any, collector: Collector, where: str) -> dict[int, int]:
    categories = entry(data, "categories", dict, where)
    labels = entry(entry(categories, "label", dict, where), "labels", list, where)
    masks = categories.get("mask") or {}
    colours = {
        own.get("label_id"): read_colour([own.get(key) for key in "rgb"])
        for own in masks.get("colormap", [])
    }
    found: dict[int, ObjectClass | str] = {
        place + 1: ObjectClass(
            1,
            clean(entry(own, "name", str, f"{where}: label {place}")),
            colours.get(place),
            tuple(Attribute(str(a)) for a in own.get("attributes", [])),
        )
        for place, own in enumerate(labels)
    }
    ids = collector.class_ids(found)
    return {place: ids[place + 1] for place in range(len(labels))}


def _add_video(
    name: str,
    items: list[tuple[Any, Record]],
    info: Record,
    split: str,
    collector: Collector,
    where: str,
) -> None:
    length, fps = info.get("length"), info.get("fps")
    length = length if isinstance(length, int) else None
    for _, item in items:
        image = item.get("image") or {}
        picture_path(image.get("path", ""), where)
        size = image.get("size")
        known = None
        if isinstance(size, list) and len(size) == 2 and all(isinstance(v, int) for v in size):
            known = size[0], size[1]
        rate = float(fps) if isinstance(fps, (int, float)) and fps > 0 else None
        collector.video(name, known, length=length, fps=rate, split=split)


def _read_items(
    name: str,
    items: list[tuple[Any, Record]],
    classes: dict[int, int],
    collector: Collector,
    where: str,
) -> None:
    stems = [own for own, _ in items if isinstance(own, str)]
    numbers = iter(collector.indices(name, stems, where)) if stems else iter(())
    indices = [own if isinstance(own, int) else next(numbers) for own, _ in items]
    if len(set(indices)) < len(indices):
        raise ValueError(f"{where}: a frame of video {name!r} is there twice")
    found: list[tuple[Any, int, Record, Record, str]] = []
    for index, (_, item) in zip(indices, items, strict=True):
        for number, own in enumerate(entry(item, "annotations", list, where)):
            what = f"{where}: {item['id']}, annotation {number + 1}"
            attributes = own.get("attributes") if isinstance(own, dict) else None
            attributes = attributes if isinstance(attributes, dict) else {}
            key = attributes.get("track_id", own.get("group") or what)
            found.append((key, index, own, attributes, what))
    ids = collector.ids_of_shapes((key for key, *_ in found), where)
    for key, index, own, attributes, what in found:
        label = own.get("label_id")
        if label not in classes:
            raise ValueError(f"{what} has label {label}, which is not in the file")
        counts, corners = None, None
        kind = own.get("type")
        if kind == "mask":
            counts = collector.counts(name, own.get("rle"), what)
        elif kind == "polygon":
            counts = collector.counts(name, [own.get("points")], what)
        elif kind == "bbox":
            corners = read_box(own.get("bbox"), what)
        else:
            collector.losses.add(f"annotations of the kind {str(kind)[:20]!r}", what)
        if counts is None and corners is None:
            continue
        theirs = {key: to_text(v) for key, v in attributes.items() if key not in OURS}
        about = {"name": attributes.get("track_name", ""), "attributes": theirs}
        read_track(collector, name, ids[key], classes[label], about)
        collector.frame(name, ids[key], index, read_frame(counts, corners, attributes), what)
