"""Reads box tracking datasets as their archives unpack: LaSOT, GOT-10k, OTB and VOT.

Boxes are x, y, width, height in pixels, as in the files; only OTB's, which count from 1, are
shifted to count from 0. A frame without the object, or without an annotation, has NaN.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float

from ...types import Frame
from ...video import PICTURE_SUFFIXES, read_picture
from .box_regions import read_complete, read_regions
from .listing import choose_names, list_files, listed_names, read_list

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

    frames: Sequence[Path]
    boxes: Float[np.ndarray, "T 4"]
    visible: Bool[np.ndarray, " T"]
    attributes: tuple[str, ...] = ()


class BoxFolder:
    """One video and the boxes of its object: a :class:`.sequence.BoxSequence`.

    Args:
        name: of the sequence.
        read: reads its files, at the first use.
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
        return self._track.boxes

    @property
    def visible(self) -> Bool[np.ndarray, " T"]:
        return self._track.visible

    def __len__(self) -> int:
        return len(self._track.frames)

    def path(self, index: int) -> Path:
        """The file of the picture at ``index``."""
        return self._track.frames[index]

    def frame(self, index: int) -> Frame:
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
    return tuple(BoxFolder(name, partial(_lasot_track, folders[name])) for name in names)


def got10k(
    root: str | Path, split: str = "val", *, names: Sequence[str] | None = None
) -> tuple[BoxFolder, ...]:
    """GOT-10k: ``<split>/{list.txt,<sequence>/{00000001.jpg,groundtruth.txt,...}}``.

    An object is visible where ``absence.label`` is 0 and ``cover.label`` above 0. ``split`` is
    ``train``, ``val`` or ``test``, of which only the first box is known.
    """
    folder = Path(root) / split
    names = listed_names(folder / "list.txt", names, folder)
    return tuple(BoxFolder(name, partial(_got10k_track, folder / name)) for name in names)


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
    """
    root = Path(root)
    root = root / "sequences" if (root / "sequences").is_dir() else root
    sequences = []
    for name in listed_names(root / f"{split}.txt", names, root):
        objects = sorted((root / name).glob("groundtruth_*.txt"))
        several = len(objects) > 1
        for path in objects or [root / name / "groundtruth.txt"]:
            own = f"{name}_{path.stem.removeprefix('groundtruth_')}" if several else name
            sequences.append(BoxFolder(own, partial(_vot_track, path)))
    return tuple(sequences)


# -- one sequence each


def _lasot_track(folder: Path) -> Track:
    frames = list_files(folder / "img", PICTURE_SUFFIXES)
    hidden = folder / "full_occlusion.txt", folder / "out_of_view.txt"
    return _to_track(folder / "groundtruth.txt", frames, hidden=hidden)


def _got10k_track(folder: Path) -> Track:
    frames = list_files(folder, PICTURE_SUFFIXES)
    hidden = [path for path in [folder / "absence.label"] if path.is_file()]
    shown = [path for path in [folder / "cover.label"] if path.is_file()]
    return _to_track(folder / "groundtruth.txt", frames, hidden=hidden, shown=shown)


def _otb_track(path: Path) -> Track:
    frames = list_files(path.parent / "img", PICTURE_SUFFIXES)
    picture = OTB_FIRST_PICTURE.get(path.parent.name, 1) - 1
    frames = frames[picture:] if len(frames) > picture else frames
    line = OTB_FIRST_LINE.get(path.parent.name, 0)
    boxes = read_regions(path) - (1, 1, 0, 0)
    return _to_track(path, frames[line : len(boxes)], boxes[line:])


def _vot_track(path: Path) -> Track:
    folder = path.parent
    facts = (folder / "sequence").read_text() if (folder / "sequence").is_file() else ""
    found = re.search(r"^\s*channels\.color\s*=(.*)$", facts, re.MULTILINE)
    channel = found[1].strip() if found else "color/%08d.jpg"
    pictures = folder / (Path(channel).parent if Path(channel).suffix else channel)
    frames = list_files(pictures if pictures.is_dir() else folder, PICTURE_SUFFIXES)
    tags = [tag for tag in sorted(folder.glob("*.tag")) if "1" in tag.read_text().split()]
    return _to_track(path, frames, attributes=tuple(tag.stem for tag in tags))


def _to_track(
    path: Path,
    frames: Sequence[Path],
    boxes: Float[np.ndarray, "N 4"] | None = None,
    *,
    hidden: Iterable[Path] = (),
    shown: Iterable[Path] = (),
    attributes: tuple[str, ...] = (),
) -> Track:
    """One box for each frame; where the annotation stops early, the rest is NaN.

    ``boxes`` are those in the annotation at ``path``, where they are not taken as they are.
    ``hidden`` and ``shown`` are files of flags: on which frames the object is, or is not, hidden.
    """
    boxes = read_regions(path) if boxes is None else boxes
    visible = ~np.isnan(boxes).any(1)
    for file in hidden:
        visible &= ~_flags(file, len(boxes))
    for file in shown:
        visible &= _flags(file, len(boxes))
    rest = len(frames) - len(boxes)
    if rest < 0:
        raise ValueError(
            f"{path} has {len(boxes)} boxes for {len(frames)} pictures: pictures are missing; "
            "unpack the sequence again"
        )
    boxes[~visible] = np.nan
    boxes = np.pad(boxes, ((0, rest), (0, 0)), constant_values=np.nan)
    return Track(frames, boxes, np.pad(visible, (0, rest)), attributes)


def _flags(path: Path, count: int) -> Bool[np.ndarray, " N"]:
    """Whether each number in a file is not zero; they are separated by commas, spaces or lines."""
    text = read_complete(path)
    try:
        flags = np.array([float(number) for number in re.split(r"[,\s]+", text)])
    except ValueError as error:
        raise ValueError(f"{path} should hold numbers: {error}") from error
    if len(flags) != count:
        raise ValueError(f"{path} has {len(flags)} flags for {count} boxes; unpack it again")
    return flags != 0
