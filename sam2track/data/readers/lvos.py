"""Reads LVOS, version 1 and 2."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from .listing import choose_names
from .vos import VOSSequence, read_sequence
from .youtube_vos import read_meta


def lvos(
    root: str | Path,
    split: str = "valid",
    *,
    names: Sequence[str] | None = None,
    unseen: str | Path | None = None,
) -> tuple[VOSSequence, ...]:
    """A split: ``JPEGImages/<video>/00000001.jpg`` and ``Annotations/<video>/00000001.png``.

    The PNGs hold palette indices; 255 is void. Objects may appear late, and be absent for long. The
    split's list (``<split>_meta.json``, or ``meta.json`` in older archives) gives the span of
    frames in which an object is scored.

    Args:
        root, split: the folder that holds ``train``, ``valid`` and ``test``, and one of these.
        unseen: a text file of the videos whose objects are ``unseen``, one per line, such as
            ``unseen_videos.txt`` of lvos-evaluation; the others are ``seen``. Without it objects
            have no group.
    """
    folder = Path(root) / split
    places = folder / f"{split}_meta.json", folder.parent / f"{split}_meta.json"
    path = next((path for path in places if path.is_file()), folder / "meta.json")
    videos = read_meta(path)
    fresh = None if unseen is None else set(Path(unseen).read_text().split())
    images, annotations = folder / "JPEGImages", folder / "Annotations"
    sequences = []
    for name in choose_names(videos, names, path):
        objects = videos[name]["objects"]
        load = partial(read_sequence, images / name, annotations / name, void=255)
        group = None if fresh is None else "unseen" if name in fresh else "seen"
        groups = dict.fromkeys(map(int, objects), group) if group else {}
        sequences.append(VOSSequence(name, load, groups=groups, spans=_spans(objects, path)))
    return tuple(sequences)


def _spans(objects: dict[str, Any], path: Path) -> dict[int, tuple[int, int]]:
    try:
        ranges = {int(k): one["frame_range"] for k, one in objects.items() if "frame_range" in one}
        return {k: (int(r["start"]), int(r["end"])) for k, r in ranges.items()}
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} has a frame_range without start or end ({error!r})") from error
