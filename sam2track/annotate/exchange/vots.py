"""VOTS: a text file for each object, with its mask on every frame, as the VOT toolkit reads it.

``<video>/groundtruth_<id>.txt``: ``mX,Y,W,H,runs`` or, for a frame without a mask, ``0``;
``<video>/sequence`` with sizes; ``list.txt``; pictures in ``<video>/color/``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from ..tracks import ObjectClass, Track, TrackFrame
from .clips import Clip, box
from .collecting import Collector, consecutive_ids
from .losses import Losses
from .records import corner_box
from .row_runs import decode_rows, encode_rows
from .untrusted import inside, read_text, real, whole

PATTERN = "%08d.jpg"  # pictures count from 1


def write_vots(
    clips: Iterator[Clip], classes: Sequence[ObjectClass], folder: Path, losses: Losses
) -> None:
    names: list[str] = []
    for clip in clips:
        names.append(clip.video.name)
        own = folder / clip.video.name
        own.mkdir()
        values = {
            "name": clip.video.name,
            "fps": f"{clip.video.fps or 25:g}",
            "width": clip.video.width,
            "height": clip.video.height,
            "length": clip.video.length,
            "channels.color": f"color/{PATTERN}",
        }
        text = "".join(f"{key}={value}\n" for key, value in values.items())
        (own / "sequence").write_text(text, encoding="utf-8")
        for track in clip.tracks:
            with (own / f"groundtruth_{track.id:03d}.txt").open("w", encoding="ascii") as file:
                file.writelines(f"{_region(clip, track, k)}\n" for k in range(clip.video.length))
    (folder / "list.txt").write_text("".join(f"{own}\n" for own in names), encoding="utf-8")


def _region(clip: Clip, track: Track, index: int) -> str:
    frame = track.frames.get(index)
    mask = None if frame is None else frame.mask(clip.video.size)
    if mask is not None:
        # The toolkit takes a mask whose last column is the first of its box as an empty one.
        corner, runs = encode_rows(mask, least_width=2)
        return "m" + ",".join(map(str, (*corner, *runs)))
    if frame is None:
        return "0"
    return ",".join(f"{value:g}" for value in corner_box(box(frame, clip.video.size)))


def read_vots(path: Path, collector: Collector) -> None:
    listed = path / "list.txt"
    if not listed.is_file():
        raise ValueError(f"{path} has no list.txt of its sequences; check the path")
    for name in read_text(listed).split("\n"):
        if not name.strip():
            continue
        folder = inside(path, name.strip())
        name = folder.name
        size, length, fps = _read_sequence(folder, collector.known_size(name))
        collector.video(name, size, length=length, fps=fps)
        files = sorted(folder.glob("groundtruth_*.txt")) or sorted(folder.glob("groundtruth.txt"))
        keys = [file.stem.removeprefix("groundtruth").removeprefix("_") for file in files]
        ids = consecutive_ids(int(key) if key.isdecimal() else key for key in keys)
        for file, track_id in zip(files, ids.values(), strict=False):
            collector.track(name, track_id, collector.default_class())
            for index, line in enumerate(read_text(file).splitlines()):
                _read_region(line.strip(), name, track_id, index, size, collector, str(file))


def _read_sequence(
    folder: Path, known: tuple[int, int] | None
) -> tuple[tuple[int, int], int | None, float | None]:
    file = folder / "sequence"
    lines = read_text(file).splitlines() if file.is_file() else []
    values = dict(line.split("=", 1) for line in lines if "=" in line)
    length = whole(values["length"], f"{file}: length") if "length" in values else None
    fps = real(values["fps"], f"{file}: fps") if "fps" in values else None
    if "width" in values and "height" in values:
        known = whole(values["height"], str(file)), whole(values["width"], str(file))
    if known is None:
        raise ValueError(f"{file} does not tell width and height; add the video first")
    return known, length, fps if fps and fps > 0 else None


def _read_region(
    text: str,
    video: str,
    track_id: int,
    index: int,
    size: tuple[int, int],
    collector: Collector,
    file: str,
) -> None:
    where = f"{file}, line {index + 1}"
    fields = text.removeprefix("m").split(",")
    if text.startswith("m") and len(fields) >= 4:
        mask = decode_rows(fields[:4], fields[4:], size, where)
        collector.mask(video, track_id, index, mask, where)
    elif len(fields) == 4:
        x, y, width, height = (real(own, where) for own in fields)
        frame = TrackFrame(None, (x, y, x + width, y + height))
        collector.frame(video, track_id, index, frame, where)
    elif len(fields) == 1 and text:
        real(text, where)  # a code: not there, or unknown
    elif len(fields) > 4 and len(fields) % 2 == 0 and not text.startswith("m"):
        points = [real(own, where) for own in fields]
        counts = collector.counts(video, [points], where)
        if counts is not None:
            collector.frame(video, track_id, index, TrackFrame(counts), where)
    else:
        raise ValueError(f"{where} is {text[:40]!r}, which is no region of VOT")
