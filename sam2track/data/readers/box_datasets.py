"""Reads box tracking datasets in the layout of their archives: LaSOT, GOT-10k, OTB and VOT.

Boxes are x, y, width, height in pixels, as in the files; only OTB's, which count from 1, are
shifted to count from 0. A frame without the object, or without an annotation, has NaN.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float

from ...types import Frame
from ...video import PICTURE_SUFFIXES, read_picture
from .box_regions import read_complete, read_regions
from .listing import choose_names, list_files, listed_names, read_list

# OTB: the picture and the line with which the annotations begin, if not the first.
OTB_FIRST_PICTURE = {"David": 300}
OTB_FIRST_LINE = {"Tiger1": 5}


def _read_all(truth: Path, pictures: Path) -> tuple[list[Path], Float[np.ndarray, "N 4"]]:
    return list_files(pictures, PICTURE_SUFFIXES), read_regions(truth)


@dataclass(frozen=True, eq=False)
class BoxFolder:
    """One video and the boxes of its object: a :class:`.sequence.BoxSequence`.

    Attributes:
        name: of the sequence.
        truth: the file of its boxes; beside it a ``.tag`` file for each attribute that may hold.
        pictures: the folder of its frames.
        hidden: files of flags beside ``truth``: on which frames the object is not visible.
        shown: files of flags: on which frames it is visible.
        optional: the files of flags may be missing.
        read: reads pictures and boxes.
    """

    name: str
    truth: Path
    pictures: Path
    hidden: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()
    optional: bool = False
    read: Callable[[Path, Path], tuple[list[Path], Float[np.ndarray, "N 4"]]] = _read_all

    @cached_property
    def _parts(self) -> tuple[list[Path], Float[np.ndarray, "T 4"]]:
        """One box for each picture; if the annotation ends early, the rest is NaN."""
        frames, boxes = self.read(self.truth, self.pictures)
        for file in (*self.hidden, *self.shown):
            path = self.truth.with_name(file)
            if path.is_file() or not self.optional:
                flags = _read_flags(path, len(boxes))
                boxes[flags if file in self.hidden else ~flags] = np.nan
        if len(boxes) > len(frames):
            raise ValueError(
                f"{self.truth} has {len(boxes)} boxes for {len(frames)} pictures: pictures are "
                "missing; unpack the sequence again"
            )
        boxes[np.isnan(boxes).any(1)] = np.nan
        rest = len(frames) - len(boxes)
        return frames, np.pad(boxes, ((0, rest), (0, 0)), constant_values=np.nan)

    @property
    def attributes(self) -> tuple[str, ...]:
        tags = sorted(self.truth.parent.glob("*.tag"))
        return tuple(tag.stem for tag in tags if "1" in tag.read_text().split())

    @property
    def boxes(self) -> Float[np.ndarray, "T 4"]:
        return self._parts[1]

    @property
    def visible(self) -> Bool[np.ndarray, " T"]:
        return ~np.isnan(self.boxes[:, 0])

    def __len__(self) -> int:
        return len(self._parts[0])

    def frame(self, index: int) -> Frame:
        path = self._parts[0][index]
        return Frame(index, read_picture(path), name=path.name)


def lasot(
    root: str | Path, split: str = "testing_set", *, names: Sequence[str] | None = None
) -> tuple[BoxFolder, ...]:
    """LaSOT: ``<class>/<class>-<n>/{img,groundtruth.txt,full_occlusion.txt,out_of_view.txt}``.

    ``split`` is a list in the folder without its ``.txt``: ``testing_set`` or ``training_set``.
    Where there is no such file, every sequence in the folder is taken.
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
    folders = {name: root / name.rpartition("-")[0] / name for name in names}
    hidden = "full_occlusion.txt", "out_of_view.txt"
    return tuple(
        BoxFolder(name, folder / "groundtruth.txt", folder / "img", hidden)
        for name, folder in folders.items()
    )


