"""A user's own videos with masks.

Room: DATA. A folder enters, its sequences leave. Two layouts are known:

* pictures: ``JPEGImages/<video>/*.jpg`` and ``Annotations/<video>/*.png``, the PNG of a frame named
  as its picture (``480p`` may lie in between, as in DAVIS);
* video files: ``<video>.mp4`` and beside it ``<video>/masks/00000.png``, named by frame index, as
  ``sam2track track video=<video>.mp4 out=<video>`` writes them.

The PNGs hold object ids by pixel. Not every frame needs one.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from .annotations import LabelMaps, match_files
from .frames import VideoPictures, list_folders
from .vos import VOSSequence, read_sequence
from .youtube_vos import pick

VIDEO_SUFFIXES = (".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v")


def folder(
    root: str | Path, split: str | None = None, *, names: Sequence[str] | None = None
) -> tuple[VOSSequence, ...]:
    """The videos of a folder that have masks, in the order of their names.

    Args:
        root: the folder, in either layout.
        split: a folder in it that holds the layout, such as ``train`` or ``valid``; None = itself.
        names: only these videos, in this order.

    Raises:
        FileNotFoundError: if it has neither layout, or a video or its masks are missing; when a
            sequence is used, if it is incomplete.
        ValueError: if there is no such video.
    """
    root = Path(root) / (split or "")
    images, annotations = root / "JPEGImages", root / "Annotations"
    if images.is_dir() and annotations.is_dir():
        if (images / "480p").is_dir():
            images, annotations = images / "480p", annotations / "480p"
        return tuple(
            VOSSequence(name, partial(read_sequence, images / name, annotations / name))
            for name in pick(_paired(images, annotations), names, root)
        )
    videos = {}
    if root.is_dir():
        files = sorted(path for path in root.iterdir() if path.suffix.lower() in VIDEO_SUFFIXES)
        videos = {path.stem: path for path in files if (path.with_suffix("") / "masks").is_dir()}
    if not videos:
        raise FileNotFoundError(
            f"{root} holds neither JPEGImages/ and Annotations/ nor a <video>.mp4 with "
            "<video>/masks/; see docs/datasets.md"
        )
    return tuple(
        VOSSequence(name, partial(_read_video, videos[name])) for name in pick(videos, names, root)
    )


def _paired(images: Path, annotations: Path) -> list[str]:
    """The videos in both folders, which must hold the same."""
    shown, known = list_folders(images), list_folders(annotations)
    alone = sorted(set(shown) ^ set(known))
    if alone:
        lacking = annotations if alone[0] in shown else images
        raise FileNotFoundError(
            f"no folder {lacking / alone[0]}, though the other of JPEGImages and Annotations has "
            "it; add it, or remove the other"
        )
    return shown


def _read_video(path: Path) -> tuple[VideoPictures, LabelMaps]:
    pictures = VideoPictures(path)
    return pictures, LabelMaps(match_files(path.with_suffix("") / "masks", pictures))
