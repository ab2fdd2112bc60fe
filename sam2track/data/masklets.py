"""Video files as frames of a dataset, and SA-V's masklets: the masks of a video as run lengths.

Room: DATA. Paths enter; what :class:`~sam2track.data.vos.VOSSequence` is made of leaves.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from jaxtyping import Bool, UInt8

from ..video.file import VideoFile
from .label_maps import decode_runs

SAV_STEP = 4  # frames at 24 a second from one annotation to the next, 6 a second


class VideoPictures:
    """The frames of a video file.

    Args:
        path: of the file, which is opened when a frame is read and stays open until others were.

    Raises:
        FileNotFoundError: if there is none.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise FileNotFoundError(f"no video {path}: copy it again, or remove its masks")
        self.path = path

    def __len__(self) -> int:
        return _open(self.path).length or 0

    def name(self, index: int) -> str:
        return f"{index:05d}"

    def image(self, index: int) -> UInt8[np.ndarray, "H W 3"]:
        try:
            return _open(self.path)[index].image
        except IndexError as error:
            raise ValueError(
                f"{self.path} has no frame {index}, for which there is a mask: copy both again"
            ) from error

    def size(self, index: int) -> tuple[int, int]:
        return _open(self.path).size


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


@lru_cache(maxsize=1)
def _open(path: Path) -> VideoFile:
    return VideoFile(path)


@lru_cache(maxsize=1)
def _load(path: Path) -> list[list[dict[str, Any]]]:
    try:
        masklets = json.loads(path.read_text())["masklet"]
        if masklets and all(isinstance(frame, list) and frame for frame in masklets):
            return masklets
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} holds no masklets ({error!r}); copy it again") from error
    raise ValueError(f"{path} holds no masklets; copy it again")
