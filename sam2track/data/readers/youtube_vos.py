"""Reads YouTube-VOS 2018 and 2019.

A split is ``JPEGImages/<video>/00005.jpg``, ``Annotations/<video>/00005.png`` and ``meta.json``.
Every fifth frame is there. Objects may appear late; of ``valid`` and ``test`` a video's PNGs are
only those on which objects appear.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from .annotations import LabelMaps
from .frames import PictureFrames
from .listing import choose_names
from .vos import VOSSequence, read_sequence


def youtube_vos(
    root: str | Path,
    split: str = "valid",
    *,
    names: Sequence[str] | None = None,
    all_frames: bool = False,
    seen: str | Path | None = None,
) -> tuple[VOSSequence, ...]:
    """The sequences of a split, in the order of ``meta.json``.

    An object's group is ``seen`` or ``unseen``, by whether its category is among those of
    ``train/meta.json`` (or of the list ``seen``); groups are empty where either is not known. The
    frames that the server wants are those of ``meta.json``.

    Args:
        root: the folder that holds the splits.
        split: ``train``, ``valid`` or ``test``.
        names: only these videos, in this order.
        all_frames: track at full rate, on the pictures of ``all_frames/<split>_all_frames`` or
            ``<split>_all_frames``, beside the split.
        seen: a text file of the categories that count as seen, one per line.

    Raises:
        FileNotFoundError: if something is missing; when a sequence is used, if that is incomplete.
        ValueError: if ``meta.json`` is damaged, or knows no such video.
    """
    root = Path(root)
    videos = read_meta(root / split / "meta.json")
    known = _seen(root, seen)
    pictures = _dense(root, split) if all_frames else root / split / "JPEGImages"
    return tuple(
        VOSSequence(
            name,
            partial(
                _read, pictures / name, root / split / "Annotations" / name, _frames(videos, name)
            ),
            groups=_groups(videos[name]["objects"], known),
            submitted=_frames(videos, name),
        )
        for name in choose_names(videos, names, root / split / "meta.json")
    )


def read_meta(path: Path) -> dict[str, dict[str, Any]]:
    """The videos of a ``meta.json``, each with its ``objects``.

    Raises:
        FileNotFoundError: if there is none.
        ValueError: if it is damaged.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no list {path}: check root= and split=, or unpack it again")
    try:
        videos = json.loads(path.read_text())["videos"]
        if all(isinstance(video["objects"], dict) for video in videos.values()):
            return videos
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} lists no videos ({error!r}); copy it again") from error
    raise ValueError(f"{path} lists no objects; copy it again")


def _read(
    images: Path, annotations: Path, expected: tuple[str, ...]
) -> tuple[PictureFrames, LabelMaps]:
    """The parts of a sequence that must have some frames."""
    pictures, labels = read_sequence(images, annotations)
    missing = set(expected) - {pictures.name(index) for index in range(len(pictures))}
    if missing:
        raise FileNotFoundError(
            f"{images} has no picture {min(missing)}, which meta.json lists; copy the folder again"
        )
    return pictures, labels


def _frames(videos: dict[str, dict[str, Any]], name: str) -> tuple[str, ...]:
    """All frames that the objects of a video are listed for."""
    objects = videos[name]["objects"].values()
    return tuple(sorted({str(frame) for one in objects for frame in one.get("frames", ())}))


def _groups(objects: dict[str, dict[str, Any]], seen: set[str]) -> dict[int, str]:
    if not seen:
        return {}
    return {
        int(k): "seen" if one["category"] in seen else "unseen"
        for k, one in objects.items()
        if "category" in one
    }


def _seen(root: Path, path: str | Path | None) -> set[str]:
    """The categories that count as seen; empty if neither list is there."""
    if path is not None:
        return {line.strip() for line in Path(path).read_text().splitlines()} - {""}
    meta = root / "train" / "meta.json"
    if not meta.is_file():
        return set()
    objects = [one for video in read_meta(meta).values() for one in video["objects"].values()]
    return {one["category"] for one in objects if "category" in one}


def _dense(root: Path, split: str) -> Path:
    name = f"{split}_all_frames"
    for folder in (root / "all_frames" / name, root / name):
        if folder.is_dir():
            return folder / "JPEGImages"
    raise FileNotFoundError(
        f"neither {root / 'all_frames' / name} nor {root / name}: unpack {name}.zip there, or "
        "leave out all_frames="
    )
