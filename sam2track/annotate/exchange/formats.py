"""The table of exchange formats: how each is written and read, and what it holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from .burst import read_burst, write_burst
from .clips import Clip, Export
from .coco import read_coco, write_coco, write_tao
from .collecting import Collector
from .cvat import read_cvat, write_cvat_images, write_cvat_video
from .datumaro import DEFAULT_SPLIT, read_datumaro, write_datumaro
from .label_studio import read_label_studio, write_label_studio
from .label_studio_video import read_label_studio_video, write_label_studio_video
from .labelme import read_labelme, write_labelme
from .losses import FEATURES
from .measures import write_csv
from .mot_challenge import read_mot, read_mots, read_mots_png, write_mot, write_mots, write_mots_png
from .palette_png import read_davis, read_youtube_vos, write_davis, write_youtube_vos
from .pictures import write_cutouts, write_overlay
from .sav import read_sav, write_sav
from .vots import read_vots, write_vots
from .yolo import flat_name, read_yolo, split_videos, write_yolo
from .youtube_vis import read_youtube_vis, write_youtube_vis


@dataclass(frozen=True, slots=True)
class Format:
    """An exchange format.

    Attributes:
        title: for people.
        write: writes the clips into an empty folder.
        read: takes a folder or file, and the collector that it fills; None = only written.
        holds: what of ``FEATURES`` it has a place for.
        picture: where the picture of a frame belongs; None = the format has none.
        divide: gives a split to clips that have none.
        needs_video: whether the video's frames are read.
    """

    title: str
    write: Callable[[Export], None]
    read: Callable[[Path, Collector], None] | None
    holds: frozenset[str]
    picture: Callable[[Clip, int], str] | None = None
    divide: Callable[[Iterator[Clip]], Iterator[Clip]] | None = None
    needs_video: bool = False


def _holds(names: str) -> frozenset[str]:
    holds = frozenset(names.split())
    assert holds <= FEATURES.keys()
    return holds


def _in(pattern: str) -> Callable[[Clip, int], str]:
    """Where pictures are, by the fields of ``pattern.format`` below; ``number`` counts from 1."""

    def place(clip: Clip, index: int) -> str:
        name = clip.file_name(index)
        return pattern.format(
            video=clip.video.name,
            split=clip.split or DEFAULT_SPLIT,
            name=name,
            suffix=Path(name).suffix,
            number=index + 1,
            flat=flat_name(clip, index),
        )

    return place


_ALL = _holds("masks boxes classes names attributes colours scores made occluded")
_MASKS, _CLASSES = _holds("masks"), _holds("masks classes")
_IMAGES, _OWN_IMAGES = _in("images/{video}/{name}"), _in("{video}/images/{name}")
_NUMBERED = _in("{video}/img1/{number:06d}{suffix}")

# fmt: off
FORMATS: dict[str, Format] = {
    "coco": Format("COCO, an annotation for each object on each image",
        write_coco, read_coco, _ALL, _IMAGES),
    "tao": Format("TAO, COCO with videos and tracks", write_tao, read_coco, _ALL, _IMAGES),
    "youtube_vis": Format("YouTube-VIS, an annotation for each track",
        write_youtube_vis, read_youtube_vis, _ALL, _IMAGES),
    "burst": Format("BURST", write_burst, read_burst, _ALL - {"boxes"}, _IMAGES),
    "davis": Format("DAVIS 2017, palette PNG",
        write_davis, read_davis, _MASKS, _in("JPEGImages/480p/{video}/{name}")),
    "youtube_vos": Format("YouTube-VOS, palette PNG with classes",
        write_youtube_vos, read_youtube_vos, _CLASSES, _in("JPEGImages/{video}/{name}")),
    "sav": Format("SA-V, JSON", write_sav, read_sav, _MASKS),
    "mot": Format("MOT Challenge, boxes",
        write_mot, read_mot, _holds("boxes classes"), _NUMBERED),
    "mots": Format("MOTS, text", write_mots, read_mots, _CLASSES, _NUMBERED),
    "mots_png": Format("MOTS, 16-bit PNG", write_mots_png, read_mots_png, _CLASSES, _OWN_IMAGES),
    "yolo": Format("YOLO segmentation (Ultralytics)",
        write_yolo, read_yolo, _CLASSES, _in("images/{split}/{flat}{suffix}"), split_videos),
    "cvat": Format("CVAT for images 1.1, masks",
        write_cvat_images, read_cvat, _ALL - {"names", "scores"}, _OWN_IMAGES),
    "cvat_video": Format("CVAT for video 1.1, polygon tracks",
        write_cvat_video, read_cvat, _holds("masks classes attributes colours occluded"),
        _OWN_IMAGES),
    "label_studio": Format("Label Studio, brush masks on pictures",
        write_label_studio, read_label_studio, _ALL - {"boxes"}, _IMAGES),
    "label_studio_video": Format("Label Studio, boxes on videos",
        write_label_studio_video, read_label_studio_video,
        _holds("boxes classes names attributes colours")),
    "labelme": Format("LabelMe 7, X-AnyLabeling",
        write_labelme, read_labelme, _ALL - {"colours", "made"}, _in("{video}/{name}")),
    "datumaro": Format("Datumaro",
        write_datumaro, read_datumaro, _ALL, _in("images/{split}/{video}/{name}")),
    "vots": Format("VOTS, text",
        write_vots, read_vots, _holds("masks boxes"), _in("{video}/color/{number:08d}.jpg")),
    "csv": Format("table: place, area, box and score of each object on each frame",
        write_csv, None, _holds("masks boxes classes names scores made")),
    "overlay": Format("video with the objects drawn on it",
        write_overlay, None, _MASKS, needs_video=True),
    "cutouts": Format("objects as PNG with alpha", write_cutouts, None, _CLASSES, needs_video=True),
}
# fmt: on
