"""MOT (boxes) and MOTS (masks as text or PNG): the formats of the MOT Challenge.

``<video>/gt/gt.txt``, ``<video>/seqinfo.ini``; pictures in ``<video>/img1/``. Frames count from 1.
MOT: ``frame,id,x,y,width,height,flag,class,visibility``, the corner of the first pixel being
(1, 1). MOTS: ``frame id class height width runs``, where ids are 1000 * class + object, and masks
of a frame do not overlap; as PNG ``<video>/instances/<frame>.png`` with these ids in 16 bits and
``labels.txt`` (Datumaro's layout). ``labels.txt`` holds the names of classes 1, 2, ....
"""

from __future__ import annotations

import configparser
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from ...masks import encode_runs, split_labels
from ...video import list_pictures
from ..tracks import ObjectClass, TrackFrame
from .clips import Clip, box
from .collecting import Collector
from .label_maps import label_map
from .losses import Losses
from .records import corner_box
from .untrusted import read_png, read_text, real, whole

FACTOR = 1000  # an id of MOTS is FACTOR * class + object
IGNORED = 10 * FACTOR
MOST_CLASSES = 65  # in 16 bits


def write_mot(
    clips: Iterator[Clip], classes: Sequence[ObjectClass], folder: Path, losses: Losses
) -> None:
    numbers = {own.id: place for place, own in enumerate(classes, start=1)}
    for clip in clips:
        with _start(clip, classes, folder).open("w", encoding="ascii") as file:
            for index in clip.indices:
                for track, frame in clip.on(index):
                    x, y, width, height = corner_box(box(frame, clip.video.size))
                    place = f"{x + 1},{y + 1},{width},{height}"
                    number = numbers[track.class_id]
                    file.write(f"{index + 1},{track.id},{place},1,{number},1\n")


def write_mots(
    clips: Iterator[Clip], classes: Sequence[ObjectClass], folder: Path, losses: Losses
) -> None:
    height, width = 0, 0
    for clip in clips:
        height, width = clip.video.size
        values = _values(clip, classes, losses)
        with _start(clip, classes, folder).open("w", encoding="ascii") as file:
            for index in clip.indices:
                for value, mask in split_labels(label_map(clip, index, values, losses)):
                    runs = encode_runs(mask)["counts"]
                    line = f"{index + 1} {value} {value // FACTOR} {height} {width} {runs}\n"
                    file.write(line)


def write_mots_png(
    clips: Iterator[Clip], classes: Sequence[ObjectClass], folder: Path, losses: Losses
) -> None:
    for clip in clips:
        instances = folder / clip.video.name / "instances"
        instances.mkdir(parents=True)
        _write_labels(classes, instances)
        values = _values(clip, classes, losses)
        for index in clip.indices:
            picture = Image.fromarray(label_map(clip, index, values, losses))
            picture.save(instances / f"{clip.stems[index]}.png", compress_level=1)


def _start(clip: Clip, classes: Sequence[ObjectClass], folder: Path) -> Path:
    """Write what surrounds ``gt.txt``; its path."""
    video, truth = clip.video, folder / clip.video.name / "gt"
    truth.mkdir(parents=True)
    _write_labels(classes, truth)
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


def _write_labels(classes: Sequence[ObjectClass], folder: Path) -> None:
    text = "".join(f"{own.name}\n" for own in classes)
    (folder / "labels.txt").write_text(text, encoding="utf-8")


def _values(clip: Clip, classes: Sequence[ObjectClass], losses: Losses) -> dict[int, int]:
    """The id in MOTS of each track."""
    numbers = {own.id: place for place, own in enumerate(classes, start=1)}
    values: dict[int, int] = {}
    taken: set[int] = set()
    for track in sorted(clip.tracks, key=lambda track: track.id >= FACTOR):
        where, number = f"track {track.id} in {clip.video.name}", numbers[track.class_id]
        free = (n for n in range(1, FACTOR) if n not in taken)
        instance = track.id if track.id < FACTOR else next(free, None)
        if number >= MOST_CLASSES or instance is None:
            losses.add("tracks beyond 64 classes or 999 objects of a video, left out", where)
            continue
        if instance != track.id:
            losses.add(f"ids above {FACTOR - 1}, replaced by free ones", where)
        taken.add(instance)
        values[track.id] = number * FACTOR + instance
    return values


def read_mot(path: Path, collector: Collector) -> None:
    """Read folders of the MOT Challenge, or a file of results such as ``boxes.txt``.

    If all ids of a file are -1, as of detections, each box is a track of its own.
    """
    for name, file in _texts(path, collector).items():
        collector.video(name, None)  # MOT tells sizes only in seqinfo.ini
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
            collector.track(name, track_id, _class(fields[7:8], labels, collector, where))
            corners = x - 1, y - 1, x - 1 + width, y - 1 + height
            score = real(fields[6], where) if len(fields) == 10 else None
            frame = TrackFrame(None, corners, score if score is None or score >= 0 else None)
            collector.frame(name, track_id, index, frame, where)


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
            collector.video(name, size)
            counts = collector.counts(name, {"size": list(size), "counts": fields[5]}, where)
            if counts is not None:
                index = whole(fields[0], f"{where}: the frame") - first
                own = _class(fields[2:3], labels, collector, where)
                collector.track(name, instances[value], own)
                collector.frame(name, instances[value], index, TrackFrame(counts), where)


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
        collector.video(name, read_png(files[0]).shape)
        indices = collector.indices(name, [file.stem for file in files], str(folder))
        size = collector.known_size(name)
        values: set[int] = set()
        for file in files:
            values |= set(np.unique(read_png(file, size)).tolist()) - {0}
        instances = _instances(values)
        for index, file in zip(indices, files, strict=True):
            for value, mask in split_labels(read_png(file, size)):
                if value == IGNORED:
                    collector.losses.add("masks that are marked to be ignored", str(file))
                    continue
                number = [str(value // FACTOR)]
                own = _class(number, labels, collector, f"{file}: id {value}")
                collector.track(name, instances[value], own)
                collector.mask(name, instances[value], index, mask, str(file))


def _instances(values: set[int]) -> dict[int, int]:
    """The ids of tracks: the number in their class, or the whole id if two classes share one."""
    values = values - {0, IGNORED}
    short = {value: value % FACTOR for value in values}
    unique = len(set(short.values())) == len(short) and 0 not in short.values()
    return short if unique else {value: value for value in values}


def _texts(path: Path, collector: Collector) -> dict[str, Path]:
    """The text file of each video; adds the videos whose ``seqinfo.ini`` tells their size."""
    if path.is_file():
        name = collector.only_video(path.resolve().stem)
        if collector.known_size(name) is not None:
            collector.video(name, None)
        return {name: path}
    files = {own.parents[1].name: own for own in sorted(path.glob("*/gt/gt.txt"))}
    if not files:
        raise ValueError(f"{path} has no <video>/gt/gt.txt; check the path and the format")
    for name, file in files.items():
        ini = file.parents[1] / "seqinfo.ini"
        if not ini.is_file():
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
        collector.video(name, size, length=length, fps=fps if fps > 0 else None)
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
