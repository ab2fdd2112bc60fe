"""Datumaro: a JSON file for each split, with masks as run lengths on each picture.

``annotations/<split>.json``, pictures in ``images/<split>/<video>/``. The attribute ``track_id``
and ``group`` tell the track.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path, PurePosixPath
from typing import Any

from ..tracks import Attribute, ObjectClass, Track, TrackFrame
from . import records
from .clips import Clip, Export, box
from .collecting import CollectedVideo, Collector, clean
from .json_file import JsonLists
from .records import Record
from .untrusted import entry, find_files, picture_path, read_json

DEFAULT_SPLIT = "default"
OURS = ("track_id", "track_name", "score", "made", "occluded", "keyframe", "outside")


def write_datumaro(export: Export) -> None:
    with ExitStack() as stack:
        files: dict[str, JsonLists] = {}
        videos: dict[str, Record] = {}
        for clip in export.clips:
            split = clip.split or DEFAULT_SPLIT
            if split not in files:
                head = _head(export.classes, videos.setdefault(split, {}))
                path = export.folder / "annotations" / f"{split}.json"
                files[split] = stack.enter_context(JsonLists(path, ("items",), head))
            video = clip.video
            videos[split][video.name] = {"length": video.length, "fps": video.fps}
            for track in clip.tracks:
                where = f"track {track.id} in {video.name}"
                for name in set(track.attributes) & set(OURS):
                    export.losses.add(f"attributes named {name!r}", where)
            for index in clip.indices:
                files[split].add("items", _item(clip, index, export.class_places))


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
    ours = {"track_id": track.id, "occluded": frame.occluded} | name | records.frame_extras(frame)
    if frame.counts is None:
        shape: Record = {"type": "bbox", "bbox": records.corner_box(box(frame, clip.video.size))}
    else:
        shape = {"type": "mask", "rle": records.runs_record(frame, clip.video.size)}
    about = {"id": number, "attributes": {**track.attributes, **ours}, "group": track.id}
    return about | {"label_id": label, "z_order": 0} | shape


def read_datumaro(path: Path, collector: Collector) -> None:
    """Read masks, polygons and boxes; without ``track_id`` each is a track of its own."""
    for file in find_files(path, "annotations/*.json"):
        data, where = read_json(file), str(file)
        classes = _read_classes(data, collector, where)
        videos: dict[str, list[tuple[int | str, Record]]] = {}
        for item in entry(data, "items", list, where):
            key = PurePosixPath(entry(item, "id", str, f"{where}: an item"))
            about = item.get("attr") if isinstance(item.get("attr"), dict) else {}
            name = about.get("video") or key.parent.name
            name = name if isinstance(name, str) and name else collector.only_video(file.stem)
            frame = about.get("frame")
            place = frame if isinstance(frame, int) else key.name
            videos.setdefault(name, []).append((place, item))
        infos = data.get("infos") if isinstance(data.get("infos"), dict) else {}
        split = "" if file.stem == DEFAULT_SPLIT else file.stem
        for name, items in videos.items():
            info = infos.get("videos", {}).get(name, {})
            video = _add_video(name, items, info, split, collector, where)
            _read_items(video, items, classes, where)


def _read_classes(data: Any, collector: Collector, where: str) -> dict[int, int]:
    categories = entry(data, "categories", dict, where)
    labels = entry(entry(categories, "label", dict, where), "labels", list, where)
    masks = categories.get("mask") or {}
    colours = {
        own.get("label_id"): records.read_colour([own.get(key) for key in "rgb"])
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
    items: Sequence[tuple[int | str, Record]],
    info: Record,
    split: str,
    collector: Collector,
    where: str,
) -> CollectedVideo:
    length = info.get("length")
    about = {"length": length if isinstance(length, int) else None, "split": split}
    for _, item in items:
        image = item.get("image") or {}
        picture_path(image.get("path", ""), where)
        size = records.read_size(image.get("size"))
        collector.video(name, size, fps=records.number_or_none(info, "fps"), **about)
    return collector.video(name, None)


def _read_items(
    video: CollectedVideo,
    items: Sequence[tuple[int | str, Record]],
    classes: dict[int, int],
    where: str,
) -> None:
    indices = video.indices([place for place, _ in items], where)
    if len(set(indices)) < len(indices):
        raise ValueError(f"{where}: a frame of video {video.name!r} is there twice")
    found: list[tuple[Any, int, Record, Record, str]] = []
    for index, (_, item) in zip(indices, items, strict=True):
        for number, own in enumerate(entry(item, "annotations", list, where)):
            what = f"{where}: {item['id']}, annotation {number + 1}"
            attributes = own.get("attributes") if isinstance(own, dict) else None
            attributes = attributes if isinstance(attributes, dict) else {}
            key = attributes.get("track_id", own.get("group") or what)
            found.append((key, index, own, attributes, what))
    ids = video.collector.ids_of_shapes((key for key, *_ in found), where)
    for key, index, own, attributes, what in found:
        label, kind = own.get("label_id"), own.get("type")
        if label not in classes:
            raise ValueError(f"{what} has label {label}, which is not in the file")
        counts, corners = None, None
        if kind == "mask":
            counts = video.counts(own.get("rle"), what)
        elif kind == "polygon":
            counts = video.counts([own.get("points")], what)
        elif kind == "bbox":
            corners = records.read_box(own.get("bbox"), what)
        else:
            video.collector.losses.add(f"annotations of the kind {str(kind)[:20]!r}", what)
        if counts is None and corners is None:
            continue
        theirs = {key: value for key, value in attributes.items() if key not in OURS}
        about = {"name": attributes.get("track_name", ""), "attributes": theirs}
        records.read_track(video, ids[key], classes[label], about)
        video.frame(ids[key], index, records.read_frame(counts, corners, attributes), what)
