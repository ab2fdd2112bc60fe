"""Label Studio: brush masks on pictures, and boxes on videos.

``tasks.json`` is imported as tasks with annotations, ``config.xml`` is the labelling interface that
fits. Label Studio has no masks on videos. A task for each picture (``image``: ``<video>/<name>``)
with ``brushlabels``, or for each video (``video``) with ``videorectangle``, whose boxes are linear
between key frames and end where ``enabled`` is false. ``meta`` of a region tells its track.
"""

from __future__ import annotations

import base64
import binascii
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any
from xml.sax.saxutils import quoteattr

import numpy as np
from PIL import Image

from ..tracks import Box, ObjectClass, Track, TrackFrame
from .brush_runs import decode_brush, encode_brush
from .clips import Clip, box
from .collecting import Collector, consecutive_ids
from .json_file import JsonList
from .losses import Losses
from .records import Record, frame_extras, read_frame, read_track, track_extras
from .untrusted import check_size, entry, read_json, read_xml

MASKS = {"brushlabels": "brushlabels", "bitmasklabels": "bitmasklabels"}


def write_label_studio(
    clips: Iterator[Clip], classes: Sequence[ObjectClass], folder: Path, losses: Losses
) -> None:
    names = _write_config(folder, classes, "image", "Image", "BrushLabels")
    number = 0
    with JsonList(folder / "tasks.json") as file:
        for clip in clips:
            video = clip.video
            for index in clip.indices:
                number += 1
                results = [
                    {
                        "id": f"t{track.id}f{index}",
                        "type": "brushlabels",
                        "from_name": "label",
                        "to_name": "image",
                        "original_width": video.width,
                        "original_height": video.height,
                        "image_rotation": 0,
                        "value": {
                            "format": "rle",
                            "rle": encode_brush(mask),
                            "brushlabels": [names[track.class_id]],
                        },
                        "meta": {"track_id": track.id}
                        | track_extras(track)
                        | frame_extras(track.frames[index]),
                    }
                    for track, mask in clip.masks(index)
                ]
                data = {
                    "image": f"{video.name}/{clip.file_name(index)}",
                    "video": video.name,
                    "frame": index,
                    "size": [video.height, video.width],
                    "length": video.length,
                }
                file.add(_task(number, data, results))


def write_label_studio_video(
    clips: Iterator[Clip], classes: Sequence[ObjectClass], folder: Path, losses: Losses
) -> None:
    names = _write_config(folder, classes, "video", "Video", "Labels")
    with JsonList(folder / "tasks.json") as file:
        for number, clip in enumerate(clips, start=1):
            video = clip.video
            rate = video.fps or 25
            results = [
                {
                    "id": f"t{track.id}",
                    "type": "videorectangle",
                    "from_name": "box",
                    "to_name": "video",
                    "value": {
                        "framesCount": video.length,
                        "duration": video.length / rate,
                        "sequence": _sequence(clip, track, rate),
                        "labels": [names[track.class_id]],
                    },
                    "meta": {"track_id": track.id} | track_extras(track),
                }
                for track in clip.tracks
            ]
            path = video.name if video.path is None else video.path.name
            data = {"video": path, "name": video.name, "size": [video.height, video.width]}
            file.add(_task(number, data, results))


def _task(number: int, data: Record, results: list[Record]) -> Record:
    annotations = [{"id": number, "completed_by": 1, "result": results}]
    return {"id": number, "data": data, "annotations": annotations}


def _write_config(
    folder: Path, classes: Sequence[ObjectClass], name: str, shows: str, labels: str
) -> dict[int, str]:
    """Write the labelling interface; the names of classes by their ids."""
    lines = ["<View>", f'  <{shows} name="{name}" value="${name}"/>']
    if name == "video":
        lines.append('  <VideoRectangle name="box" toName="video"/>')
    lines.append(f'  <{labels} name="label" toName="{name}">')
    for own in classes:
        colour = "" if own.colour is None else f' background="#{bytes(own.colour).hex()}"'
        lines.append(f"    <Label value={quoteattr(own.name)}{colour}/>")
    text = "\n".join([*lines, f"  </{labels}>", "</View>", ""])
    (folder / "config.xml").write_text(text, encoding="utf-8")
    return {own.id: own.name for own in classes}


