"""Reads CVAT's XML 1.1, *images* and *video*: masks, polygons and boxes."""

from __future__ import annotations

from pathlib import Path
from xml.etree.ElementTree import Element

from ...video import VIDEO_SUFFIXES
from ..tracks import KINDS, Attribute, ObjectClass, TrackFrame, colour_of
from .collecting import CollectedVideo, Collector, clean, consecutive_ids
from .cvat import SOURCES, TRACK_ID
from .row_runs import decode_rows
from .untrusted import find_files, read_xml, real, whole

MADE_BY = {source: made for made, source in SOURCES.items()}


def read_cvat(path: Path, collector: Collector) -> None:
    """Read *images 1.1* and *video 1.1*: masks, polygons and boxes.

    Shapes on images belong to a track by ``track_id``, else by ``group_id``, else each to its own.
    Of tracks only key frames are read.
    """
    for file in find_files(path, "**/*.xml"):
        root, where = read_xml(file), str(file)
        if root.tag != "annotations":
            raise ValueError(f"{where} begins with <{root.tag[:40]}>, not <annotations>")
        collector.class_ids(_read_labels(root, where))
        length = root.findtext("meta/task/size")
        video = collector.video(
            _video_name(root, file, collector),
            _size(root, where),
            length=whole(length, f"{where}: <size>") if length else None,
        )
        _read_images(root, video, collector, where)
        _read_tracks(root, video, collector, where)


def _size(root: Element, where: str) -> tuple[int, int] | None:
    """Height and width of the first image, or of the task; None if neither is there."""
    image, task = root.find("image"), root.find("meta/task/original_size")
    if image is not None:
        high, wide = image.get("height"), image.get("width")
    else:
        high, wide = (None if task is None else task.findtext(key) for key in ("height", "width"))
    return None if high is None else (whole(high, where), whole(wide, where))


def _video_name(root: Element, file: Path, collector: Collector) -> str:
    task = root.findtext("meta/task/name") or ""
    if collector.known_size(task) is not None:
        return task
    if Path(task).suffix.lower() in VIDEO_SUFFIXES:  # CVAT names a task after its file
        task = Path(task).stem
    return collector.only_video(task or file.resolve().parent.name)


def _read_labels(root: Element, where: str) -> dict[str, ObjectClass | str]:
    found: dict[str, ObjectClass | str] = {}
    for label in root.iter("label"):
        name = label.findtext("name") or ""
        if name in found:
            raise ValueError(f"{where}: label {name!r} is there twice; rename one")
        attributes: list[Attribute] = []
        for own in label.iter("attribute"):
            kind, listed = own.findtext("input_type") or "text", own.findtext("values")
            if own.findtext("name") != TRACK_ID:
                kind = kind if kind in KINDS else "select" if kind == "radio" else "text"
                values = tuple(listed.split("\n")) if listed else ()
                default = own.findtext("default_value", "")
                attributes.append(Attribute(own.findtext("name", ""), kind, values, default))
        colour = colour_of(label.findtext("color"))
        found[name] = ObjectClass(1, clean(name), colour, tuple(attributes))
    return found


def _attributes(element: Element) -> dict[str, str]:
    return {own.get("name", ""): own.text or "" for own in element.iter("attribute")}


def _read_images(root: Element, video: CollectedVideo, collector: Collector, where: str) -> None:
    shapes: list[tuple[object, int, Element, str]] = []
    seen: set[int] = set()
    for image in root.iter("image"):
        index = whole(image.get("id"), f"{where}: the id of an image")
        if index in seen:
            raise ValueError(f"{where}: image {index} is there twice; give each its own id")
        seen.add(index)
        size = whole(image.get("height"), where), whole(image.get("width"), where)
        collector.video(video.name, size)
        for number, shape in enumerate(image):
            what = f"{where}: image {index}, <{shape.tag}> {number + 1}"
            given, group = _attributes(shape).get(TRACK_ID), shape.get("group_id", "0")
            key: object = f"{index} {number}"
            if given or group != "0":
                key = whole(given or group, f"{what}: its track")
            shapes.append((key, index, shape, what))
    ids = collector.ids_of_shapes((key for key, *_ in shapes), where)
    for key, index, shape, what in shapes:
        frame = _read_shape(shape, video, collector, what)
        if frame is not None:
            own = {k: v for k, v in _attributes(shape).items() if k != TRACK_ID}
            video.track(ids[key], _class_of(shape, collector, what), attributes=own)
            video.frame(ids[key], index, frame, what)


def _read_tracks(root: Element, video: CollectedVideo, collector: Collector, where: str) -> None:
    tracks = list(root.iter("track"))
    keys = [whole(track.get("id"), f"{where}: the id of a track") for track in tracks]
    ids = consecutive_ids(keys)
    if len(ids) < len(keys):
        raise ValueError(f"{where}: a track is there twice; give each its own id")
    for key, track in zip(keys, tracks, strict=True):
        class_id = _class_of(track, collector, f"{where}: track {key}")
        own = next((_attributes(shape) for shape in track), {})
        video.track(ids[key], class_id, attributes=own)
        for shape in track:
            index = whole(shape.get("frame"), f"{where}: track {key}: a frame")
            what = f"{where}: track {key}, frame {index}"
            if shape.get("outside") == "1":
                continue
            if shape.get("keyframe") == "0":
                collector.losses.add("frames that are not key frames", what)
                continue
            frame = _read_shape(shape, video, collector, what)
            if frame is not None:
                video.frame(ids[key], index, frame, what)


def _class_of(element: Element, collector: Collector, where: str) -> int:
    label = element.get("label")
    if not label:
        raise ValueError(f"{where} has no label; export it again")
    return collector.class_named(label)


def _read_shape(
    shape: Element, video: CollectedVideo, collector: Collector, where: str
) -> TrackFrame | None:
    """A mask, polygon or box; None for other shapes, which are counted, and empty masks."""
    made, occluded = MADE_BY.get(shape.get("source", ""), "imported"), shape.get("occluded") == "1"
    if shape.tag == "box" and float(shape.get("rotation") or 0) == 0:
        x0, y0, x1, y1 = (real(shape.get(key), where) for key in ("xtl", "ytl", "xbr", "ybr"))
        return TrackFrame(None, (x0, y0, x1, y1), made=made, occluded=occluded)
    if shape.tag == "mask":
        place = [shape.get(key) for key in ("left", "top", "width", "height")]
        mask = decode_rows(place, (shape.get("rle") or "").split(","), video.size, where)
        return TrackFrame.from_mask(mask, made=made, occluded=occluded) if mask.any() else None
    if shape.tag == "polygon":
        pairs = [pair.split(",") for pair in shape.get("points", "").split(";")]
        points = [real(value, f"{where}: a point") for pair in pairs for value in pair]
        counts = video.counts([points], where)
        return None if counts is None else TrackFrame(counts, made=made, occluded=occluded)
    collector.losses.add(f"shapes of the kind {shape.tag[:20]!r}", where)
    return None
