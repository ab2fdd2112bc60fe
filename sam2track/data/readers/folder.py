"""Reads a user's own videos with masks, and the results of ``sam2track track``.

Three layouts are supported; docs/datasets.md shows them. The PNGs hold object ids by pixel, and not
every frame needs one.

* Pictures: ``JPEGImages/<video>/*.jpg`` and ``Annotations/<video>/*.png``, the PNG of a frame named
  as its picture. The PNGs may be in ``Annotations/<video>/masks/``, where
  ``sam2track track out=Annotations/<video>`` writes them.
* Video files: ``<video>.mp4`` and beside it ``<video>/masks/00000.png``, named by frame index.
* Runs: folders with ``run.yaml`` and ``masks/``. ``run.yaml`` says where the video is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import yaml

from ...video import VIDEO_SUFFIXES
from .annotations import LabelMaps, match_files
from .frames import FrameReader, PictureFrames, VideoFrames
from .listing import choose_names, list_folders
from .vos import VOSSequence


def folder(
    root: str | Path,
    split: str | None = None,
    *,
    names: Sequence[str] | None = None,
    video_reader: str = "auto",
) -> tuple[VOSSequence, ...]:
    """The videos of a folder that have masks.

    Args:
        root: the folder, in one of the layouts.
        split: a folder in ``root`` with this layout, such as ``train`` or ``valid``; None = itself.
        video_reader: see :func:`sam2track.video.open_file`.
    """
    root = Path(root) / (split or "")
    images, annotations = root / "JPEGImages", root / "Annotations"
    places: dict[str, tuple[Path, Path]] = {}  # the video and the masks of each name
    if images.is_dir() and annotations.is_dir():
        if (images / "480p").is_dir():
            images, annotations = images / "480p", annotations / "480p"
        for name in _paired(images, annotations):
            masks = annotations / name
            places[name] = images / name, masks / "masks" if (masks / "masks").is_dir() else masks
    elif root.is_dir():
        files = sorted(path for path in root.iterdir() if path.suffix.lower() in VIDEO_SUFFIXES)
        places = {path.stem: (path, path.with_suffix("") / "masks") for path in files}
        places = {name: place for name, place in places.items() if place[1].is_dir()} or _runs(root)
    if not places:
        raise FileNotFoundError(
            f"{root} holds neither JPEGImages/ and Annotations/ nor a <video>.mp4 with "
            "<video>/masks/, nor runs (run.yaml and masks/); see docs/datasets.md"
        )
    return tuple(
        VOSSequence(name, partial(_read, *places[name], video_reader))
        for name in choose_names(places, names, root)
    )


def _paired(images: Path, annotations: Path) -> list[str]:
    """The videos in both folders, which must contain the same videos."""
    shown, known = list_folders(images), list_folders(annotations)
    alone = sorted(set(shown) ^ set(known))
    if alone:
        lacking = annotations if alone[0] in shown else images
        raise FileNotFoundError(
            f"no folder {lacking / alone[0]}, though the other of JPEGImages and Annotations has "
            "it; add it, or remove the other"
        )
    return shown


def _runs(root: Path) -> dict[str, tuple[Path, Path]]:
    """The runs of ``sam2track track`` in a folder, or the folder itself if it is one."""
    folders = [root] if (root / "run.yaml").is_file() else sorted(root.glob("[!.]*"))
    return {
        path.resolve().name: (_video_of(path), path / "masks")
        for path in folders
        if (path / "run.yaml").is_file() and (path / "masks").is_dir()
    }


def _video_of(run: Path) -> Path:
    """The video that a run tracked: its path, relative to here or to a folder above the run."""
    try:
        video = yaml.safe_load((run / "run.yaml").read_text(encoding="utf-8"))["video"]
    except (yaml.YAMLError, KeyError, TypeError) as error:
        raise ValueError(f"{run / 'run.yaml'} names no video ({error!r})") from error
    # OmegaConf writes a "$" before a brace as "\$", and doubles the backslashes before it.
    path = Path(re.sub(r"(\\*)\1\\\$\{", r"\1${", str(video))).expanduser()
    for base in (Path(), *run.resolve().parents):
        if (base / path).exists():
            return base / path
    raise FileNotFoundError(
        f"{run / 'run.yaml'}: no video {path}, neither here nor in a folder above {run}; put it "
        "there, or remove the run"
    )


def _read(video: Path, masks: Path, video_reader: str) -> tuple[FrameReader, LabelMaps]:
    frames = PictureFrames(video) if video.is_dir() else VideoFrames(video, video_reader)
    return frames, LabelMaps(match_files(masks, frames, or_indices=masks.name == "masks"))
