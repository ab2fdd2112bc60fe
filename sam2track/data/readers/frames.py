"""The frames of a dataset's video: a folder of pictures, or a video file.

Each kind has a length; ``name(index)``, the frame's file without the suffix, by which its mask is
found; ``read(indices)``, which raises ValueError and names the file if a frame cannot be read
(ascending indices are fastest); and ``size(index)``, height and width without decoding.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from ...types import Frame
from ...video import (
    PICTURE_SUFFIXES,
    SeekableSource,
    grey_range,
    open_file,
    picture_size,
    read_picture,
)
from .listing import list_files


class PictureFrames:
    """A folder of pictures, one for each frame, in natural order.

    Args:
        folder: holds them.
        gapless: their names are numbers with a constant step; none may be missing.
    """

    def __init__(self, folder: Path, *, gapless: bool = False) -> None:
        self.files = list_files(folder, PICTURE_SUFFIXES)
        self._names: list[str] = []
        stems: set[str] = set()
        for file in self.files:  # as PaletteSink names masks: cat.bmp after cat.jpg keeps its name
            self._names.append(file.name if file.stem in stems else file.stem)
            stems.add(file.stem)
        if gapless:
            _check_numbers(folder, self._names)
        self._grey = grey_range(self.files)

    def __len__(self) -> int:
        return len(self.files)

    def name(self, index: int) -> str:
        return self._names[index]

    def read(self, indices: Sequence[int]) -> list[Frame]:
        files = ((index, self.files[index]) for index in indices)
        return [
            Frame(index, read_picture(file, self._grey), name=file.name) for index, file in files
        ]

    def size(self, index: int) -> tuple[int, int]:
        return picture_size(self.files[index])


class VideoFrames:
    """The frames of a video file.

    Args:
        path: the file. It is opened when a frame is read, and closed when another one is.
        video_reader: see :func:`sam2track.video.open_file`.
    """

    def __init__(self, path: Path, video_reader: str = "auto") -> None:
        if not path.is_file():
            raise FileNotFoundError(f"no video {path}: copy it again, or remove its masks")
        self.path, self.video_reader = path, video_reader

    def __len__(self) -> int:
        return len(self._opened())

    def name(self, index: int) -> str:
        return f"{index:05d}"

    def read(self, indices: Sequence[int]) -> list[Frame]:
        video = self._opened()
        beyond = [index for index in indices if index >= len(video)]
        if beyond:
            raise ValueError(
                f"{self.path} has no frame {beyond[0]}, for which there is a mask: copy both again"
            )
        try:
            return video.read_many(indices)
        except IndexError as error:
            raise ValueError(f"{self.path} ends before its masks do ({error})") from error

    def size(self, index: int) -> tuple[int, int]:
        return self._opened().size

    def _opened(self) -> SeekableSource:
        return _open(self.path, self.video_reader, os.getpid())


FrameReader = PictureFrames | VideoFrames


def _check_numbers(folder: Path, stems: list[str]) -> None:
    if len(stems) < 3 or not all(stem.isdecimal() for stem in stems):
        return
    numbers = np.array([int(stem) for stem in stems])
    steps = np.diff(numbers)
    if (steps != steps.min()).any():
        missing = numbers[(steps != steps.min()).argmax()] + steps.min()
        raise FileNotFoundError(
            f"{folder} has no picture {missing:0{len(stems[0])}d}, though later ones; copy it again"
        )


@lru_cache(maxsize=1)
def _open(path: Path, video_reader: str, process: int) -> SeekableSource:
    """A video, kept open. One per process: a forked one must not share the file's position."""
    return open_file(path, video_reader)
