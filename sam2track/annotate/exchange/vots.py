"""VOTS: a text file for each object, with its mask on every frame, as the VOT toolkit reads it.

``<video>/groundtruth_<id>.txt``: ``mX,Y,W,H,runs`` or, for a frame without a mask, ``0``;
``<video>/sequence`` with sizes; ``list.txt``; pictures in ``<video>/color/``.
"""

from __future__ import annotations

from pathlib import Path

from ..tracks import Track, TrackFrame
from .clips import Clip, Export, box
from .collecting import CollectedVideo, Collector, consecutive_ids
from .records import corner_box
from .run_lengths import decode_rows, encode_rows
from .untrusted import inside, read_text, real, whole

PATTERN = "%08d.jpg"  # pictures count from 1


def write_vots(export: Export) -> None:
    names: list[str] = []
    for clip in export.clips:
        video, own = clip.video, export.folder / clip.video.name
        names.append(video.name)
        own.mkdir()
        values = {
            "name": video.name,
            "fps": f"{video.fps or 25:g}",
            "width": video.width,
            "height": video.height,
            "length": video.length,
            "channels.color": f"color/{PATTERN}",
        }
        text = "".join(f"{key}={value}\n" for key, value in values.items())
        (own / "sequence").write_text(text, encoding="utf-8")
        for track in clip.tracks:
            with (own / f"groundtruth_{track.id:03d}.txt").open("w", encoding="ascii") as file:
                file.writelines(f"{_region(clip, track, k)}\n" for k in range(video.length))
    text = "".join(f"{name}\n" for name in names)
    (export.folder / "list.txt").write_text(text, encoding="utf-8")


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
        video = _read_sequence(folder, collector)
        files = sorted(folder.glob("groundtruth_*.txt")) or sorted(folder.glob("groundtruth.txt"))
        keys = [file.stem.removeprefix("groundtruth").removeprefix("_") for file in files]
        ids = consecutive_ids(int(key) if key.isdecimal() else key for key in keys)
        for file, track_id in zip(files, ids.values(), strict=False):
            video.track(track_id, collector.default_class())
            for index, line in enumerate(read_text(file).splitlines()):
                where = f"{file}, line {index + 1}"
                frame = _read_region(line.strip(), video, where)
                if frame is not None:
                    video.frame(track_id, index, frame, where)


def _read_sequence(folder: Path, collector: Collector) -> CollectedVideo:
    file = folder / "sequence"
    lines = read_text(file).splitlines() if file.is_file() else []
    values = dict(line.split("=", 1) for line in lines if "=" in line)
    length = whole(values["length"], f"{file}: length") if "length" in values else None
    fps = real(values["fps"], f"{file}: fps") if "fps" in values else None
    size = collector.known_size(folder.name)
    if "width" in values and "height" in values:
        size = whole(values["height"], str(file)), whole(values["width"], str(file))
    if size is None:
        raise ValueError(f"{file} does not tell width and height; add the video first")
    return collector.video(folder.name, size, length=length, fps=fps)


def _read_region(text: str, video: CollectedVideo, where: str) -> TrackFrame | None:
    """A mask, box or polygon; None if the object is not there, or nobody knows."""
    fields = text.removeprefix("m").split(",")
    if text.startswith("m") and len(fields) >= 4:
        mask = decode_rows(fields[:4], fields[4:], video.size, where)
        return TrackFrame.from_mask(mask) if mask.any() else None
    if len(fields) == 4:
        x, y, width, height = (real(own, where) for own in fields)
        return TrackFrame(None, (x, y, x + width, y + height))
    if len(fields) == 1 and text:
        real(text, where)  # a code: not there, or unknown
        return None
    if len(fields) > 4 and len(fields) % 2 == 0 and not text.startswith("m"):
        counts = video.counts([[real(own, where) for own in fields]], where)
        return None if counts is None else TrackFrame(counts)
    raise ValueError(f"{where} is {text[:40]!r}, which is no region of VOT")
