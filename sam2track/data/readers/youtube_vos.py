"""Reads YouTube-VOS 2018 and 2019."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from .listing import choose_names
from .vos import VOSSequence, read_sequence

Objects = dict[str, dict[str, Any]]  # of a video in meta.json, by id


def youtube_vos(
    root: str | Path,
    split: str = "valid",
    *,
    names: Sequence[str] | None = None,
    all_frames: bool = False,
    seen: str | Path | None = None,
) -> tuple[VOSSequence, ...]:
    """A split: ``JPEGImages/<video>/00005.jpg``, ``Annotations/<video>/00005.png``, ``meta.json``.

    It holds every fifth frame. Objects may appear late; of ``valid`` and ``test`` a video's PNGs
    are only those on which objects appear. The frames that the server needs are those of
    ``meta.json``. An object's group is ``seen`` or ``unseen``, by whether its category is among
    those of ``train/meta.json`` (or of the list ``seen``); groups are empty if either is
    unknown.

    Args:
        root, split: the folder that holds ``train``, ``valid`` and ``test``, and one of these.
        all_frames: track at full rate, on the pictures of ``all_frames/<split>_all_frames`` or
            ``<split>_all_frames``, beside the split.
        seen: a text file of the categories that count as seen, one per line.
    """
    root = Path(root)
    meta, annotations = root / split / "meta.json", root / split / "Annotations"
    videos, known = read_meta(meta), _seen(root, seen)
    images = _dense(root, split) if all_frames else root / split / "JPEGImages"
    sequences = []
    for name in choose_names(videos, names, meta):
        objects = videos[name]["objects"]
        frames = {str(frame) for one in objects.values() for frame in one.get("frames", ())}
        listed = tuple(sorted(frames))
        load = partial(read_sequence, images / name, annotations / name, listed=listed)
        groups = _groups(objects, known)
        sequences.append(VOSSequence(name, load, groups=groups, submitted=listed))
    return tuple(sequences)


def read_meta(path: Path) -> dict[str, dict[str, Objects]]:
    """The videos of a ``meta.json``, each with its ``objects``."""
    if not path.is_file():
        raise FileNotFoundError(f"no list {path}: check root= and split=, or unpack it again")
    try:
        videos = json.loads(path.read_text())["videos"]
        if all(isinstance(video["objects"], dict) for video in videos.values()):
            return videos
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} lists no videos ({error!r}); copy it again") from error
    raise ValueError(f"{path} lists no objects; copy it again")


def _groups(objects: Objects, seen: set[str]) -> dict[int, str]:
    categories = {int(k): one["category"] for k, one in objects.items() if "category" in one}
    return {k: "seen" if one in seen else "unseen" for k, one in categories.items() if seen}


def _seen(root: Path, path: str | Path | None) -> set[str]:
    """The categories that count as seen; empty if neither list is there."""
    if path is not None:
        return {line.strip() for line in Path(path).read_text().splitlines()} - {""}
    meta = root / "train" / "meta.json"
    videos = read_meta(meta).values() if meta.is_file() else ()
    objects = (one for video in videos for one in video["objects"].values())
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
