"""DAVIS and YouTube-VOS: a palette PNG for each frame, whose pixels are ids of objects.

DAVIS 2017: ``Annotations/480p/<video>/00000.png``, ``JPEGImages/480p/<video>/``,
``ImageSets/2017/<split>.txt``; the folder is named 480p also where the pictures have another size,
since tools look there. 255 is void. YouTube-VOS: ``Annotations/<video>/00000.png``,
``JPEGImages/<video>/``, and ``meta.json`` with the class and the frames of each object.
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from ...masks import davis_palette, split_labels
from ...video import list_pictures
from ..tracks import TrackFrame
from .clips import Clip, Export
from .collecting import Collector
from .json_file import to_json
from .label_maps import label_map, small_values
from .losses import Losses
from .untrusted import entry, read_json, read_png, whole

VOID = 255
FOLDERS = ("Annotations/480p", "Annotations/Full-Resolution", "Annotations", ".")


def write_davis(export: Export) -> None:
    lists: dict[str, list[str]] = {}
    for clip in export.clips:
        _write_maps(clip, export.folder / "Annotations" / "480p", export.losses)
        lists.setdefault(clip.split or "train", []).append(clip.video.name)
    for split, names in lists.items():
        path = export.folder / "ImageSets" / "2017" / f"{split}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{name}\n" for name in names), encoding="utf-8")


def write_youtube_vos(export: Export) -> None:
    names = export.class_names
    videos: dict[str, object] = {}
    for clip in export.clips:
        values = _write_maps(clip, export.folder / "Annotations", export.losses)
        objects = {
            str(values[track.id]): {
                "category": names[track.class_id],
                "frames": [clip.stems[index] for index in track.frames],
            }
            for track in clip.tracks
            if track.id in values
        }
        videos[clip.video.name] = {"objects": objects}
    (export.folder / "meta.json").write_bytes(to_json({"videos": videos}))


def _write_maps(clip: Clip, folder: Path, losses: Losses) -> dict[int, int]:
    own = folder / clip.video.name
    own.mkdir(parents=True, exist_ok=True)
    values = small_values(clip, VOID - 1, losses)
    for index in clip.indices:
        picture = Image.fromarray(label_map(clip, index, values, losses).astype("uint8"))
        picture.putpalette(davis_palette().tobytes())
        picture.save(own / f"{clip.stems[index]}.png", compress_level=1)
    return values


def read_davis(path: Path, collector: Collector) -> None:
    """Read DAVIS, or folders of palette PNGs as ``sam2track track`` writes them."""
    for name, files in _find(path).items():
        _read_maps(name, files, {}, collector)


def read_youtube_vos(path: Path, collector: Collector) -> None:
    meta = path / "meta.json"
    videos = entry(read_json(meta), "videos", dict, str(meta))
    for name, files in _find(path).items():
        where = f"{meta}: video {name!r}"
        objects = entry(entry(videos, name, dict, str(meta)), "objects", dict, where)
        categories = {
            whole(key, f"{where}: an object", least=1): entry(own, "category", str, where)
            for key, own in objects.items()
        }
        _read_maps(name, files, categories, collector)


def _find(path: Path) -> dict[str, list[Path]]:
    """The PNGs of each video; a folder that holds PNGs itself is one video, named ``""``."""
    for inner in FOLDERS:
        folder = path / inner
        videos = sorted(own for own in folder.glob("*") if own.is_dir())
        found = {own.name: list_pictures(own, (".png",)) for own in videos}
        if any(found.values()):
            return {name: files for name, files in found.items() if files}
    files = list_pictures(path, (".png",)) if path.is_dir() else []
    if not files:
        raise ValueError(f"{path} has no folder of PNGs for each video; check the path")
    return {"": files}


def _read_maps(
    name: str, files: list[Path], categories: dict[int, str], collector: Collector
) -> None:
    """Read one video. Where 255 is the only value, as in DAVIS 2016, it is object 1, not void."""
    folder = files[0].parent
    video = collector.video(
        name or collector.only_video(folder.resolve().name), read_png(files[0]).shape
    )
    indices = video.indices([file.stem for file in files], str(folder))
    classes = collector.class_ids({own: own for own in categories.values()})
    void: dict[int, TrackFrame] = {}
    other = False
    for index, file in zip(indices, files, strict=True):
        for value, mask in split_labels(read_png(file, video.size)):
            if value == VOID:
                void[index] = TrackFrame.from_mask(mask)
                continue
            if categories and value not in categories:
                raise ValueError(f"{file} shows object {value}, which meta.json does not list")
            own = classes[categories[value]] if categories else collector.default_class()
            other = True
            video.track(value, own)
            video.mask(value, index, mask, str(file))
    if other and void:
        where = f"frame {min(void)} of {video.name}"
        collector.losses.add("frames with void pixels (255)", where, len(void))
    elif void:
        video.track(1, collector.default_class())
        for index, frame in void.items():
            video.frame(1, index, frame, str(folder))
