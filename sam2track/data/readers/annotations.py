"""The annotations of a video: label maps, a folder of masks for each object, or run lengths.

Each kind has ``annotated``, the indices of the annotated frames, ascending; ``object_names``, what
the dataset calls each object where that is not its id; and ``masks(index, size)``: the visible
objects of an annotated frame, by id. That raises ValueError, which names the file, if a mask cannot
be read or is not of the picture's size (height and width).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from jaxtyping import Bool

from ...masks import decode_runs, read_labels, split_labels
from ...video import check_size
from .frames import FrameReader
from .listing import list_files

SAV_STEP = 4  # frames at 24 a second from one annotation to the next, 6 a second


class LabelMaps:
    """One PNG for each frame; each pixel holds the id of its object.

    Args:
        files: by frame index.
        binary: every label above zero is object 1.
        void: a label that belongs to no object, or None.
    """

    object_names: Mapping[int, str] = MappingProxyType({})

    def __init__(
        self, files: dict[int, Path], *, binary: bool = False, void: int | None = None
    ) -> None:
        self.files, self.binary, self.void = files, binary, void
        self.annotated = tuple(sorted(files))

    def masks(self, index: int, size: tuple[int, int]) -> dict[int, Bool[np.ndarray, "H W"]]:
        labels = read_labels(self.files[index])
        if self.binary:
            labels = (labels > 0).astype(np.uint8)
        return _of_size(dict(split_labels(labels, self.void)), size, lambda k: self.files[index])


class ObjectMaps:
    """One folder for each object, with one PNG for each frame; masks may overlap.

    Args:
        files: for each object, by frame index.
        object_names: the objects' folders.
    """

    def __init__(self, files: dict[int, dict[int, Path]], object_names: Mapping[int, str]) -> None:
        self.files, self.object_names = files, object_names
        self.annotated = tuple(sorted(set().union(*files.values())))

    def masks(self, index: int, size: tuple[int, int]) -> dict[int, Bool[np.ndarray, "H W"]]:
        present = {k: files[index] for k, files in self.files.items() if index in files}
        masks = {k: read_labels(path) > 0 for k, path in present.items()}
        return _of_size(masks, size, lambda k: present[k])


class Masklets:
    """The masks of a video in SA-V's JSON: for each annotated frame, each object's run lengths.

    Only the last file is kept in memory.

    Args:
        path: ``<video>_manual.json`` or ``<video>_auto.json``.
    """

    object_names: Mapping[int, str] = MappingProxyType({})

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def annotated(self) -> tuple[int, ...]:
        return tuple(range(0, SAV_STEP * len(_load(self.path)), SAV_STEP))

    def masks(self, index: int, size: tuple[int, int]) -> dict[int, Bool[np.ndarray, "H W"]]:
        def place(k: int) -> str:
            return f"object {k} of frame {index} in {self.path}"

        runs = enumerate(_load(self.path)[index // SAV_STEP], start=1)
        return _of_size({k: decode_runs(one, place(k)) for k, one in runs}, size, place)


Annotations = LabelMaps | ObjectMaps | Masklets


def match_files(folder: Path, frames: FrameReader, *, or_indices: bool = False) -> dict[int, Path]:
    """The PNGs of a folder, each named as its frame, by the frame's index.

    With ``or_indices`` they may also be named by the index of their frame, as older versions of
    ``sam2track track`` name them. A PNG that belongs to no frame is an error.
    """
    index = {frames.name(position): position for position in range(len(frames))}
    files = list_files(folder, (".png",))
    stray = [file for file in files if file.stem not in index]
    indices = all(file.stem.isdecimal() and int(file.stem) < len(frames) for file in files)
    if stray and or_indices and indices:
        return dict(sorted((int(file.stem), file) for file in files))
    if stray:
        raise ValueError(
            f"{stray[0]} belongs to no picture: none is named {stray[0].stem}; copy the pictures "
            "again, or remove the mask"
        )
    return dict(sorted((index[file.stem], file) for file in files))


def _of_size(
    masks: dict[int, Bool[np.ndarray, "..."]],
    size: tuple[int, int],
    place: Callable[[int], object],
) -> dict[int, Bool[np.ndarray, "H W"]]:
    """The masks that are not empty; they must have the size of their picture."""
    shown = {k: mask for k, mask in masks.items() if mask.any()}
    advice = "resize it by nearest neighbour, or copy both again"
    for k, mask in shown.items():
        check_size(str(place(k)), mask.shape, size, advice, first="its picture")
    return shown


@lru_cache(maxsize=1)
def _load(path: Path) -> list[list[dict[str, Any]]]:
    try:
        masklets = json.loads(path.read_text())["masklet"]
        if masklets and all(isinstance(frame, list) and frame for frame in masklets):
            return masklets
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} holds no masklets ({error!r}); copy it again") from error
    raise ValueError(f"{path} holds no masklets; copy it again")
