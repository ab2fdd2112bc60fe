"""Reads SA-V: ``val`` and ``test`` as pictures and PNGs, ``train`` as videos and run lengths.

Objects may overlap: ``masks()`` is the ground truth, and ``labels()`` shows the smallest on top.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from .annotations import Masklets, ObjectMaps, match_files
from .frames import PictureFrames, VideoFrames
from .listing import choose_names, list_folders, listed_names
from .vos import VOSSequence


def sav(
    root: str | Path, split: str = "val", *, names: Sequence[str] | None = None
) -> tuple[VOSSequence, ...]:
    """``JPEGImages_24fps/<video>/00000.jpg``, ``Annotations_6fps/<video>/<object>/00000.png``.

    Every fourth frame is annotated. The dataset counts its objects from 000; ids count from 1,
    since 0 is the background, and ``object_names`` has the names of the folders.

    Args:
        root: the folder that holds ``sav_val`` and ``sav_test``, or one of them itself.
        split: ``val`` or ``test``, which ``sav_<split>.txt`` lists.
        names: only these videos; they need not be in the list.
    """
    root = Path(root)
    folder = root / f"sav_{split}" if (root / f"sav_{split}").is_dir() else root
    images, annotations = folder / "JPEGImages_24fps", folder / "Annotations_6fps"
    return tuple(
        VOSSequence(name, partial(_read, images / name, annotations / name))
        for name in listed_names(folder / f"sav_{split}.txt", names, images)
    )


def sav_train(
    root: str | Path,
    kind: str = "manual",
    *,
    names: Sequence[str] | None = None,
    video_reader: str = "auto",
) -> tuple[VOSSequence, ...]:
    """The videos of ``train``: ``<video>.mp4`` and ``<video>_manual.json`` or ``_auto.json``.

    Masks are on every fourth frame.

    Args:
        root: the folder that holds them, or folders (``sav_000/``, ...) with them.
        kind: ``manual`` or ``auto``: which masklets.
        video_reader: see :func:`sam2track.video.open_file`.
    """
    if kind not in ("manual", "auto"):
        raise ValueError(f"kind {kind!r} is neither 'manual' nor 'auto'")
    ending = f"_{kind}.json"
    paths = {p.name.removesuffix(ending): p for p in sorted(Path(root).rglob(f"*{ending}"))}
    if not paths:
        raise FileNotFoundError(f"{root} has no *{ending}, in no folder; check root=")
    return tuple(
        VOSSequence(name, partial(_read_train, paths[name], name, video_reader))
        for name in choose_names(paths, names, root)
    )


def _read(images: Path, annotations: Path) -> tuple[PictureFrames, ObjectMaps]:
    pictures = PictureFrames(images, gapless=True)
    names = dict(enumerate(list_folders(annotations), start=1))
    files = {k: match_files(annotations / name, pictures) for k, name in names.items()}
    return pictures, ObjectMaps(files, names)


def _read_train(masklets: Path, name: str, video_reader: str) -> tuple[VideoFrames, Masklets]:
    return VideoFrames(masklets.with_name(f"{name}.mp4"), video_reader), Masklets(masklets)
