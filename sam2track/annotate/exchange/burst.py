"""BURST: one JSON file with the run lengths of each track on each annotated frame.

``annotations.json``; pictures in ``images/<video>/``. github.com/Ali2500/BURST-benchmark,
ANNOTATION_FORMAT.md. TrackEval reads it with the categories of TAO, whatever the file lists.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from ..tracks import ObjectClass
from .clips import Clip, box
from .collecting import Collector, consecutive_ids, video_name
from .json_file import JsonLists
from .losses import Losses
from .records import (
    class_record,
    corner_box,
    frame_extras,
    known_class,
    read_classes,
    read_frame,
    read_track,
    read_video,
    track_extras,
    video_record,
)
from .untrusted import entry, picture_path, read_json, whole


def write_burst(
    clips: Iterator[Clip], classes: Sequence[ObjectClass], folder: Path, losses: Losses
) -> None:
    head = {"split": "train"}
    with JsonLists(folder / "annotations.json", ("categories", "sequences"), head) as file:
        for own in classes:
            file.add("categories", class_record(own))
        for number, clip in enumerate(clips, start=1):
            names = [clip.file_name(index) for index in clip.indices]
            segmentations = [
                {
                    str(track.id): {
                        "rle": frame.counts,
                        "is_gt": frame.score is None,
                        "score": 1.0,
                        "bbox": corner_box(box(frame, clip.video.size)),
                    }
                    | frame_extras(frame)
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
                "tracks": {str(track.id): track_extras(track) for track in clip.tracks},
                "segmentations": segmentations,
            }
            file.add("sequences", video_record(clip, number) | sequence)


def read_burst(path: Path, collector: Collector) -> None:
    file = path / "annotations.json" if path.is_dir() else path
    data, where = read_json(file), str(file)
    classes = read_classes(collector, entry(data, "categories", list, where), where)
    for record in entry(data, "sequences", list, where):
        name = video_name(entry(record, "seq_name", str, where))
        what = f"{where}: sequence {name!r}"
        read_video(collector, record, name, what)
        paths = entry(record, "annotated_image_paths", list, what)
        frames = entry(record, "segmentations", list, what)
        indices = record.get("frame_ids")
        if not isinstance(indices, list):
            stems = [picture_path(own, what).stem for own in paths]
            indices = collector.indices(name, stems, what)
        if not len(indices) == len(paths) == len(frames):
            raise ValueError(f"{what} has {len(frames)} frames of masks for {len(paths)} pictures")
        categories = entry(record, "track_category_ids", dict, what)
        keys = {key: whole(key, f"{what}: the id of a track") for key in categories}
        ids = consecutive_ids(keys.values())
        about = entry(record, "tracks", dict, what) if "tracks" in record else {}
        for key, category in categories.items():
            class_id = known_class(classes, category, what)
            read_track(collector, name, ids[keys[key]], class_id, about.get(key) or {})
        for index, tracks in zip(indices, frames, strict=True):
            for key, own in tracks.items():
                place = f"{what}, frame {index}, track {key}"
                if key not in keys:
                    raise ValueError(f"{place} is not in 'track_category_ids'")
                size = list(collector.known_size(name) or (0, 0))
                runs = {"size": size, "counts": entry(own, "rle", str, place)}
                counts = collector.counts(name, runs, place)
                if counts is not None:
                    score = None if own.get("is_gt") else own.get("score")
                    frame = read_frame(counts, None, own | {"score": score})
                    collector.frame(name, ids[keys[key]], index, frame, place)
