"""SA-V: a JSON file for each video, with the run lengths of each object on each annotated frame.

``<video>_manual.json``, as github.com/facebookresearch/sam2 (sav_dataset/README.md) describes; SA-V
annotates every fourth frame. ``frame_ids`` is ours: the indices of the annotated frames.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from ...masks import encode_runs
from ..tracks import Track, TrackFrame
from .clips import Clip, Export, area
from .collecting import Collector, consecutive_ids, video_name
from .json_file import JsonLists
from .untrusted import entry, find_files, read_json

STEP = 4
SIZES = (32**2, 96**2)  # small, medium and large objects, in pixels


def write_sav(export: Export) -> None:
    for clip in export.clips:
        video = clip.video
        fps = video.fps or 24
        head: dict[str, Any] = {
            "video_id": video.name,
            "video_duration": video.length / fps,
            "video_frame_count": float(video.length),
            "video_height": float(video.height),
            "video_width": float(video.width),
            "video_resolution": float(video.height * video.width),
            "video_environment": "",
            "video_split": clip.split or "train",
            "frame_ids": list(clip.indices),
            "masklet_id": [track.id for track in clip.tracks],
            "masklet_type": ["manual"] * len(clip.tracks),
            "masklet_stability_score": [[] for _ in clip.tracks],
            "masklet_num": len(clip.tracks),
        }
        statistics = [_statistics(clip, track) for track in clip.tracks]
        for key in statistics[0] if statistics else ():
            head[key] = [own[key] for own in statistics]
        empty = encode_runs(np.zeros(video.size, bool))
        path = export.folder / f"{video.name}_manual.json"
        with JsonLists(path, ("masklet",), head) as file:
            for index in clip.indices:
                frames = [track.frames.get(index) for track in clip.tracks]
                runs = [{**empty, "counts": own.counts} if own else empty for own in frames]
                file.add("masklet", runs)


def _statistics(clip: Clip, track: Track) -> dict[str, object]:
    """What SA-V tells about each object."""
    areas = [area(own, clip.video.size) for own in track.frames.values()]
    made = [own.made for own in track.frames.values()]
    mean = sum(areas) / len(areas)
    seen = [index in track.frames for index in clip.indices]
    return {
        "masklet_size_rel": mean / (clip.video.height * clip.video.width),
        "masklet_size_abs": mean,
        "masklet_size_bucket": ("small", "medium", "large")[sum(mean >= one for one in SIZES)],
        "masklet_visibility_changes": sum(a != b for a, b in pairwise(seen)),
        "masklet_first_appeared_frame": float(seen.index(True)),
        "masklet_frame_count": len(areas),
        "masklet_edited_frame_count": made.count("prompt") + made.count("brush"),
    }


def read_sav(path: Path, collector: Collector) -> None:
    for file in find_files(path, "**/*_manual.json", "**/*_auto.json"):
        data, where = read_json(file), str(file)
        name = video_name(entry(data, "video_id", str, where))
        masklets = entry(data, "masklet", list, where)
        count = int(entry(data, "video_frame_count", (int, float), where))
        height, width = (
            int(entry(data, key, (int, float), where)) for key in ("video_height", "video_width")
        )
        video = collector.video(name, (height, width), length=count)
        keys = data.get("masklet_id") or list(range(len(masklets[0]) if masklets else 0))
        step = 1 if len(masklets) == count else STEP
        indices = data.get("frame_ids") or range(0, step * len(masklets), step)
        if len(indices) != len(masklets) or len(set(keys)) < len(keys):
            raise ValueError(f"{where}: 'masklet_id' or 'frame_ids' does not fit to 'masklet'")
        ids = list(consecutive_ids(keys).values())
        for track_id in ids:
            video.track(track_id, collector.default_class())
        for index, runs in zip(indices, masklets, strict=True):
            what = f"{where}, frame {index}"
            if not isinstance(index, int) or not isinstance(runs, list) or len(runs) != len(ids):
                raise ValueError(f"{what} does not have the run lengths of {len(ids)} objects")
            for track_id, own in zip(ids, runs, strict=True):
                counts = video.counts(own, what)
                if counts is not None:
                    video.frame(track_id, index, TrackFrame(counts), what)