def _read_config(path: Path, collector: Collector) -> None:
    """Take the classes and their colours from the labelling interface beside the tasks."""
    file = (path if path.is_dir() else path.parent) / "config.xml"
    if not file.is_file():
        return
    found: dict[int, ObjectClass | str] = {}
    for place, label in enumerate(read_xml(file).iter("Label"), start=1):
        colour = label.get("background", "").removeprefix("#")
        rgb = bytes.fromhex(colour) if re.fullmatch("[0-9a-fA-F]{6}", colour) else None
        value = None if rgb is None else (rgb[0], rgb[1], rgb[2])
        found[place] = ObjectClass(1, label.get("value", ""), value)
    collector.class_ids(found)


def _sequence(clip: Clip, track: Track, rate: float) -> list[Record]:
    height, width = clip.video.size
    shown = [index for index in clip.indices if index in track.frames]
    following = dict(zip(clip.indices, clip.indices[1:], strict=False))
    sequence: list[Record] = []
    for index in shown:
        x0, y0, x1, y1 = box(track.frames[index], clip.video.size)
        place = {"x": x0 / width, "y": y0 / height}
        place |= {"width": (x1 - x0) / width, "height": (y1 - y0) / height}
        about = {
            "frame": index + 1,
            "enabled": following.get(index) in track.frames,
            "rotation": 0,
            "time": index / rate,
        }
        sequence.append(about | {key: 100 * value for key, value in place.items()})
    return sequence


def read_label_studio(path: Path, collector: Collector) -> None:
    """Read brush masks and bit masks; a picture's folder is its video."""
    _read_config(path, collector)
    found: dict[str, list[tuple[int | str, Record, str]]] = {}
    for where, data, results in _tasks(path):
        picture = PurePosixPath(entry(data, "image", str, where).split("?")[0])
        name = data.get("video") or picture.parent.name
        name = name if isinstance(name, str) and name else collector.only_video("pictures")
        frame = data.get("frame")
        index = frame if isinstance(frame, int) else picture.stem
        regions = [own for own in results if own.get("type") in MASKS]
        if len(regions) < len(results):
            collector.losses.add("regions that are no masks", where, len(results) - len(regions))
        size = data.get("size")
        if isinstance(size, list) and len(size) == 2:
            length = data.get("length")
            length = length if isinstance(length, int) else None
            collector.video(name, (int(size[0]), int(size[1])), length=length)
        found.setdefault(name, []).extend(
            (index, own, f"{where}, region {own.get('id')}") for own in regions
        )
    for name, regions in found.items():
        _read_regions(name, regions, collector)


def _read_regions(
    name: str, regions: list[tuple[int | str, Record, str]], collector: Collector
) -> None:
    for _, own, where in regions:
        height = entry(own, "original_height", int, where)
        collector.video(name, (height, entry(own, "original_width", int, where)))
    stems = list(dict.fromkeys(index for index, *_ in regions if isinstance(index, str)))
    indices = dict(zip(stems, collector.indices(name, stems, name), strict=True)) if stems else {}
    keys = [_meta(own).get("track_id", where) for _, own, where in regions]
    ids = consecutive_ids(keys)
    for key, (index, own, where) in zip(keys, regions, strict=True):
        value = entry(own, "value", dict, where)
        size = own["original_height"], own["original_width"]
        if own["type"] == "brushlabels":
            mask = decode_brush(entry(value, "rle", list, where), size, where)
        else:
            mask = _decode_bitmask(entry(value, "imageDataURL", str, where), size, where)
        if mask.any():
            class_id = _class(value, MASKS[own["type"]], collector, where)
            read_track(collector, name, ids[key], class_id, _meta(own))
            counts = TrackFrame.from_mask(mask).counts
            frame = read_frame(counts, None, _meta(own))
            place = indices[index] if isinstance(index, str) else index
            collector.frame(name, ids[key], place, frame, where)


def _meta(region: Record) -> Record:
    meta = region.get("meta")
    return meta if isinstance(meta, dict) else {}


def _class(value: Record, key: str, collector: Collector, where: str) -> int:
    labels = value.get(key)
    if not isinstance(labels, list) or not labels:
        return collector.default_class()
    if len(labels) > 1:
        collector.losses.add("second labels of a region", where)
    return collector.class_named(str(labels[0]))


