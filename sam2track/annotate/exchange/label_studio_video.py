"""Label Studio, boxes on videos: a task for each video, with a region for each track.

Boxes are linear between key frames, and end at one where ``enabled`` is false.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from ..tracks import Box, Track, TrackFrame
from . import label_studio_tasks as tasks
from . import records
from .clips import Clip, Export, box
from .collecting import Collector, consecutive_ids
from .json_file import JsonList
from .records import Record
from .untrusted import entry


def write_label_studio_video(export: Export) -> None:
    tasks.write_config(export, "video", "Video", "Labels")
    names = export.class_names
    with JsonList(export.folder / "tasks.json") as file:
        for number, clip in enumerate(export.clips, start=1):
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
                    "meta": {"track_id": track.id} | records.track_extras(track),
                }
                for track in clip.tracks
            ]
            path = video.name if video.path is None else video.path.name
            data = {"video": path, "name": video.name, "size": [video.height, video.width]}
            file.add(tasks.task_record(number, data, results))


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


def read_label_studio_video(path: Path, collector: Collector) -> None:
    """Read boxes of videos; between key frames they are linear, as Label Studio shows them."""
    tasks.read_config(path, collector)
    for where, data, results in tasks.read_tasks(path):
        file = PurePosixPath(str(data.get("video") or "")).name
        uploaded = re.sub(r"^[0-9a-f]{8}-", "", file)  # Label Studio puts this before the name
        names = str(data.get("name") or ""), PurePosixPath(file).stem, uploaded
        name = collector.named_video(names, "video")
        known = collector.known_size(name) or records.read_size(data.get("size"))
        regions = tasks.of_types(results, ("videorectangle",), "boxes", collector, where)
        values = [entry(own, "value", dict, where) for own in regions]
        counts = {own["framesCount"] for own in values if isinstance(own.get("framesCount"), int)}
        length = max(counts, default=None)
        video = collector.video(name, known, length=length)
        height, width = video.size
        ids = consecutive_ids(
            tasks.region_meta(own).get("track_id", own.get("id")) for own in regions
        )
        if len(ids) < len(regions):
            raise ValueError(f"{where}: a region is there twice; give each its own id")
        for own, value, track_id in zip(regions, values, ids.values(), strict=True):
            what = f"{where}, region {own.get('id')}"
            class_id = tasks.region_class(value, "labels", collector, what)
            records.read_track(video, track_id, class_id, tasks.region_meta(own))
            for index, (x0, y0, x1, y1) in _boxes(value, length, what):
                # Percent are not exact, but the boxes of masks are whole pixels.
                left, right = round(x0 * width, 4), round(x1 * width, 4)
                corners = left, round(y0 * height, 4), right, round(y1 * height, 4)
                video.frame(track_id, index, TrackFrame(None, corners), what)


def _boxes(value: Mapping[str, Any], length: int | None, where: str) -> Iterator[tuple[int, Box]]:
    """The box on each frame, in parts of width and height."""
    keys: dict[int, tuple[np.ndarray, bool]] = {}
    for own in entry(value, "sequence", list, where):
        frame = entry(own, "frame", int, where)
        x, y, width, height = (
            entry(own, key, (int, float), where) / 100 for key in ("x", "y", "width", "height")
        )
        if frame in keys or not 1 <= frame <= (length or frame):
            raise ValueError(f"{where}: frame {frame} is there twice, or not one of the {length}")
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
