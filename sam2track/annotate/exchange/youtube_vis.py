"""YouTube-VIS: one annotation for each track, with a list over the frames of each field.

``annotations.json``; pictures in ``images/<video>/``. TrackEval's docs/YouTube-VIS-format.txt.
``tracks.json`` of ``sam2track track`` is read too.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...masks import list_runs
from ..tracks import Track
from . import records
from .clips import Clip, Export, area, box
from .collecting import CollectedVideo, Collector, consecutive_ids, video_name
from .json_file import JsonLists
from .records import Record
from .untrusted import entry, find_files, picture_path, read_json


def write_youtube_vis(export: Export) -> None:
    count = 0
    path = export.folder / "annotations.json"
    with JsonLists(path, ("videos", "categories", "annotations"), {"info": {}}) as file:
        for own in export.classes:
            file.add("categories", records.class_record(own))
        for number, clip in enumerate(export.clips, start=1):
            names = [f"{clip.video.name}/{clip.file_name(index)}" for index in clip.indices]
            about = {"length": len(names), "file_names": names, "frame_ids": list(clip.indices)}
            file.add("videos", records.video_record(clip, number) | about)
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
            None
            if own is None or own.counts is None
            # A list of lengths, which TrackEval wants in the truth.
            else {"size": list(video.size), "counts": list_runs(own.counts)}
            for own in frames
        ],
        "bboxes": [
            None if own is None else records.corner_box(box(own, video.size)) for own in frames
        ],
        "areas": [None if own is None else area(own, video.size) for own in frames],
    }
    extras = [{} if own is None else records.frame_extras(own) for own in frames]
    for key, field in (("score", "scores"), ("made", "made"), ("occluded", "occluded")):
        if any(key in own for own in extras):
            record[field] = [own.get(key) for own in extras]
    scores = [own["score"] for own in extras if "score" in own]
    if scores:
        record["score"] = sum(scores) / len(scores)
    return record | records.track_extras(track)


def read_youtube_vis(path: Path, collector: Collector) -> None:
    (file,) = find_files(path, "annotations.json")
    data, where = read_json(file), str(file)
    if isinstance(data, list):
        raise ValueError(f"{where} holds results without videos; give a file with 'videos'")
    classes = records.read_classes(collector, entry(data, "categories", list, where), where)
    listed = records.by_id(entry(data, "videos", list, where), f"{where}: video")
    videos = {
        key: _read_video(record, path, collector, f"{where}: video {key}")
        for key, record in listed.items()
    }
    annotations = records.by_id(entry(data, "annotations", list, where), f"{where}: annotation")
    by_video: dict[Any, list[Record]] = {}
    for record in annotations.values():
        by_video.setdefault(record.get("video_id"), []).append(record)
    for key, own in by_video.items():
        if key not in videos:
            raise ValueError(f"{where}: an annotation has video {key}, which is not in the file")
        ids = consecutive_ids(record.get("track_id", record["id"]) for record in own)
        if len(ids) < len(own):
            raise ValueError(f"{where}: a track of video {key} is there twice")
        video, indices = videos[key]
        for record, track_id in zip(own, ids.values(), strict=True):
            what = f"{where}: annotation {record['id']}"
            class_id = records.known_class(classes, record.get("category_id"), what)
            records.read_track(video, track_id, class_id, record)
            _read_frames(record, video, indices, track_id, what)


def _read_video(
    record: Record, path: Path, collector: Collector, where: str
) -> tuple[CollectedVideo, list[int]]:
    """A video, and the index of each entry of its lists."""
    files = entry(record, "file_names", list, where)
    paths = [None if own is None else picture_path(own, where) for own in files]
    folder = next((own.parent.name for own in paths if own is not None), "")
    name = record.get("name", folder or path.resolve().stem)
    if not isinstance(name, str):
        raise ValueError(f"{where}: 'name' is not a text")
    video = records.read_video(collector, record, video_name(name), where)
    indices = record.get("frame_ids")
    if not isinstance(indices, list):
        return video, video.indices([None if own is None else own.stem for own in paths], where)
    if len(indices) != len(files) or not all(isinstance(index, int) for index in indices):
        raise ValueError(f"{where}: 'frame_ids' does not fit to its {len(files)} file names")
    return video, indices


def _read_frames(
    record: Record, video: CollectedVideo, indices: Sequence[int], track_id: int, where: str
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
        counts = video.counts(masks[place], what) if masks[place] else None
        if counts is None and own["bboxes"] is None:
            continue
        corners = records.read_box(own["bboxes"], what) if counts is None else None
        video.frame(track_id, index, records.read_frame(counts, corners, own), what)
