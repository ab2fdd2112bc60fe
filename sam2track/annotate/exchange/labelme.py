"""LabelMe 7 and X-AnyLabeling: a JSON file beside each picture.

``<video>/<frame>.json``, pictures in the same folder. A mask is a shape whose two points are the
first and the last pixel of its box, with the pixels between as a PNG; ``group_id`` is the track.
"""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import cast

import numpy as np
from PIL import Image

from ...masks import mask_box
from ...video import list_pictures
from ..tracks import Track, TrackFrame
from .clips import Clip, Export, box
from .collecting import CollectedVideo, Collector
from .json_file import to_json
from .records import Record, read_frame, read_track
from .untrusted import decode_png, entry, picture_path, read_json

VERSION = "7.9.1"


def write_labelme(export: Export) -> None:
    names = export.class_names
    for clip in export.clips:
        folder = export.folder / clip.video.name
        folder.mkdir()
        for index in clip.indices:
            document = {
                "version": VERSION,
                "flags": {},
                "shapes": [
                    _shape(clip, track, frame, names[track.class_id])
                    for track, frame in clip.on(index)
                ],
                "imagePath": clip.file_name(index),
                "imageData": None,
                "imageHeight": clip.video.height,
                "imageWidth": clip.video.width,
            }
            (folder / f"{clip.stems[index]}.json").write_bytes(to_json(document))


def _shape(clip: Clip, track: Track, frame: TrackFrame, label: str) -> Record:
    mask = frame.mask(clip.video.size)
    corners = None if mask is None else mask_box(mask)
    if mask is None or corners is None:
        x0, y0, x1, y1 = box(frame, clip.video.size)
        place: Record = {"points": [[x0, y0], [x1, y1]], "shape_type": "rectangle", "mask": None}
    else:
        x0, y0, x1, y1 = corners
        file = io.BytesIO()
        Image.fromarray(mask[y0:y1, x0:x1]).save(file, format="PNG")
        place = {"points": [[x0, y0], [x1 - 1, y1 - 1]], "shape_type": "mask"}
        place["mask"] = base64.b64encode(file.getvalue()).decode("ascii")
    return {
        "label": label,
        "group_id": track.id,
        "description": track.name,
        "flags": {"occluded": True} if frame.occluded else {},
        "attributes": dict(track.attributes),
        **({} if frame.score is None else {"score": frame.score}),
        **place,
    }


def read_labelme(path: Path, collector: Collector) -> None:
    """Read masks, polygons and rectangles; without ``group_id`` each is a track of its own."""
    if not path.is_dir():
        raise ValueError(f"{path} is no folder of JSON files beside pictures; give the folder")
    folders = [path, *sorted(own for own in path.iterdir() if own.is_dir())]
    found = {own: list_pictures(own, (".json",)) for own in folders}
    if not any(found.values()):
        raise ValueError(f"{path} has no JSON files; check the path")
    for folder, files in found.items():
        if files:
            name = folder.name if folder != path else collector.only_video(path.resolve().name)
            _read_folder(name, files, collector)


def _read_folder(name: str, files: list[Path], collector: Collector) -> None:
    shapes: list[tuple[object, int, Record, str]] = []
    for place, file in enumerate(files):
        data, where = read_json(file), str(file)
        picture_path(data.get("imagePath"), where)
        height = entry(data, "imageHeight", int, where)
        collector.video(name, (height, entry(data, "imageWidth", int, where)))
        for number, shape in enumerate(entry(data, "shapes", list, where)):
            what = f"{where}: shape {number + 1}"
            group = shape.get("group_id") if isinstance(shape, dict) else None
            key: object = group if isinstance(group, int) else what
            shapes.append((key, place, shape, what))
    video = collector.video(name, None)
    indices = video.indices([file.stem for file in files], str(files[0].parent))
    ids = collector.ids_of_shapes((key for key, *_ in shapes), name)
    for key, place, shape, where in shapes:
        class_id = collector.class_named(entry(shape, "label", str, where))
        frame = _read_shape(shape, video, where)
        if frame is not None:
            about = {"name": shape.get("description") or "", "attributes": shape.get("attributes")}
            read_track(video, ids[key], class_id, about)
            video.frame(ids[key], indices[place], frame, where)


def _read_shape(shape: Record, video: CollectedVideo, where: str) -> TrackFrame | None:
    points = entry(shape, "points", list, where)
    numbers = [v for point in points if isinstance(point, list) and len(point) == 2 for v in point]
    if len(numbers) != 2 * len(points) or not all(isinstance(v, (int, float)) for v in numbers):
        raise ValueError(f"{where}: 'points' is no list of x, y")
    flags = shape.get("flags")
    about = shape | (cast(Record, flags) if isinstance(flags, dict) else {})
    kind = shape.get("shape_type", "polygon")
    if kind == "mask" and len(points) == 2:
        text = entry(shape, "mask", str, where)
        mask = _decode(text, (round(numbers[0]), round(numbers[1])), video.size, where)
        return read_frame(TrackFrame.from_mask(mask).counts, None, about) if mask.any() else None
    if kind == "polygon":
        counts = video.counts([numbers], where)
        return None if counts is None else read_frame(counts, None, about)
    if kind == "rectangle" and len(numbers) in (4, 8):
        xs, ys = numbers[::2], numbers[1::2]
        return read_frame(None, (min(xs), min(ys), max(xs), max(ys)), about)
    video.collector.losses.add(f"shapes of the kind {str(kind)[:20]!r}", where)
    return None


def _decode(text: str, corner: tuple[int, int], size: tuple[int, int], where: str) -> np.ndarray:
    part = np.asarray(decode_png(text, f"{where}: 'mask'").convert("L")) > 0
    (x, y), (height, width) = corner, part.shape
    if x < 0 or y < 0 or x + width > size[1] or y + height > size[0]:
        raise ValueError(
            f"{where}: its mask ends at {x + width}, {y + height}, outside the picture"
        )
    mask = np.zeros(size, bool)
    mask[y : y + height, x : x + width] = part
    return mask
