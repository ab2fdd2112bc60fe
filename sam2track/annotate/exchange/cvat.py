"""CVAT's XML 1.1: masks as *images*, polygon tracks as *video*.

CVAT turns a track of masks into a single shape when it imports it. So masks are written as shapes
on images, and the track is told by ``group_id`` and by the attribute ``track_id``. Polygon tracks
are real tracks in CVAT; each frame is one ring along the edges of pixels, which gives the same
mask. Each video is a task: ``<video>/annotations.xml``, pictures in ``<video>/images/``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import IO
from xml.sax.saxutils import escape, quoteattr

from ..tracks import Attribute, ObjectClass, Track, TrackFrame, hex_of
from .clips import Clip, Export, box
from .rings import edge_ring
from .row_runs import encode_rows

TRACK_ID = "track_id"
SOURCES = {"prompt": "semi-auto", "propagated": "auto", "brush": "manual", "imported": "file"}


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

    Args:
        more: attributes of all classes, beside their own.
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
    attributes = "".join(
        f"<attribute><name>{escape(one.name)}</name><mutable>False</mutable>"
        f"<input_type>{one.kind}</input_type>"
        f"<default_value>{escape(one.default)}</default_value>"
        f"<values>{escape(chr(10).join(one.values))}</values></attribute>"
        for one in (*own.attributes, *more)
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
