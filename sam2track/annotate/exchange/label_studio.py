"""Label Studio, masks on pictures: a task for each picture, with a region for each mask.

``image`` of a task is ``<video>/<name>``. Masks are written as those of the brush; bit masks are
read too. Label Studio has no masks on videos.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import numpy as np

from ..tracks import TrackFrame
from . import label_studio_tasks as tasks
from . import records
from .clips import Export
from .collecting import Collector
from .json_file import JsonList
from .records import Record
from .run_lengths import decode_brush, encode_brush
from .untrusted import check_size, decode_png, entry

MASKS = ("brushlabels", "bitmasklabels")


def write_label_studio(export: Export) -> None:
    tasks.write_config(export, "image", "Image", "BrushLabels")
    names, number = export.class_names, 0
    with JsonList(export.folder / "tasks.json") as file:
        for clip in export.clips:
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
                        | records.track_extras(track)
                        | records.frame_extras(track.frames[index]),
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
                file.add(tasks.task_record(number, data, results))


def read_label_studio(path: Path, collector: Collector) -> None:
    """Read brush masks and bit masks; a picture's folder is its video."""
    tasks.read_config(path, collector)
    found: dict[str, list[tuple[int | str, Record, str]]] = {}
    for where, data, results in tasks.read_tasks(path):
        picture = PurePosixPath(entry(data, "image", str, where).split("?")[0])
        name = data.get("video") or picture.parent.name
        name = name if isinstance(name, str) and name else collector.only_video("pictures")
        frame = data.get("frame")
        place = frame if isinstance(frame, int) else picture.stem
        regions = tasks.of_types(results, MASKS, "masks", collector, where)
        size, length = records.read_size(data.get("size")), data.get("length")
        if size is not None:
            length = length if isinstance(length, int) else None
            collector.video(name, size, length=length)
        found.setdefault(name, []).extend(
            (place, own, f"{where}, region {own.get('id')}") for own in regions
        )
    for name, regions in found.items():
        _read_regions(name, regions, collector)


def _read_regions(
    name: str, regions: list[tuple[int | str, Record, str]], collector: Collector
) -> None:
    for _, own, where in regions:
        height = entry(own, "original_height", int, where)
        collector.video(name, (height, entry(own, "original_width", int, where)))
    if not regions:
        return
    video = collector.video(name, None)
    places = list(dict.fromkeys(place for place, *_ in regions))
    indices = dict(zip(places, video.indices(places, name), strict=True))
    keys = [tasks.region_meta(own).get("track_id", where) for _, own, where in regions]
    ids = collector.ids_of_shapes(keys, name)
    for key, (place, own, where) in zip(keys, regions, strict=True):
        value = entry(own, "value", dict, where)
        size = own["original_height"], own["original_width"]
        if own["type"] == "brushlabels":
            mask = decode_brush(entry(value, "rle", list, where), size, where)
        else:
            mask = _decode_bitmask(entry(value, "imageDataURL", str, where), size, where)
        if mask.any():
            meta = tasks.region_meta(own)
            class_id = tasks.region_class(value, own["type"], collector, where)
            records.read_track(video, ids[key], class_id, meta)
            frame = records.read_frame(TrackFrame.from_mask(mask).counts, None, meta)
            video.frame(ids[key], indices[place], frame, where)


def _decode_bitmask(url: str, size: tuple[int, int], where: str) -> np.ndarray:
    """The mask in a PNG as a data URL: pixels that are neither black nor transparent."""
    picture = decode_png(url.rpartition(",")[2], f"{where}: 'imageDataURL'")
    check_size((picture.height, picture.width), size, where)
    values = np.asarray(picture.convert("LA"))
    return np.asarray((values > 0).all(2))
