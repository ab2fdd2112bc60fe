"""BURST: one JSON file with the run lengths of each track on each annotated frame.

``annotations.json``; pictures in ``images/<video>/``. github.com/Ali2500/BURST-benchmark,
ANNOTATION_FORMAT.md. TrackEval reads it with the categories of TAO, whatever the file lists.
"""

from __future__ import annotations

from pathlib import Path

from . import records
from .clips import Export, box
from .collecting import Collector, consecutive_ids, video_name
from .json_file import JsonLists
from .untrusted import entry, find_files, picture_path, read_json, whole


def write_burst(export: Export) -> None:
    head = {"split": "train"}
    path = export.folder / "annotations.json"
    with JsonLists(path, ("categories", "sequences"), head) as file:
        for own in export.classes:
            file.add("categories", records.class_record(own))
        for number, clip in enumerate(export.clips, start=1):
            names = [clip.file_name(index) for index in clip.indices]
            segmentations = [
                {
                    str(track.id): {
                        "rle": frame.counts,
                        "is_gt": frame.score is None,
                        "score": 1.0,
                        "bbox": records.corner_box(box(frame, clip.video.size)),
                    }
                    | records.frame_extras(frame)
                    for track, frame in clip.on(index)
                }
                for index in clip.indices
            ]
            sequence = {
                "seq_name": clip.video.name,
                "dataset": "sam2track",
                "neg_category_ids": [],
                "not_exhaustive_category_ids": [],
                "all_image_paths": names,
                "annotated_image_paths": names,
                "frame_ids": list(clip.indices),
                "track_category_ids": {str(track.id): track.class_id for track in clip.tracks},
                "tracks": {str(track.id): records.track_extras(track) for track in clip.tracks},
                "segmentations": segmentations,
            }
            file.add("sequences", records.video_record(clip, number) | sequence)


def read_burst(path: Path, collector: Collector) -> None:
    (file,) = find_files(path, "annotations.json")
    data, where = read_json(file), str(file)
    classes = records.read_classes(collector, entry(data, "categories", list, where), where)
    for record in entry(data, "sequences", list, where):
        name = video_name(entry(record, "seq_name", str, where))
        what = f"{where}: sequence {name!r}"
        video = records.read_video(collector, record, name, what)
        paths = entry(record, "annotated_image_paths", list, what)
        frames = entry(record, "segmentations", list, what)
        indices = record.get("frame_ids")
        if not isinstance(indices, list):
            indices = video.indices([picture_path(own, what).stem for own in paths], what)
        if not len(indices) == len(paths) == len(frames):
            raise ValueError(f"{what} has {len(frames)} frames of masks for {len(paths)} pictures")
        categories = entry(record, "track_category_ids", dict, what)
        keys = {key: whole(key, f"{what}: the id of a track") for key in categories}
        ids = consecutive_ids(keys.values())
        about = entry(record, "tracks", dict, what) if "tracks" in record else {}
        for key, category in categories.items():
            class_id = records.known_class(classes, category, what)
            records.read_track(video, ids[keys[key]], class_id, about.get(key) or {})
        for index, tracks in zip(indices, frames, strict=True):
            for key, own in tracks.items():
                place = f"{what}, frame {index}, track {key}"
                if key not in keys:
                    raise ValueError(f"{place} is not in 'track_category_ids'")
                runs = {"size": list(video.size), "counts": entry(own, "rle", str, place)}
                counts = video.counts(runs, place)
                if counts is not None:
                    score = None if own.get("is_gt") else own.get("score")
                    frame = records.read_frame(counts, None, own | {"score": score})
                    video.frame(ids[keys[key]], index, frame, place)
