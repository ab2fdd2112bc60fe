"""YOLO segmentation as Ultralytics reads it: one line of text for each object on a picture.

``data.yaml``, ``labels/<split>/<video>__<frame>.txt``, pictures in ``images/<split>/``. A line is
``class x y x y ...``, where coordinates are divided by width and height. Ultralytics refuses lines
with an id, so ids of tracks are in ``tracks/<split>/``, in the order of the lines; an id at the end
of a line is read too. Videos without a split are divided: every fifth is for validation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import yaml

from ...video import PICTURE_SUFFIXES, picture_size
from ..tracks import TrackFrame
from .clips import Clip, Export
from .collecting import Collector
from .rings import centre_ring, fill_centres
from .untrusted import find_files, inside, read_text, real, whole

JOINED = "masks of several parts, joined by lines one pixel wide"
# A quarter of a pixel is added: then readers that round and readers that cut find the same pixel.
SHIFT = 0.25
VALIDATION = 5  # every fifth video


def flat_name(clip: Clip, index: int) -> str:
    """The name of a frame among those of all videos, without a suffix."""
    return f"{clip.video.name}__{clip.stems[index]}"


def split_videos(clips: Iterator[Clip]) -> Iterator[Clip]:
    """The clips, each with a split: its own, or ``train``, and ``val`` for every fifth."""
    for number, clip in enumerate(clips):
        yield replace(clip, split=clip.split or ("val" if number % VALIDATION == 1 else "train"))


def write_yolo(export: Export) -> None:
    folder, numbers = export.folder, export.class_places
    splits: set[str] = set()
    for clip in export.clips:
        splits.add(clip.split)
        labels, ids = folder / "labels" / clip.split, folder / "tracks" / clip.split
        for own in (labels, ids, folder / "images" / clip.split):
            own.mkdir(parents=True, exist_ok=True)
        for index in clip.indices:
            lines: list[str] = []
            for track, mask in clip.masks(index):
                ring = centre_ring(mask)
                if (fill_centres(ring, clip.video.size) != mask).any():
                    where = f"frame {index} of track {track.id} in {clip.video.name}"
                    export.losses.add(JOINED, where)
                points = ((ring + SHIFT) / clip.video.size[::-1]).ravel()
                place = " ".join(f"{value:.7g}" for value in points)
                lines.append(f"{numbers[track.class_id]} {place}\n")
            name = f"{flat_name(clip, index)}.txt"
            (labels / name).write_text("".join(lines), encoding="ascii")
            tracks = " ".join(str(track.id) for track, _ in clip.on(index))
            (ids / name).write_text(tracks, encoding="ascii")
    # Ultralytics wants both; with a single video it is validated on the training pictures.
    train, val = ((own if own in splits else min(splits, default=own)) for own in ("train", "val"))
    data: dict[str, object] = {"train": f"images/{train}", "val": f"images/{val}"}
    data |= {own: f"images/{own}" for own in sorted(splits - {train, val})}
    data["names"] = {place: own.name for place, own in enumerate(export.classes)}
    text = yaml.safe_dump(data, allow_unicode=True, sort_keys=False)
    (folder / "data.yaml").write_text(text, encoding="utf-8")


def read_yolo(path: Path, collector: Collector) -> None:
    """Read polygons and boxes; sizes are those of known videos or of the pictures."""
    file = path / "data.yaml" if path.is_dir() else path
    folder = file.parent
    classes = _read_names(file, collector)
    names: dict[str, list[tuple[str, Path]]] = {}
    for own in find_files(folder, "labels/**/*.txt"):
        name, stem = _video_of(own.stem, collector, folder)
        names.setdefault(name, []).append((stem, own))
    for name, found in names.items():
        split = found[0][1].relative_to(folder / "labels").parent.as_posix()
        collector.check_known(name)
        size = collector.known_size(name) or _picture_size(folder, found[0][1])
        video = collector.video(name, size, split="" if split == "." else split)
        indices = video.indices([stem for stem, _ in found], str(folder))
        files = {index: own for index, (_, own) in zip(indices, found, strict=True)}
        if len(files) < len(found):
            raise ValueError(f"{folder} has two files for one frame of video {name!r}")
        rows = {index: _read_file(own, folder) for index, own in sorted(files.items())}
        ids = collector.ids_of_shapes((row[0] for own in rows.values() for row in own), str(folder))
        for index, own in rows.items():
            for key, number, line, coordinates in own:
                where = f"{files[index]}, line {line}"
                if number not in classes:
                    raise ValueError(f"{where}: class {number} is not in {file.name}")
                frame = _read_line(coordinates, size, where)
                if frame is not None:
                    video.track(ids[key], classes[number])
                    video.frame(ids[key], index, frame, where)


def _read_names(file: Path, collector: Collector) -> dict[int, int]:
    try:
        data = yaml.safe_load(read_text(file))
    except (yaml.YAMLError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"{file} is not valid YAML ({reason[:120]})") from None
    names = data.get("names") if isinstance(data, dict) else None
    if isinstance(names, list):
        names = dict(enumerate(names))
    if not isinstance(names, dict) or not names:
        raise ValueError(f"{file} has no 'names' of classes; add them")
    found = {whole(key, f"{file}: a class"): name for key, name in names.items()}
    wrong = next((name for name in found.values() if not isinstance(name, (str, int, float))), None)
    if wrong is not None:  # it may be an alias of something that grows endlessly as text
        raise ValueError(f"{file}: the name of a class is a {type(wrong).__name__}, not a text")
    ids = collector.class_ids({number + 1: str(name) for number, name in found.items()})
    return {number: ids[number + 1] for number in found}


def _video_of(stem: str, collector: Collector, folder: Path) -> tuple[str, str]:
    """The video and the name of the frame in the name of a file."""
    video, mark, frame = stem.rpartition("__")
    if not mark:
        number = re.search(r"([0-9]{1,9})$", stem)
        video = (stem[: number.start()] if number else stem).rstrip("_-. ")
        video, frame = video or collector.only_video(folder.resolve().name), stem
    return video, frame


def _picture_size(folder: Path, labels: Path) -> tuple[int, int]:
    inner = labels.relative_to(folder / "labels").with_suffix("")
    for suffix in PICTURE_SUFFIXES:
        picture = inside(folder, f"images/{inner.as_posix()}{suffix}")
        if picture.is_file():
            return picture_size(picture)
    raise ValueError(
        f"{labels} has no picture in images/, which tells its size; add the video first"
    )


def _read_file(file: Path, folder: Path) -> list[tuple[object, int, int, list[str]]]:
    """Each line: what its track is called, its class, its number and its coordinates."""
    rows = enumerate((own.split() for own in read_text(file).splitlines()), start=1)
    lines = [(number, fields) for number, fields in rows if fields]
    listed = folder / "tracks" / file.relative_to(folder / "labels")
    ids = read_text(listed).split() if listed.is_file() else []
    if ids and len(ids) != len(lines):
        raise ValueError(f"{listed} has {len(ids)} ids for {len(lines)} lines of labels")
    result: list[tuple[object, int, int, list[str]]] = []
    for place, (number, fields) in enumerate(lines):
        where = f"{file}, line {number}"
        own, coordinates = whole(fields[0], f"{where}: the class"), fields[1:]
        key: object = f"{file.stem} {number}"
        if ids:
            key = whole(ids[place], f"{listed}: an id")
        if len(coordinates) % 2:
            last = coordinates.pop()
            key = key if ids else whole(last, f"{where}: the id at its end")
        result.append((key, own, number, coordinates))
    return result


def _read_line(fields: list[str], size: tuple[int, int], where: str) -> TrackFrame | None:
    """The mask of a polygon or the box of a line; None if no pixel is inside."""
    values = np.array([real(own, f"{where}: a coordinate") for own in fields])
    if len(values) < 4 or np.abs(values).max() > 2:
        raise ValueError(f"{where}: it should be 'class x y x y ...' with values 0..1")
    height, width = size
    if len(values) == 4:
        x, y, wide, high = values * (width, height, width, height)
        return TrackFrame(None, (x - wide / 2, y - high / 2, x + wide / 2, y + high / 2))
    mask = fill_centres(values.reshape(-1, 2) * (width, height), size)
    return TrackFrame.from_mask(mask) if mask.any() else None
