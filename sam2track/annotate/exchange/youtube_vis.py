"""YouTube-VIS: one annotation for each track, with a list over the frames of each field.

``annotations.json``; pictures in ``images/<video>/``. TrackEval's docs/YouTube-VIS-format.txt.
``tracks.json`` of ``sam2track track`` is read too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ...masks import list_runs
from ..tracks import ObjectClass, Track
from .clips import Clip, area, box
from .collecting import Collector, consecutive_ids, video_name
from .json_file import JsonLists
from .losses import Losses
from .records import (
    Record,
    by_id,
    class_record,
    corner_box,
    frame_extras,
    known_class,
    read_box,
    read_classes,
    read_frame,
    read_track,
    read_video,
    track_extras,
    video_record,
)
from .untrusted import entry, picture_path, read_json


def write_youtube_vis(
    clips: Iterator[Clip], classes: Sequence[ObjectClass], folder: Path, losses: Losses
) -> None:
    count = 0
    path = folder / "annotations.json"
    with JsonLists(path, ("videos", "categories", "annotations"), {"info": {}}) as file:
        for own in classes:
            file.add("categories", class_record(own))
        for number, clip in enumerate(clips, start=1):
            names = [f"{clip.video.name}/{clip.file_name(index)}" for index in clip.indices]
            about = {"length": len(names), "file_names": names, "frame_ids": list(clip.indices)}
            file.add("videos", video_record(clip, number) | about)
            for track in clip.tracks:
                count += 1
                ids = {"id": count, "video_id": number, "track_id": track.id}
                file.add("annotations", ids | _annotation(clip, track))


def _annotation(clip: Clip, track: Track) -> Record:
    video, frames = clip.video, [track.frames.get(index) for index in clip.indices]
    record: Record = {
        "category_id": track.class_id,
        "iscrowd": 0,
        "width": video.width,
        "height": video.height,
        "length": len(frames),
        "segmentations": [
            None if own is None or own.counts is None else _runs(own.counts, video.size)
            for own in frames
        ],
        "bboxes": [None if own is None else corner_box(box(own, video.size)) for own in frames],
        "areas": [None if own is None else area(own, video.size) for own in frames],
    }
    extras = [{} if own is None else frame_extras(own) for own in frames]
    for key, field in (("score", "scores"), ("made", "made"), ("occluded", "occluded")):
        if any(key in own for own in extras):
            record[field] = [own.get(key) for own in extras]
    scores = [own["score"] for own in extras if "score" in own]
    if scores:
        record["score"] = sum(scores) / len(scores)
    return record | track_extras(track)


def _runs(counts: str, size: tuple[int, int]) -> Record:
    """A mask with its lengths in a list, which TrackEval wants in the truth."""
    return {"size": list(size), "counts": list_runs(counts)}


def read_youtube_vis(path: Path, collector: Collector) -> None:
    file = path / "annotations.json" if path.is_dir() else path
    data, where = read_json(file), str(file)
    if isinstance(data, list):
        raise ValueError(f"{where} holds results without videos; give a file with 'videos'")
    classes = read_classes(collector, entry(data, "categories", list, where), where)
    listed = by_id(entry(data, "videos", list, where), f"{where}: video")
    videos: dict[Any, tuple[str, list[int]]] = {
        key: _read_video(record, path, collector, f"{where}: video {key}")
        for key, record in listed.items()
    }
    annotations: dict[Any, list[Record]] = {}
    for record in by_id(entry(data, "annotations", list, where), f"{where}: annotation").values():
        annotations.setdefault(record.get("video_id"), []).append(record)
    for video, records in annotations.items():
        if video not in videos:
            raise ValueError(f"{where}: an annotation has video {video}, which is not in the file")
        ids = consecutive_ids(own.get("track_id", own["id"]) for own in records)
        if len(ids) < len(records):
            raise ValueError(f"{where}: a track of video {video} is there twice")
        for record, track_id in zip(records, ids.values(), strict=True):
            what = f"{where}: annotation {record['id']}"
            class_id = known_class(classes, record.get("category_id"), what)
            name, indices = videos[video]
            read_track(collector, name, track_id, class_id, record)
            _read_frames(record, name, indices, track_id, collector, what)


def _read_video(
    record: Record, path: Path, collector: Collector, where: str
) -> tuple[str, list[int]]:
    """The name of a video, and the index of each entry of its lists."""
    files = entry(record, "file_names", list, where)
    paths = [None if own is None else picture_path(own, where) for own in files]
    folder = next((own.parent.name for own in paths if own is not None), "")
    name = record.get("name", folder or path.resolve().stem)
    if not isinstance(name, str):
        raise ValueError(f"{where}: 'name' is not a text")
    name = video_name(name)
    read_video(collector, record, name, where)
    indices = record.get("frame_ids")
    if not isinstance(indices, list):
        stems = [None if own is None else own.stem for own in paths]
        return name, collector.indices(name, stems, where)
    if len(indices) != len(files) or not all(isinstance(index, int) for index in indices):
        raise ValueError(f"{where}: 'frame_ids' does not fit to its {len(files)} file names")
    return name, indices


def _read_frames(
    record: Record,
    video: str,
    indices: Sequence[int],
    track_id: int,
    collector: Collector,
    where: str,
) -> None:
    masks = entry(record, "segmentations", list, where)
    fields = {"bboxes": record.get("bboxes"), "score": record.get("scores")}
    fields |= {key: record.get(key) for key in ("made", "occluded")}
    for name, values in {"segmentations": masks, **fields}.items():
        if isinstance(values, list) and len(values) != len(indices):
            raise ValueError(f"{where}: {name!r} has {len(values)} of {len(indices)} frames")
    for place, index in enumerate(indices):
        own = {key: v[place] if isinstance(v, list) else None for key, v in fields.items()}
        what = f"{where}, frame {index}"
        counts = collector.counts(video, masks[place], what) if masks[place] else None
        if counts is None and own["bboxes"] is None:
            continue
        corners = read_box(own["bboxes"], what) if counts is None else None
        collector.frame(video, track_id, index, read_frame(counts, corners, own), what)
