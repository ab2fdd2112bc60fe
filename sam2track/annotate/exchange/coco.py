"""COCO (one annotation for each object on each image), and TAO, which adds videos and tracks.

Pictures in ``images/<video>/``. COCO: ``annotations/instances_default.json``, as CVAT names it;
cocodataset.org/#format-data; its ``track_id`` is unique in a video. TAO: ``annotations.json``;
TrackEval's docs/TAO-format.txt; its ids are unique in the file, ``object_id`` is the one in the
video.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from . import records
from .clips import Clip, Export, area, box
from .collecting import CollectedVideo, Collector, video_name
from .json_file import JsonLists
from .records import Record
from .untrusted import entry, find_files, picture_path, read_json

LISTS = ("videos", "images", "tracks", "categories", "annotations")


def write_coco(export: Export) -> None:
    _write(export, "annotations/instances_default.json", unique_tracks=False)


def write_tao(export: Export) -> None:
    _write(export, "annotations.json", unique_tracks=True)


def _write(export: Export, name: str, *, unique_tracks: bool) -> None:
    images = annotations = tracks = 0
    with JsonLists(export.folder / name, LISTS, {"info": {"description": ""}}) as file:
        for own in export.classes:
            file.add("categories", records.class_record(own))
        for number, clip in enumerate(export.clips, start=1):
            about = {"neg_category_ids": [], "not_exhaustive_category_ids": []}
            file.add("videos", records.video_record(clip, number) | about)
            ids: dict[int, int] = {}
            for track in clip.tracks:
                tracks += 1
                ids[track.id] = tracks if unique_tracks else track.id
                record = {"id": ids[track.id], "object_id": track.id, "video_id": number}
                record["category_id"] = track.class_id
                file.add("tracks", record | records.track_extras(track))
            for index in clip.indices:
                images += 1
                file.add("images", _image(clip, index, images, number))
                for track, frame in clip.on(index):
                    annotations += 1
                    size = clip.video.size
                    mask = [] if frame.counts is None else records.runs_record(frame, size)
                    record = {
                        "id": annotations,
                        "image_id": images,
                        "video_id": number,
                        "track_id": ids[track.id],
                        "category_id": track.class_id,
                        "segmentation": mask,
                        "area": area(frame, size),
                        "bbox": records.corner_box(box(frame, size)),
                        "iscrowd": 0,
                        # Where CVAT and Datumaro look.
                        "attributes": {"track_id": ids[track.id], "occluded": frame.occluded},
                    }
                    file.add("annotations", record | records.frame_extras(frame))


def _image(clip: Clip, index: int, number: int, video_number: int) -> Record:
    return {
        "id": number,
        "file_name": f"{clip.video.name}/{clip.file_name(index)}",
        "width": clip.video.width,
        "height": clip.video.height,
        "video_id": video_number,
        "frame_id": index,
        "frame_index": index,
    }


def read_coco(path: Path, collector: Collector) -> None:
    """Read COCO or TAO; images without ``video_id`` belong to the video of their folder.

    Without ``track_id`` each annotation is a track of its own.
    """
    for file in find_files(path, "annotations.json", "annotations/*.json"):
        _read(file, path, collector)


def _read(file: Path, path: Path, collector: Collector) -> None:
    data, where = read_json(file), str(file)
    classes = records.read_classes(collector, entry(data, "categories", list, where), where)
    places = _read_images(data, path, collector, where)
    annotations = records.by_id(entry(data, "annotations", list, where), f"{where}: annotation")
    tracks = _read_tracks(data, annotations, places, collector, where)
    for key, record in annotations.items():
        what = f"{where}: annotation {key}"
        image = entry(record, "image_id", int, what)
        if image not in places:
            raise ValueError(f"{what} is on image {image}, which is not in the file")
        video, index = places[image]
        category = entry(record, "category_id", int, what)
        track_id, about = tracks[video.name, _track_key(record, key)]
        records.read_track(video, track_id, records.known_class(classes, category, what), about)
        if record.get("iscrowd"):
            collector.losses.add("crowd marks", what)
        counts = video.counts(record.get("segmentation") or [], what)
        if counts is None and record.get("segmentation"):
            collector.losses.add("empty masks", what)
            continue
        corners = records.read_box(record.get("bbox"), what) if counts is None else None
        video.frame(track_id, index, records.read_frame(counts, corners, _flat(record)), what)


def _flat(record: Record) -> Record:
    """With what CVAT and Datumaro put into ``attributes``."""
    attributes = record.get("attributes")
    return (attributes | record) if isinstance(attributes, dict) else record


def _track_key(record: Record, key: int) -> Any:
    track = _flat(record).get("track_id")
    return track if isinstance(track, int) else f"annotation {key}"


def _read_images(
    data: Record, path: Path, collector: Collector, where: str
) -> dict[int, tuple[CollectedVideo, int]]:
    """The video and the index of each image."""
    listed = records.by_id(data.get("videos") or [], f"{where}: video")
    names: dict[Any, str] = {
        k: video_name(entry(own, "name", str, f"{where}: video {k}")) for k, own in listed.items()
    }
    for key, own in listed.items():
        if "width" in own:
            records.read_video(collector, own, names[key], f"{where}: video {key}")
    videos: dict[str, CollectedVideo] = {}
    found: dict[str, dict[int, int | str]] = {}
    for key, image in records.by_id(entry(data, "images", list, where), f"{where}: image").items():
        what = f"{where}: image {key}"
        file_name = picture_path(image.get("file_name"), what)
        name = names.get(image.get("video_id"), file_name.parent.name)
        name = name or collector.only_video(path.resolve().stem)
        size = entry(image, "height", int, what), entry(image, "width", int, what)
        videos[name] = collector.video(name, size)
        index = image.get("frame_id", image.get("frame_index"))
        if not isinstance(index, int) or "video_id" not in image:
            index = file_name.stem
        found.setdefault(name, {})[key] = index
    return {
        key: (videos[name], index)
        for name, own in found.items()
        for key, index in zip(own, videos[name].indices(list(own.values()), where), strict=True)
    }


def _read_tracks(
    data: Record,
    annotations: dict[int, Record],
    places: dict[int, tuple[CollectedVideo, int]],
    collector: Collector,
    where: str,
) -> dict[tuple[str, Any], tuple[int, Record]]:
    """The id and the record of each track, by its video and its key in annotations."""
    keys: dict[str, dict[Any, None]] = {}
    for key, record in annotations.items():
        image = entry(record, "image_id", int, f"{where}: annotation {key}")
        video = places[image][0].name if image in places else ""
        keys.setdefault(video, {})[_track_key(record, key)] = None
    # In TAO a track's id alone finds it; in COCO several videos may have a track of the same id.
    listed: dict[tuple[Any, int], Record] = {}
    for record in data.get("tracks") or []:
        place = record.get("video_id"), entry(record, "id", int, f"{where}: a track")
        if place in listed:
            raise ValueError(f"{where}: track {place[1]} is there twice; give each its own id")
        listed[place] = record
    video_names = {v.get("id"): video_name(str(v.get("name"))) for v in data.get("videos") or []}
    by_name = {(video_names.get(video), key): own for (video, key), own in listed.items()}
    tracks: dict[tuple[str, Any], tuple[int, Record]] = {}
    for video, own in keys.items():
        about = {key: by_name.get((video, key), {}) for key in own}
        keys_of_video = (about[key].get("object_id", key) for key in own)
        ids = collector.ids_of_shapes(keys_of_video, f"{video} in {where}")
        for key in own:
            tracks[video, key] = ids[about[key].get("object_id", key)], about[key]
    return tracks
