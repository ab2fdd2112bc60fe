"""COCO (one annotation for each object on each image), and TAO, which adds videos and tracks.

Pictures in ``images/<video>/``. COCO: ``annotations/instances_default.json``, as CVAT names it;
cocodataset.org/#format-data; its ``track_id`` is unique in a video. TAO: ``annotations.json``;
TrackEval's docs/TAO-format.txt; its ids are unique in the file, ``object_id`` is the one in the
video.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ..tracks import ObjectClass
from .clips import Clip, area, box
from .collecting import Collector, video_name
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
    runs_record,
    track_extras,
    video_record,
)
from .untrusted import entry, picture_path, read_json

LISTS = ("videos", "images", "tracks", "categories", "annotations")


def write_coco(
    clips: Iterator[Clip], classes: Sequence[ObjectClass], folder: Path, losses: Losses
) -> None:
    _write(clips, classes, folder / "annotations" / "instances_default.json", unique_tracks=False)


def write_tao(
    clips: Iterator[Clip], classes: Sequence[ObjectClass], folder: Path, losses: Losses
) -> None:
    _write(clips, classes, folder / "annotations.json", unique_tracks=True)


def _write(
    clips: Iterator[Clip], classes: Sequence[ObjectClass], path: Path, *, unique_tracks: bool
) -> None:
    images = annotations = tracks = 0
    with JsonLists(path, LISTS, {"info": {"description": ""}}) as file:
        for own in classes:
            file.add("categories", class_record(own))
        for number, clip in enumerate(clips, start=1):
            about = {"neg_category_ids": [], "not_exhaustive_category_ids": []}
            file.add("videos", video_record(clip, number) | about)
            ids: dict[int, int] = {}
            for track in clip.tracks:
                tracks += 1
                ids[track.id] = tracks if unique_tracks else track.id
                record = {"id": ids[track.id], "object_id": track.id, "video_id": number}
                extras = track_extras(track)
                file.add("tracks", record | {"category_id": track.class_id} | extras)
            for index in clip.indices:
                images += 1
                file.add("images", _image(clip, index, images, number))
                for track, frame in clip.on(index):
                    annotations += 1
                    size = clip.video.size
                    mask = [] if frame.counts is None else runs_record(frame, size)
                    record = {
                        "id": annotations,
                        "image_id": images,
                        "video_id": number,
                        "track_id": ids[track.id],
                        "category_id": track.class_id,
                        "segmentation": mask,
                        "area": area(frame, size),
                        "bbox": corner_box(box(frame, size)),
                        "iscrowd": 0,
                        # Where CVAT and Datumaro look.
                        "attributes": {"track_id": ids[track.id], "occluded": frame.occluded},
                    }
                    file.add("annotations", record | frame_extras(frame))


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
    files = [path]
    if path.is_dir():
        files = [*path.glob("annotations.json"), *sorted(path.glob("annotations/*.json"))]
    if not files:
        raise ValueError(f"{path} has no annotations/*.json or annotations.json; check the path")
    for file in files:
        _read(file, path, collector)


def _read(file: Path, path: Path, collector: Collector) -> None:
    data, where = read_json(file), str(file)
    classes = read_classes(collector, entry(data, "categories", list, where), where)
    places = _read_images(data, path, collector, where)
    records = by_id(entry(data, "annotations", list, where), f"{where}: annotation")
    tracks = _read_tracks(data, records, places, collector, where)
    for key, record in records.items():
        what = f"{where}: annotation {key}"
        image = entry(record, "image_id", int, what)
        if image not in places:
            raise ValueError(f"{what} is on image {image}, which is not in the file")
        video, index = places[image]
        class_id = known_class(classes, entry(record, "category_id", int, what), what)
        track_id, about = tracks[video, _track_key(record, key)]
        read_track(collector, video, track_id, class_id, about)
        if record.get("iscrowd"):
            collector.losses.add("crowd marks", what)
        counts = collector.counts(video, record.get("segmentation") or [], what)
        if counts is None and record.get("segmentation"):
            collector.losses.add("empty masks", what)
            continue
        corners = read_box(record.get("bbox"), what) if counts is None else None
        collector.frame(video, track_id, index, read_frame(counts, corners, _flat(record)), what)


def _flat(record: Record) -> Record:
    """With what CVAT and Datumaro put into ``attributes``."""
    attributes = record.get("attributes")
    return (attributes | record) if isinstance(attributes, dict) else record


def _track_key(record: Record, key: int) -> Any:
    track = _flat(record).get("track_id")
    return track if isinstance(track, int) else f"annotation {key}"


def _read_images(
    data: Record, path: Path, collector: Collector, where: str
) -> dict[int, tuple[str, int]]:
    """The video and the index of each image."""
    videos = by_id(data.get("videos") or [], f"{where}: video")
    names: dict[Any, str] = {
        k: video_name(entry(own, "name", str, f"{where}: video {k}")) for k, own in videos.items()
    }
    for key, own in videos.items():
        if "width" in own:
            read_video(collector, own, names[key], f"{where}: video {key}")
    stems: dict[str, dict[int, str]] = {}
    places: dict[int, tuple[str, int]] = {}
    for key, image in by_id(entry(data, "images", list, where), f"{where}: image").items():
        what = f"{where}: image {key}"
        file_name = picture_path(image.get("file_name"), what)
        name = names.get(image.get("video_id"), file_name.parent.name)
        name = name or collector.only_video(path.resolve().stem)
        size = entry(image, "height", int, what), entry(image, "width", int, what)
        collector.video(name, size)
        index = image.get("frame_id", image.get("frame_index"))
        if isinstance(index, int) and "video_id" in image:
            places[key] = name, index
        else:
            stems.setdefault(name, {})[key] = file_name.stem
    for name, own in stems.items():
        indices = collector.indices(name, list(own.values()), where)
        places |= {key: (name, index) for key, index in zip(own, indices, strict=True)}
    return places


def _read_tracks(
    data: Record,
    records: dict[int, Record],
    places: dict[int, tuple[str, int]],
    collector: Collector,
    where: str,
) -> dict[tuple[str, Any], tuple[int, Record]]:
    """The id and the record of each track, by its video and its key in annotations."""
    keys: dict[str, dict[Any, None]] = {}
    for key, record in records.items():
        image = entry(record, "image_id", int, f"{where}: annotation {key}")
        video = places.get(image, ("", 0))[0]
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
