"""MOT (boxes) and MOTS (masks as text or PNG): the formats of the MOT Challenge.

``<video>/gt/gt.txt``, ``<video>/seqinfo.ini``; pictures in ``<video>/img1/``. Frames count from 1.
MOT: ``frame,id,x,y,width,height,flag,class,visibility``, the corner of the first pixel being
(1, 1). MOTS: ``frame id class height width runs``, where ids are 1000 * class + object, and masks
of a frame do not overlap; as PNG ``<video>/instances/<frame>.png`` with these ids in 16 bits and
``labels.txt`` (Datumaro's layout). ``labels.txt`` holds the names of classes 1, 2, ....
"""

from __future__ import annotations

import configparser
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from ...masks import encode_runs, split_labels
from ...video import list_pictures
from ..tracks import TrackFrame
from .clips import Clip, Export, box
from .collecting import Collector
from .label_maps import label_map, small_values
from .records import corner_box
from .untrusted import find_files, read_png, read_text, real, whole

FACTOR = 1000  # an id of MOTS is FACTOR * class + object
IGNORED = 10 * FACTOR
MOST_CLASSES = 65  # in 16 bits


def write_mot(export: Export) -> None:
    for clip in export.clips:
        with _start(clip, export).open("w", encoding="ascii") as file:
            for index in clip.indices:
                for track, frame in clip.on(index):
                    x, y, width, height = corner_box(box(frame, clip.video.size))
                    place = f"{x + 1},{y + 1},{width},{height}"
                    number = export.class_places[track.class_id] + 1
                    file.write(f"{index + 1},{track.id},{place},1,{number},1\n")


def write_mots(export: Export) -> None:
    for clip in export.clips:
        height, width = clip.video.size
        values = _values(clip, export)
        with _start(clip, export).open("w", encoding="ascii") as file:
            for index in clip.indices:
                for value, mask in split_labels(label_map(clip, index, values, export.losses)):
                    runs = encode_runs(mask)["counts"]
                    line = f"{index + 1} {value} {value // FACTOR} {height} {width} {runs}\n"
                    file.write(line)


def write_mots_png(export: Export) -> None:
    for clip in export.clips:
        instances = _start_folder(clip, export, "instances")
        values = _values(clip, export)
        for index in clip.indices:
            picture = Image.fromarray(label_map(clip, index, values, export.losses))
            picture.save(instances / f"{clip.stems[index]}.png", compress_level=1)


def _start(clip: Clip, export: Export) -> Path:
    """Write what surrounds ``gt.txt``; its path."""
    video, truth = clip.video, _start_folder(clip, export, "gt")
    lines = (
        "[Sequence]",
        f"name={video.name}",
        "imDir=img1",
        f"frameRate={video.fps or 25:g}",
        f"seqLength={video.length}",
        f"imWidth={video.width}",
        f"imHeight={video.height}",
        f"imExt={Path(clip.file_name(0)).suffix if video.length else '.jpg'}",
    )
    text = "".join(f"{line}\n" for line in lines)
    (truth.parent / "seqinfo.ini").write_text(text, encoding="utf-8")
    return truth / "gt.txt"


def _start_folder(clip: Clip, export: Export, name: str) -> Path:
    """Make a folder of a video, with the names of classes."""
    folder = export.folder / clip.video.name / name
    folder.mkdir(parents=True)
    text = "".join(f"{own.name}\n" for own in export.classes)
    (folder / "labels.txt").write_text(text, encoding="utf-8")
    return folder


def _values(clip: Clip, export: Export) -> dict[int, int]:
    """The id in MOTS of each track."""
    values: dict[int, int] = {}
    classes = {track.id: export.class_places[track.class_id] + 1 for track in clip.tracks}
    for track_id, instance in small_values(clip, FACTOR - 1, export.losses).items():
        if classes[track_id] < MOST_CLASSES:
            values[track_id] = classes[track_id] * FACTOR + instance
        else:
            where = f"track {track_id} in {clip.video.name}"
            export.losses.add("tracks beyond 64 classes, left out", where)
    return values


def read_mot(path: Path, collector: Collector) -> None:
    """Read folders of the MOT Challenge, or a file of results such as ``boxes.txt``.

    If all ids of a file are -1, as of detections, each box is a track of its own.
    """
    for name, file in _texts(path, collector).items():
        video = collector.video(name, None)  # MOT tells sizes only in seqinfo.ini
        labels = _read_labels(file.parent, collector)
        lines = [
            [field.strip() for field in line.split(",")] for line in read_text(file).splitlines()
        ]
        detections = {fields[1] for fields in lines if len(fields) > 1} == {"-1"}
        for number, fields in enumerate(lines, start=1):
            where = f"{file}, line {number}"
            if fields == [""]:
                continue
            if len(fields) < 7:
                raise ValueError(f"{where} has {len(fields)} fields; MOT has 7 to 10")
            if len(fields) <= 9 and real(fields[6], where) == 0:
                collector.losses.add("boxes that are marked to be ignored", where)
                continue
            index = whole(fields[0], f"{where}: the frame", least=1) - 1
            given = number if detections else fields[1]
            track_id = whole(given, f"{where}: the id", least=1)
            x, y, width, height = (real(field, where) for field in fields[2:6])
            if width <= 0 or height <= 0:
                raise ValueError(f"{where}: the box is {width:g}x{height:g}; it should have a size")
            video.track(track_id, _class(fields[7:8], labels, collector, where))
            corners = x - 1, y - 1, x - 1 + width, y - 1 + height
            score = real(fields[6], where) if len(fields) == 10 else None
            frame = TrackFrame(None, corners, score if score is None or score >= 0 else None)
            video.frame(track_id, index, frame, where)


