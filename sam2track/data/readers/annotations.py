"""What is known of a video's objects: label maps, a folder of masks for each, or run lengths.

Room: DATA. Paths enter; what :class:`~sam2track.data.readers.vos.VOSSequence` is made of leaves.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np
from jaxtyping import Bool

from ...masks.label_maps import read_labels
from ...masks.run_lengths import decode_runs
from .frames import Pictures, list_files

SAV_STEP = 4  # frames at 24 a second from one annotation to the next, 6 a second


class Truth(Protocol):
    """What is known of a video's objects, whatever holds it.

    Attributes:
        annotated: the frames that it knows, ascending.
        object_names: what the dataset calls each object, where that is not its id.
    """

    @property
    def annotated(self) -> tuple[int, ...]: ...

    @property
    def object_names(self) -> Mapping[int, str]: ...

    def masks(self, index: int) -> dict[int, Bool[np.ndarray, "H W"]]:
        """Those that show, on an annotated frame."""
        ...

    def place(self, index: int, object_id: int) -> str:
        """Where a mask lies, for messages."""
        ...


class LabelMaps:
    """One PNG a frame, each pixel its object's id.

    Args:
        files: by frame index.
        binary: every label above zero is object 1.
        void: a label that is nobody's object, or None.
    """

    object_names: Mapping[int, str] = MappingProxyType({})

    def __init__(
        self, files: dict[int, Path], *, binary: bool = False, void: int | None = None
    ) -> None:
        self.files, self.binary, self.void = files, binary, void
        self.annotated = tuple(sorted(files))

    def masks(self, index: int) -> dict[int, Bool[np.ndarray, "H W"]]:
        labels = read_labels(self.files[index])
        if self.binary:
            return {1: labels > 0} if labels.any() else {}
        ids = np.flatnonzero(np.bincount(labels.ravel()))
        return {int(label): labels == label for label in ids if label not in (0, self.void)}

    def place(self, index: int, object_id: int) -> str:
        return str(self.files[index])


class ObjectMaps:
    """One folder an object, one PNG a frame in it, zero where the object is not; they may overlap.

    Args:
        files: for each object, by frame index.
        object_names: the objects' folders.
    """

    def __init__(self, files: dict[int, dict[int, Path]], object_names: Mapping[int, str]) -> None:
        self.files, self.object_names = files, object_names
        self.annotated = tuple(sorted(set().union(*files.values())))

    def masks(self, index: int) -> dict[int, Bool[np.ndarray, "H W"]]:
        if index not in self.annotated:
            raise KeyError(index)
        present = {k: files[index] for k, files in self.files.items() if index in files}
        masks = {k: read_labels(path) > 0 for k, path in present.items()}
        return {k: mask for k, mask in masks.items() if mask.any()}

    def place(self, index: int, object_id: int) -> str:
        return str(self.files[object_id][index])


class Masklets:
    """The masks of a video in SA-V's JSON: for each annotated frame, each object's run lengths.

    The file is read anew after others were, so that a whole dataset is never in memory.

    Args:
        path: ``<video>_manual.json`` or ``<video>_auto.json``.
    """

    object_names: Mapping[int, str] = MappingProxyType({})

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def annotated(self) -> tuple[int, ...]:
        return tuple(range(0, SAV_STEP * len(_load(self.path)), SAV_STEP))

    def masks(self, index: int) -> dict[int, Bool[np.ndarray, "H W"]]:
        if index not in self.annotated:
            raise KeyError(index)
        runs = _load(self.path)[index // SAV_STEP]
        masks = {k: decode_runs(one, self.place(index, k)) for k, one in enumerate(runs, start=1)}
        return {k: mask for k, mask in masks.items() if mask.any()}

    def place(self, index: int, object_id: int) -> str:
        return f"object {object_id} of frame {index} in {self.path}"


def match_files(folder: Path, pictures: Pictures) -> dict[int, Path]:
    """The PNGs of a folder by the index of the frame that they are named after.

    Raises:
        FileNotFoundError: if the folder is missing or empty.
        ValueError: if one is named after no frame.
    """
    index = {pictures.name(position): position for position in range(len(pictures))}
    found = {}
    for file in list_files(folder, (".png",)):
        stem = Path(file).stem
        if stem not in index:
            raise ValueError(
                f"{folder / file} belongs to no picture: none is named {stem}; copy the pictures "
                "again, or remove the mask"
            )
        found[index[stem]] = folder / file
    return dict(sorted(found.items()))


@lru_cache(maxsize=1)
def _load(path: Path) -> list[list[dict[str, Any]]]:
    try:
        masklets = json.loads(path.read_text())["masklet"]
        if masklets and all(isinstance(frame, list) and frame for frame in masklets):
            return masklets
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} holds no masklets ({error!r}); copy it again") from error
    raise ValueError(f"{path} holds no masklets; copy it again")
