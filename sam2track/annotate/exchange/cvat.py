"""CVAT's XML 1.1: masks as *images*, polygon tracks as *video*.

CVAT turns a track of masks into a single shape when it imports it. So masks are written as shapes
on images, and the track is told by ``group_id`` and by the attribute ``track_id``. Polygon tracks
are real tracks in CVAT; each frame is one ring along the edges of pixels, which gives the same
mask. Each video is a task: ``<video>/annotations.xml``, pictures in ``<video>/images/``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO
from xml.etree.ElementTree import Element
from xml.sax.saxutils import escape, quoteattr

from ..tracks import KINDS, Attribute, ObjectClass, Track, TrackFrame, colour_of, hex_of
from .clips import Clip, Export, box
from .collecting import CollectedVideo, Collector, clean, consecutive_ids
from .rings import edge_ring
from .run_lengths import decode_rows, encode_rows
from .untrusted import find_files, parse_xml, read_text, real, whole

TRACK_ID = "track_id"
SOURCES = {"prompt": "semi-auto", "propagated": "auto", "brush": "manual", "imported": "file"}
MADE_BY = {source: made for made, source in SOURCES.items()}


def write_cvat_images(export: Export) -> None:
    labels = export.class_names
    for clip, file in _documents(export, "annotation", Attribute(TRACK_ID, "number")):
        size = f'width="{clip.video.width}" height="{clip.video.height}"'
        for index in clip.indices:
            name = quoteattr(clip.file_name(index))
            file.write(f'  <image id="{index}" name={name} {size}>\n')
            for track, frame in clip.on(index):
                file.write(_image_shape(clip, track, frame, labels[track.class_id]))
            file.write("  </image>\n")


def write_cvat_video(export: Export) -> None:
    labels = export.class_names
    for clip, file in _documents(export, "interpolation"):
        for track in clip.tracks:
            label = quoteattr(labels[track.class_id])
            file.write(f'  <track id="{track.id}" label={label} source="file">\n')
            _write_keyframes(file, clip, track)
            file.write("  </track>\n")


def _documents(export: Export, mode: str, *more: Attribute) -> Iterator[tuple[Clip, IO[str]]]:
    """Each video with its file, to write what stands between the head and the end.

    ``more`` = attributes of all classes, beside their own.
    """
    for clip in export.clips:
        own, video = export.folder / clip.video.name, clip.video
        own.mkdir()
        with (own / "annotations.xml").open("w", encoding="utf-8") as file:
            file.write('<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n')
            file.write("  <version>1.1</version>\n")
            file.write(f"  <meta>\n    <task>\n      <name>{escape(video.name)}</name>\n")
            file.write(f"      <size>{video.length}</size>\n      <mode>{mode}</mode>\n")
            file.write("      <labels>\n")
            file.writelines(_label(own, more) for own in export.classes)
            size = f"<width>{video.width}</width><height>{video.height}</height>"
            file.write(f"      </labels>\n      <original_size>{size}</original_size>\n")
            file.write("    </task>\n  </meta>\n")
            yield clip, file
            file.write("</annotations>\n")


def _label(own: ObjectClass, more: Sequence[Attribute]) -> str:
    colour = f"<color>{hex_of(own.colour)}</color>" if own.colour else ""
    attributes = ""
    for one in (*own.attributes, *more):
        values = "\n".join(one.values)
        attributes += (
            f"<attribute><name>{escape(one.name)}</name><mutable>False</mutable>"
            f"<input_type>{one.kind}</input_type>"
            f"<default_value>{escape(one.default)}</default_value>"
            f"<values>{escape(values)}</values></attribute>"
        )
    head = f"        <label><name>{escape(own.name)}</name>{colour}<type>any</type>"
    return f"{head}<attributes>{attributes}</attributes></label>\n"


def _image_shape(clip: Clip, track: Track, frame: TrackFrame, label: str) -> str:
    mask = frame.mask(clip.video.size)
    if mask is None:
        x0, y0, x1, y1 = box(frame, clip.video.size)
        kind, place = "box", f'xtl="{x0:g}" ytl="{y0:g}" xbr="{x1:g}" ybr="{y1:g}"'
    else:
        (left, top, width, height), runs = encode_rows(mask)
        kind, rle = "mask", ", ".join(map(str, runs))
        place = f'rle="{rle}" left="{left}" top="{top}" width="{width}" height="{height}"'
    inner = _attributes({**track.attributes, TRACK_ID: str(track.id)})
    return (
        f'    <{kind} label={quoteattr(label)} source="{SOURCES[frame.made]}" '
        f'occluded="{int(frame.occluded)}" {place} z_order="0" group_id="{track.id}">'
        f"{inner}</{kind}>\n"
    )


def _attributes(values: Mapping[str, str]) -> str:
    return "".join(
        f"<attribute name={quoteattr(name)}>{escape(value)}</attribute>"
        for name, value in values.items()
    )


def _write_keyframes(file: IO[str], clip: Clip, track: Track) -> None:
    """A polygon on each frame of a track; after the last one of a span it is marked as outside."""
    inner = _attributes(track.attributes)
    points, shown = "", False
    for index in clip.indices:
        frame = track.frames.get(index)
        if frame is None and not shown:
            continue
        mask = None if frame is None else frame.mask(clip.video.size)
        if mask is not None:
            points = ";".join(f"{x},{y}" for x, y in edge_ring(mask).tolist())
        shown = frame is not None
        occluded = int(frame is not None and frame.occluded)
        file.write(
            f'    <polygon frame="{index}" keyframe="1" outside="{int(not shown)}" '
            f'occluded="{occluded}" points="{points}" z_order="0">{inner}</polygon>\n'
        )


def read_cvat(path: Path, collector: Collector) -> None:
    """Read *images 1.1* and *video 1.1*: masks, polygons and boxes.

    Shapes on images belong to a track by ``track_id``, else by ``group_id``, else each to its own.
    Of tracks only key frames are read.
    """
    for file in find_files(path, "**/*.xml"):
        root, where = parse_xml(read_text(file), str(file)), str(file)
        if root.tag != "annotations":
            raise ValueError(f"{where} begins with <{root.tag[:40]}>, not <annotations>")
        collector.class_ids(_read_labels(root, where))
        length = root.findtext("meta/task/size")
        video = collector.video(
            _video_name(root, file, collector),
            _size(root, where),
            length=whole(length, f"{where}: <size>") if length else None,
        )
        _read_images(root, video, where)
        _read_tracks(root, video, where)


def _size(root: Element, where: str) -> tuple[int, int] | None:
    """Height and width of the first image, or of the task; None if neither is there."""
    image, task = root.find("image"), root.find("meta/task/original_size")
    if image is not None:
        high, wide = image.get("height"), image.get("width")
    else:
        high, wide = (None if task is None else task.findtext(key) for key in ("height", "width"))
    return None if high is None else (whole(high, where), whole(wide, where))


def _video_name(root: Element, file: Path, collector: Collector) -> str:
    """By the name of the task, which a person chooses, or of the file that it was made of."""
    keys = ("meta/task/name", "meta/source", "meta/task/source")
    names = (root.findtext(key) or "" for key in keys)
    return collector.named_video(names, file.resolve().parent.name)


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


def _values_of(element: Element) -> dict[str, str]:
    return {own.get("name", ""): own.text or "" for own in element.iter("attribute")}


def _read_images(root: Element, video: CollectedVideo, where: str) -> None:
    shapes: list[tuple[object, int, Element, str]] = []
    seen: set[int] = set()
    for image in root.iter("image"):
        index = whole(image.get("id"), f"{where}: the id of an image")
        if index in seen:
            raise ValueError(f"{where}: image {index} is there twice; give each its own id")
        seen.add(index)
        size = whole(image.get("height"), where), whole(image.get("width"), where)
        video.collector.video(video.name, size)
        for number, shape in enumerate(image):
            what = f"{where}: image {index}, <{shape.tag}> {number + 1}"
            given, group = _values_of(shape).get(TRACK_ID), shape.get("group_id", "0")
            key: object = f"{index} {number}"
            if given or group != "0":
                key = whole(given or group, f"{what}: its track")
            shapes.append((key, index, shape, what))
    ids = video.collector.ids_of_shapes((key for key, *_ in shapes), where)
    for key, index, shape, what in shapes:
        frame = _read_shape(shape, video, what)
        if frame is not None:
            own = {k: v for k, v in _values_of(shape).items() if k != TRACK_ID}
            video.track(ids[key], _class_of(shape, video, what), attributes=own)
            video.frame(ids[key], index, frame, what)


def _read_tracks(root: Element, video: CollectedVideo, where: str) -> None:
    tracks = list(root.iter("track"))
    keys = [whole(track.get("id"), f"{where}: the id of a track") for track in tracks]
    ids = consecutive_ids(keys)
    if len(ids) < len(keys):
        raise ValueError(f"{where}: a track is there twice; give each its own id")
    for key, track in zip(keys, tracks, strict=True):
        class_id = _class_of(track, video, f"{where}: track {key}")
        own = next((_values_of(shape) for shape in track), {})
        video.track(ids[key], class_id, attributes=own)
        for shape in track:
            index = whole(shape.get("frame"), f"{where}: track {key}: a frame")
            what = f"{where}: track {key}, frame {index}"
            if shape.get("outside") == "1":
                continue
            if shape.get("keyframe") == "0":
                video.collector.losses.add("frames that are not key frames", what)
                continue
            frame = _read_shape(shape, video, what)
            if frame is not None:
                video.frame(ids[key], index, frame, what)


def _class_of(element: Element, video: CollectedVideo, where: str) -> int:
    label = element.get("label")
    if not label:
        raise ValueError(f"{where} has no label; export it again")
    return video.collector.class_named(label)


def _read_shape(shape: Element, video: CollectedVideo, where: str) -> TrackFrame | None:
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
    video.collector.losses.add(f"shapes of the kind {shape.tag[:20]!r}", where)
    return None