def read_mots(path: Path, collector: Collector) -> None:
    """Read folders of the MOT Challenge, or a file of results; frames of KITTI count from 0."""
    for name, file in _texts(path, collector).items():
        labels = _read_labels(file.parent, collector)
        lines = [line.split() for line in read_text(file).splitlines()]
        short = next((n for n, own in enumerate(lines, 1) if own and len(own) != 6), None)
        if short is not None:
            raise ValueError(f"{file}, line {short} has {len(lines[short - 1])} fields, not 6")
        instances = _instances({whole(own[1], str(file)) for own in lines if own})
        first = 0 if any(own and own[0] == "0" for own in lines) else 1
        for number, fields in enumerate(lines, start=1):
            where = f"{file}, line {number}"
            if not fields:
                continue
            value = whole(fields[1], f"{where}: the id")
            if value == IGNORED or fields[2] == "10":
                collector.losses.add("masks that are marked to be ignored", where)
                continue
            size = whole(fields[3], where), whole(fields[4], where)
            video = collector.video(name, size)
            counts = video.counts({"size": list(size), "counts": fields[5]}, where)
            if counts is not None:
                index = whole(fields[0], f"{where}: the frame") - first
                video.track(instances[value], _class(fields[2:3], labels, collector, where))
                video.frame(instances[value], index, TrackFrame(counts), where)


def read_mots_png(path: Path, collector: Collector) -> None:
    """Read ``<video>/instances/<frame>.png`` or, in KITTI's order, ``instances/<video>/``."""
    folders = {own.parent.name: own for own in sorted(path.glob("*/instances"))}
    folders = folders or {own.name: own for own in sorted(path.glob("instances/*")) if own.is_dir()}
    if not folders:
        raise ValueError(f"{path} has no <video>/instances; check the path and the format")
    for name, folder in folders.items():
        files, labels = list_pictures(folder, (".png",)), _read_labels(folder, collector)
        if not files:
            raise ValueError(f"{folder} has no PNGs; copy it again")
        video = collector.video(name, read_png(files[0]).shape)
        indices = video.indices([file.stem for file in files], str(folder))
        values: set[int] = set()
        for file in files:
            values |= set(np.unique(read_png(file, video.size)).tolist()) - {0}
        instances = _instances(values)
        for index, file in zip(indices, files, strict=True):
            for value, mask in split_labels(read_png(file, video.size)):
                if value == IGNORED:
                    collector.losses.add("masks that are marked to be ignored", str(file))
                    continue
                number, where = [str(value // FACTOR)], f"{file}: id {value}"
                video.track(instances[value], _class(number, labels, collector, where))
                video.mask(instances[value], index, mask, str(file))


def _instances(values: set[int]) -> dict[int, int]:
    """The ids of tracks: the number in their class, or the whole id if two classes share one."""
    values = values - {0, IGNORED}
    short = {value: value % FACTOR for value in values}
    unique = len(set(short.values())) == len(short) and 0 not in short.values()
    return short if unique else {value: value for value in values}


def _texts(path: Path, collector: Collector) -> dict[str, Path]:
    """The text file of each video; adds the videos whose ``seqinfo.ini`` tells their size."""
    if path.is_file():
        files = {collector.only_video(path.resolve().stem): path}
    else:
        files = {own.parents[1].name: own for own in find_files(path, "*/gt/gt.txt")}
    for name, file in files.items():
        ini = file.parents[1] / "seqinfo.ini"
        if path.is_file() or not ini.is_file():
            if collector.known_size(name) is not None:
                collector.video(name, None)
            continue
        parser = configparser.ConfigParser(interpolation=None)
        try:
            parser.read_string(read_text(ini))
            own = parser["Sequence"]
            size = whole(own["imHeight"], str(ini)), whole(own["imWidth"], str(ini))
            length, fps = whole(own["seqLength"], str(ini)), real(own["frameRate"], str(ini))
        except (configparser.Error, KeyError) as error:
            reason = str(error).splitlines()[0]
            raise ValueError(f"{ini} does not tell the sequence ({reason})") from None
        collector.video(name, size, length=length, fps=fps)
    return files


def _read_labels(folder: Path, collector: Collector) -> dict[int, int]:
    """The ids of classes by their numbers in ``labels.txt``; empty without that file."""
    file = folder / "labels.txt"
    lines = read_text(file).splitlines() if file.is_file() else []
    names = [line.strip() for line in lines if line.strip()]
    if len(set(names)) < len(names):
        raise ValueError(f"{file} has a class twice; rename one")
    return collector.class_ids(dict(enumerate(names, start=1)))


def _class(number: Sequence[str], labels: dict[int, int], collector: Collector, where: str) -> int:
    """The id of the class with a number, counted from 1; without names it is ``class 3``."""
    if not number or number[0] == "-1":
        return collector.default_class()
    place = whole(number[0], f"{where}: the class", least=1)
    if labels and place not in labels:
        raise ValueError(f"{where}: class {place} is not among the {len(labels)} of labels.txt")
    return labels[place] if labels else collector.class_named(f"class {place}")