def _tasks(path: Path) -> Iterator[tuple[str, Record, list[Record]]]:
    """Each task: where it is, its data, and the regions of its first annotation."""
    file = path / "tasks.json" if path.is_dir() else path
    tasks = read_json(file)
    if not isinstance(tasks, list):
        raise ValueError(f"{file} is no list of tasks; export 'JSON' from Label Studio")
    for number, task in enumerate(tasks, start=1):
        where = f"{file}: task {number}"
        data = entry(task, "data", dict, where)
        annotations = task.get("annotations") or task.get("predictions") or [{"result": []}]
        yield where, data, entry(annotations[0], "result", list, where)


def _decode_bitmask(url: str, size: tuple[int, int], where: str) -> np.ndarray:
    """The mask in a PNG as a data URL: pixels that are neither black nor transparent."""
    try:
        picture = Image.open(io.BytesIO(base64.b64decode(url.split(",", 1)[1], validate=True)))
        check_size((picture.height, picture.width), size, where)
        values = np.asarray(picture.convert("LA"))
    except (IndexError, binascii.Error, OSError, SyntaxError) as error:
        raise ValueError(f"{where}: 'imageDataURL' holds no PNG ({error})") from None
    return np.asarray((values > 0).all(2))


def read_label_studio_video(path: Path, collector: Collector) -> None:
    """Read boxes of videos; between key frames they are linear, as Label Studio shows them."""
    _read_config(path, collector)
    for where, data, results in _tasks(path):
        name = data.get("name") or PurePosixPath(str(data.get("video", ""))).stem
        name = collector.only_video(str(name))
        size = data.get("size")
        known = collector.known_size(name)
        if known is None and isinstance(size, list) and len(size) == 2:
            known = int(size[0]), int(size[1])
        regions = [own for own in results if own.get("type") == "videorectangle"]
        if len(regions) < len(results):
            collector.losses.add("regions that are no boxes", where, len(results) - len(regions))
        values = [entry(own, "value", dict, where) for own in regions]
        counts = {own["framesCount"] for own in values if isinstance(own.get("framesCount"), int)}
        length = max(counts, default=None)
        collector.video(name, known, length=length)
        height, width = collector.known_size(name) or (0, 0)
        ids = consecutive_ids(_meta(own).get("track_id", own.get("id")) for own in regions)
        if len(ids) < len(regions):
            raise ValueError(f"{where}: a region is there twice; give each its own id")
        for own, value, track_id in zip(regions, values, ids.values(), strict=True):
            what = f"{where}, region {own.get('id')}"
            class_id = _class(value, "labels", collector, what)
            read_track(collector, name, track_id, class_id, _meta(own))
            for index, (x0, y0, x1, y1) in _boxes(value, length, what):
                # Percent are not exact, but the boxes of masks are whole pixels.
                left, right = round(x0 * width, 4), round(x1 * width, 4)
                corners = left, round(y0 * height, 4), right, round(y1 * height, 4)
                collector.frame(name, track_id, index, TrackFrame(None, corners), what)


def _boxes(value: Mapping[str, Any], length: int | None, where: str) -> Iterator[tuple[int, Box]]:
    """The box on each frame, in parts of width and height."""
    keys: dict[int, tuple[np.ndarray, bool]] = {}
    for own in entry(value, "sequence", list, where):
        frame = entry(own, "frame", int, where)
        x, y, width, height = (
            entry(own, key, (int, float), where) / 100 for key in ("x", "y", "width", "height")
        )
        if frame in keys or frame < 1:
            raise ValueError(f"{where}: frame {frame} is there twice, or before the first")
        if own.get("rotation"):
            raise ValueError(f"{where}: the box of frame {frame} is turned, which is not read")
        keys[frame] = np.array([x, y, x + width, y + height]), bool(own.get("enabled", True))
    order = sorted(keys)
    for frame, following in zip(order, [*order[1:], None], strict=True):
        corners, goes_on = keys[frame]
        last = following if following is not None else (length or frame) + 1
        target = keys[following][0] if following is not None else corners
        # A broken file must not make endless boxes.
        if last - frame > 1 << 22:
            raise ValueError(f"{where}: frame {last} is too far after frame {frame}")
        for k in range(frame, last if goes_on else frame + 1):
            part = corners + (target - corners) * (k - frame) / (last - frame)
            x0, y0, x1, y1 = part.tolist()
            yield k - 1, (x0, y0, x1, y1)
