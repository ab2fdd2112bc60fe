"""Reads box tracking datasets as their archives unpack: LaSOT, GOT-10k, OTB and VOT.

A sequence's files are listed and its annotations parsed when it is first used, so that a broken one
reports itself and does not stop the others.

Boxes are x, y, width, height in pixels, as in the files; only OTB's, which count from 1, are
shifted to count from 0. A frame without the object, or without an annotation, has NaN.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float

from ...types import Frame
from ...video import PICTURE_SUFFIXES, read_picture
from .box_regions import read_regions
from .listing import choose_names, list_files, list_folders, read_list

# OTB: the picture and the line with which the annotations begin, where it is not the first.
OTB_FIRST_PICTURE = {"David": 300}
OTB_FIRST_LINE = {"Tiger1": 5}


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """One object in one video.

    Attributes:
        frames: the pictures, in order.
        boxes: x, y, width, height; NaN where it is absent or not annotated.
        visible: whether it is in the frame.
        attributes: what is hard about the video.
    """

    frames: tuple[Path, ...]
    boxes: Float[np.ndarray, "T 4"]
    visible: Bool[np.ndarray, " T"]
    attributes: tuple[str, ...] = ()


class BoxFolder:
    """One video and the boxes of its object.

    Args:
        name: of the sequence.
        read: reads its files.
    """

    def __init__(self, name: str, read: Callable[[], Track]) -> None:
        self.name = name
        self._read = read

    @cached_property
    def _track(self) -> Track:
        return self._read()

    @property
    def attributes(self) -> tuple[str, ...]:
        return self._track.attributes

    @property
    def boxes(self) -> Float[np.ndarray, "T 4"]:
        """x, y, width, height in pixels; NaN where the object is absent or unannotated."""
        return self._track.boxes

    @property
    def visible(self) -> Bool[np.ndarray, " T"]:
        """Whether the object is in the frame."""
        return self._track.visible

    def __len__(self) -> int:
        return len(self._track.frames)

    def path(self, index: int) -> Path:
        """The file of the picture at ``index``."""
        return self._track.frames[index]

    def frame(self, index: int) -> Frame:
        """The picture at ``index``, which counts from 0.

        Raises:
            ValueError: if the file is no picture; the message names it.
        """
        path = self.path(index)
        return Frame(index, read_picture(path), name=path.name)


def lasot(
    root: str | Path, split: str = "testing_set", *, names: Sequence[str] | None = None
) -> tuple[BoxFolder, ...]:
    """LaSOT: ``<class>/<class>-<n>/{img,groundtruth.txt,full_occlusion.txt,out_of_view.txt}``.

    Args:
        root: the folder of the classes.
        split: a list in it without its ``.txt``: ``testing_set`` or ``training_set``. Where there
            is no such file, every sequence in the folder is taken.
        names: only these sequences, such as ``airplane-1``.

    Raises:
        FileNotFoundError: if the folder holds no sequence; the message names it.
        ValueError: if there is no such sequence.
    """
    root = Path(root)
    listed = root / f"{split}.txt"
    if names is None and listed.is_file():
        names = read_list(listed)
    else:
        found = [path.parent.name for path in sorted(root.glob("*/*/groundtruth.txt"))]
        if not found:
            raise FileNotFoundError(
                f"no LaSOT in {root}: root must hold airplane/airplane-1/groundtruth.txt and so on"
            )
        names = choose_names(found, names, root)
    return tuple(
        BoxFolder(name, partial(_lasot_track, root / name.rpartition("-")[0] / name))
        for name in names
    )


def got10k(
    root: str | Path, split: str = "val", *, names: Sequence[str] | None = None
) -> tuple[BoxFolder, ...]:
    """GOT-10k: ``<split>/{list.txt,<sequence>/{00000001.jpg,groundtruth.txt,...}}``.

    An object is visible where ``absence.label`` is 0 and ``cover.label`` above 0. Of ``test`` only
    the first box is known.

    Args:
        root: the folder of the splits.
        split: ``train``, ``val`` or ``test``.
        names: only these sequences.

    Raises:
        FileNotFoundError: if the list is missing; the message names it.
        ValueError: if there is no such sequence.
    """
    folder = Path(root) / split
    names = _listed_or_chosen(folder / "list.txt", names)
    return tuple(BoxFolder(name, partial(_got10k_track, folder / name)) for name in names)


def otb(
    root: str | Path, split: str = "all", *, names: Sequence[str] | None = None
) -> tuple[BoxFolder, ...]:
    """OTB: ``<sequence>/{img,groundtruth_rect.txt}``; with two targets ``groundtruth_rect.1.txt``.

    A folder with several annotations gives a sequence for each: ``Jogging-1``, ``Jogging-2``.

    Args:
        root: the folder of the sequences.
        split: ``all``, or a list in the folder without its ``.txt``.
        names: only these sequences.

    Raises:
        FileNotFoundError: if there are no sequences, or no such list; the message names it.
        ValueError: if there is no such sequence.
    """
    root = Path(root)
    found: dict[str, Path] = {}
    for path in sorted(root.glob("*/groundtruth_rect*.txt")):
        target = re.fullmatch(r"groundtruth_rect(?:\.(\d+))?\.txt", path.name)
        if target and path.stat().st_size:  # Human4 has an empty one
            number = f"-{target[1]}" if target[1] else ""
            found[path.parent.name + number] = path
    if not found:
        raise FileNotFoundError(
            f"no OTB in {root}: root must hold Basketball/groundtruth_rect.txt and so on"
        )
    if names is None and split != "all":
        names = read_list(root / f"{split}.txt")
    names = choose_names(found, names, root)
    return tuple(BoxFolder(name, partial(_otb_track, found[name])) for name in names)


def vot(
    root: str | Path, split: str = "list", *, names: Sequence[str] | None = None
) -> tuple[BoxFolder, ...]:
    """VOT: ``<sequence>/{sequence,color/00000001.jpg,groundtruth.txt,*.tag}`` and ``list.txt``.

    Short-term, long-term and multi-object challenges: regions may be rectangles, polygons (their
    bounding box is taken), run-length masks (``m...``) or special (absent). Pictures may also lie
    beside ``groundtruth.txt``, as before 2018. Of several objects (``groundtruth_<object>.txt``)
    each is a sequence: ``<sequence>_<object>``. Tags that ever hold are the attributes.

    Args:
        root: the folder of the sequences, or the workspace whose ``sequences`` they are.
        split: a list in it without its ``.txt``.
        names: only these folders.

    Raises:
        FileNotFoundError: if the list is missing; the message names it.
        ValueError: if there is no such folder.
    """
    root = Path(root)
    root = root / "sequences" if (root / "sequences").is_dir() else root
    names = _listed_or_chosen(root / f"{split}.txt", names)
    sequences = []
    for name in names:
        objects = sorted((root / name).glob("groundtruth_*.txt"))
        several = len(objects) > 1
        for path in objects or [root / name / "groundtruth.txt"]:
            own = f"{name}_{path.stem.removeprefix('groundtruth_')}" if several else name
            sequences.append(BoxFolder(own, partial(_vot_track, path)))
    return tuple(sequences)


# -- one sequence each


def _lasot_track(folder: Path) -> Track:
    frames = list_files(folder / "img", PICTURE_SUFFIXES)
    boxes = read_regions(folder / "groundtruth.txt")
    hidden = [
        _flags(folder / f"{name}.txt", len(boxes)) for name in ("full_occlusion", "out_of_view")
    ]
    return _track(folder / "groundtruth.txt", frames, boxes, ~(hidden[0] | hidden[1]))


def _got10k_track(folder: Path) -> Track:
    frames = list_files(folder, PICTURE_SUFFIXES)
    boxes = read_regions(folder / "groundtruth.txt")
    visible = np.ones(len(boxes), bool)
    if (folder / "absence.label").is_file():
        visible &= ~_flags(folder / "absence.label", len(boxes))
    if (folder / "cover.label").is_file():
        visible &= _flags(folder / "cover.label", len(boxes))
    return _track(folder / "groundtruth.txt", frames, boxes, visible)


def _otb_track(path: Path) -> Track:
    name = path.parent.name
    frames = list_files(path.parent / "img", PICTURE_SUFFIXES)
    first = OTB_FIRST_PICTURE.get(name, 1) - 1
    frames = frames[first:] if len(frames) > first else frames
    boxes = read_regions(path)
    boxes[:, :2] -= 1
    line = OTB_FIRST_LINE.get(name, 0)
    frames, boxes = frames[line : len(boxes)], boxes[line:]
    return _track(path, frames, boxes, np.ones(len(boxes), bool))


def _vot_track(path: Path) -> Track:
    folder = path.parent
    facts = {}
    if (folder / "sequence").is_file():
        lines = (line.partition("=") for line in (folder / "sequence").read_text().splitlines())
        facts = {key.strip(): value.strip() for key, _, value in lines}
    channel = facts.get("channels.color", "color/%08d.jpg")
    pictures = folder / (Path(channel).parent if Path(channel).suffix else channel)
    frames = list_files(pictures if pictures.is_dir() else folder, PICTURE_SUFFIXES)
    boxes = read_regions(path)
    tags = [tag for tag in sorted(folder.glob("*.tag")) if "1" in tag.read_text().split()]
    known = ~np.isnan(boxes).any(1)
    return _track(path, frames, boxes, known, tuple(tag.stem for tag in tags))


def _track(path: Path, frames, boxes, visible, attributes: tuple[str, ...] = ()) -> Track:
    """One box for each frame; where the annotation stops early, the rest is NaN."""
    if len(boxes) > len(frames):
        raise ValueError(
            f"{path} has {len(boxes)} boxes for {len(frames)} pictures: pictures are missing; "
            "unpack the sequence again"
        )
    rest = len(frames) - len(boxes)
    boxes = np.concatenate([boxes, np.full((rest, 4), np.nan)])
    visible = np.concatenate([visible, np.zeros(rest, bool)]) & ~np.isnan(boxes).any(1)
    boxes[~visible] = np.nan
    return Track(frames, boxes, visible, attributes)


# -- files


def _listed_or_chosen(path: Path, names: Sequence[str] | None) -> list[str]:
    """The names in a list, or those asked for among the folders beside it."""
    if names is None:
        return read_list(path)
    return choose_names(list_folders(path.parent), names, path.parent)


def _flags(path: Path, count: int) -> Bool[np.ndarray, " T"]:
    """Whether each number in a file is not zero; they are separated by commas, spaces or lines."""
    if not path.is_file():
        raise FileNotFoundError(f"no {path}: the sequence is not complete, unpack it again")
    try:
        flags = np.array([float(text) for text in re.split(r"[,\s]+", path.read_text().strip())])
    except ValueError as error:
        raise ValueError(f"{path} should hold numbers: {error}") from error
    if len(flags) != count:
        raise ValueError(f"{path} has {len(flags)} flags for {count} boxes; unpack it again")
    return flags != 0