def got10k(
    root: str | Path, split: str = "val", *, names: Sequence[str] | None = None
) -> tuple[BoxFolder, ...]:
    """GOT-10k: ``<split>/{list.txt,<sequence>/{00000001.jpg,groundtruth.txt,...}}``.

    An object is visible where ``absence.label`` is 0 and ``cover.label`` above 0. ``split`` is
    ``train``, ``val`` or ``test``, of which only the first box is known.
    """
    folder = Path(root) / split
    flags = ("absence.label",), ("cover.label",)
    return tuple(
        BoxFolder(name, folder / name / "groundtruth.txt", folder / name, *flags, optional=True)
        for name in listed_names(folder / "list.txt", names, folder)
    )


def otb(
    root: str | Path, split: str = "all", *, names: Sequence[str] | None = None
) -> tuple[BoxFolder, ...]:
    """OTB: ``<sequence>/{img,groundtruth_rect.txt}``; with two targets ``groundtruth_rect.1.txt``.

    A folder with several annotations gives a sequence for each: ``Jogging-1``, ``Jogging-2``.
    ``split`` is ``all``, or a list in the folder without its ``.txt``.
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
    return tuple(
        BoxFolder(name, found[name], found[name].with_name("img"), read=_read_otb)
        for name in choose_names(found, names, root)
    )


def vot(
    root: str | Path, split: str = "list", *, names: Sequence[str] | None = None
) -> tuple[BoxFolder, ...]:
    """VOT: ``<sequence>/{sequence,color/00000001.jpg,groundtruth.txt,*.tag}`` and ``list.txt``.

    Short-term, long-term and multi-object challenges: regions may be rectangles, polygons (their
    bounding box is taken), run-length masks (``m...``) or special (absent). Pictures may also be
    beside ``groundtruth.txt``, as before 2018. Of several objects (``groundtruth_<object>.txt``)
    each is a sequence: ``<sequence>_<object>``. Tags that hold on any frame are the attributes.

    Args:
        root: the folder of the sequences, or the workspace whose ``sequences`` they are.
        split: a list in it without its ``.txt``.
    """
    root = Path(root)
    root = root / "sequences" if (root / "sequences").is_dir() else root
    sequences = []
    for name in listed_names(root / f"{split}.txt", names, root):
        objects = sorted((root / name).glob("groundtruth_*.txt"))
        several = len(objects) > 1
        for path in objects or [root / name / "groundtruth.txt"]:
            own = f"{name}_{path.stem.removeprefix('groundtruth_')}" if several else name
            sequences.append(BoxFolder(own, path, _vot_pictures(root / name)))
    return tuple(sequences)


def _read_otb(truth: Path, pictures: Path) -> tuple[list[Path], Float[np.ndarray, "N 4"]]:
    frames, boxes = _read_all(truth, pictures)
    picture = OTB_FIRST_PICTURE.get(truth.parent.name, 1) - 1
    frames = frames[picture:] if len(frames) > picture else frames
    line = OTB_FIRST_LINE.get(truth.parent.name, 0)
    return frames[line : len(boxes)], boxes[line:] - (1, 1, 0, 0)


def _vot_pictures(folder: Path) -> Path:
    facts = (folder / "sequence").read_text() if (folder / "sequence").is_file() else ""
    found = re.search(r"^\s*channels\.color\s*=(.*)$", facts, re.MULTILINE)
    channel = found[1].strip() if found else "color/%08d.jpg"
    pictures = folder / (Path(channel).parent if Path(channel).suffix else channel)
    return pictures if pictures.is_dir() else folder


def _read_flags(path: Path, count: int) -> Bool[np.ndarray, " N"]:
    """Whether each number in a file is not zero; they are separated by commas, spaces or lines."""
    text = read_complete(path)
    try:
        flags = np.array([float(number) for number in re.split(r"[,\s]+", text)])
    except ValueError as error:
        raise ValueError(f"{path} should hold numbers: {error}") from error
    if len(flags) != count:
        raise ValueError(f"{path} has {len(flags)} flags for {count} boxes; unpack it again")
    return flags != 0
