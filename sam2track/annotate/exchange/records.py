"""What the JSON formats share: classes, videos, tracks and frames as JSON objects.

Beside the keys of its format a record has ours where they are needed: readers ignore keys that they
do not know.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, cast

from ..tracks import KINDS, MADE, Attribute, Box, ObjectClass, Track, TrackFrame
from .clips import Clip
from .collecting import CollectedVideo, Collector, clean
from .untrusted import entry

Record = dict[str, Any]


def by_id(records: Sequence[Any], what: str) -> dict[int, Record]:
    """Records by their ``id``; ValueError, which begins with ``what``, if one is there twice."""
    found: dict[int, Record] = {}
    for record in records:
        key = entry(record, "id", int, what)
        if key in found:
            raise ValueError(f"{what} {key} is there twice; give each its own id")
        found[key] = record
    return found


def known_class(classes: Mapping[Any, int], category: Any, where: str) -> int:
    """Our id of a category; ValueError if the file does not list it."""
    if category not in classes:
        raise ValueError(f"{where} has category {category}, which is not in the file")
    return classes[category]


def read_size(value: object) -> tuple[int, int] | None:
    """Height and width from a list of two whole numbers; None for anything else."""
    if isinstance(value, list) and len(value) == 2 and all(isinstance(v, int) for v in value):
        return value[0], value[1]
    return None


def class_record(own: ObjectClass) -> Record:
    """A category of COCO; ``color`` as in COCO's panoptic categories."""
    record: Record = {"id": own.id, "name": own.name, "supercategory": ""}
    if own.colour is not None:
        record["color"] = list(own.colour)
    if own.attributes:
        record["attributes"] = [
            {"name": a.name, "kind": a.kind, "values": list(a.values), "default": a.default}
            for a in own.attributes
        ]
    return record


def read_classes(collector: Collector, records: Sequence[Any], where: str) -> dict[Any, int]:
    """The ids of classes by the ids in COCO's categories."""
    found: dict[Any, ObjectClass | str] = {}
    for key, record in by_id(records, f"{where}: category").items():
        name = entry(record, "name", str, f"{where}: category {key}")
        listed = record.get("attributes")
        listed = listed if isinstance(listed, list) else []
        attributes = tuple(read_attribute(a, f"{where}: category {name!r}") for a in listed)
        colour = read_colour(record.get("color"))
        found[key] = ObjectClass(1, clean(name), colour, attributes)  # the collector gives the id
    return collector.class_ids(found)


def read_colour(value: object) -> tuple[int, int, int] | None:
    """RGB from a list of three numbers 0..255; None for anything else."""
    if not isinstance(value, list) or len(value) != 3:
        return None
    numbers = [number for number in value if isinstance(number, int) and 0 <= number <= 255]
    return (numbers[0], numbers[1], numbers[2]) if len(numbers) == 3 else None


def read_attribute(record: Any, where: str) -> Attribute:
    """The definition of an attribute; tools that list only names are understood."""
    if isinstance(record, str):
        return Attribute(record)
    kind = str(record.get("kind", "text")) if isinstance(record, dict) else "text"
    name = entry(record, "name", str, f"{where}: an attribute")
    values = record.get("values")
    values = values if isinstance(values, list) else []
    kind = kind if kind in KINDS else "text"
    return Attribute(name, kind, tuple(map(str, values)), str(record.get("default", "")))


def video_record(clip: Clip, number: int) -> Record:
    """A video, with its length and rate."""
    video = clip.video
    record: Record = {
        "id": number,
        "name": video.name,
        "width": video.width,
        "height": video.height,
        "frame_count": video.length,
    }
    if video.fps is not None:
        record["fps"] = video.fps
    if clip.split:
        record["split"] = clip.split
    return record


def read_video(collector: Collector, record: Any, name: str, where: str) -> CollectedVideo:
    """Add a video from its record; ``name`` as it is called in the file."""
    size = entry(record, "height", int, where), entry(record, "width", int, where)
    length = entry(record, "frame_count", int, where) if "frame_count" in record else None
    split = str(record.get("split", ""))
    return collector.video(
        name, size, length=length, fps=number_or_none(record, "fps"), split=split
    )


def number_or_none(record: Mapping[str, Any], key: str) -> float | None:
    """A number of a record; None if it has none there."""
    value = record.get(key)
    return float(value) if isinstance(value, (int, float)) else None


def track_extras(track: Track) -> Record:
    """The name and attributes of a track, if it has any."""
    extras: Record = {"name": track.name} if track.name else {}
    return extras | ({"attributes": dict(track.attributes)} if track.attributes else {})


def read_track(
    video: CollectedVideo, track_id: int, class_id: int, record: Mapping[str, Any]
) -> None:
    """Add a track, with the name and attributes of its record."""
    attributes = record.get("attributes")
    attributes = cast(Record, attributes) if isinstance(attributes, dict) else {}
    texts = {str(key): to_text(value) for key, value in attributes.items()}
    name = record.get("name", "")
    video.track(track_id, class_id, name=name if isinstance(name, str) else "", attributes=texts)


def to_text(value: object) -> str:
    """The value of an attribute as text; ``true`` and ``false`` as CVAT writes them."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def frame_extras(frame: TrackFrame) -> Record:
    """Score, origin and occlusion, where they tell something."""
    extras: Record = {} if frame.score is None else {"score": frame.score}
    if frame.made != "imported":
        extras["made"] = frame.made
    return extras | ({"occluded": True} if frame.occluded else {})


def read_frame(counts: str | None, box: Box | None, record: Mapping[str, Any]) -> TrackFrame:
    """A frame of a track, with the score, origin and occlusion in its record."""
    score, made = number_or_none(record, "score"), record.get("made")
    return TrackFrame(
        counts,
        box if counts is None else None,
        score if score is not None and math.isfinite(score) else None,
        made if made in MADE else "imported",
        bool(record.get("occluded")),
    )


def runs_record(frame: TrackFrame, size: tuple[int, int]) -> Record:
    """A mask as COCO stores it."""
    return {"size": list(size), "counts": frame.counts}


def corner_box(box: Box) -> list[float]:
    """``[x, y, width, height]`` from corners; whole numbers stay whole."""
    x0, y0, x1, y1 = (int(v) if v == int(v) else v for v in box)
    return [x0, y0, x1 - x0, y1 - y0]


def read_box(value: object, where: str) -> Box:
    """Corners from ``[x, y, width, height]``."""
    if isinstance(value, list) and len(value) == 4:
        numbers = [v for v in value if isinstance(v, (int, float)) and abs(v) < 1e9]
        if len(numbers) == 4 and min(numbers[2:]) > 0:
            x, y, width, height = (float(v) for v in numbers)
            return x, y, x + width, y + height
    raise ValueError(f"{where}: a box is x, y, width, height in pixels, not {str(value)[:60]}")
