"""Random crops of unlabelled images and video frames, for self-supervised pre-training.

A folder is searched with all folders in it. The same seed gives the same crops.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from ...files import expand_home
from ...video import (
    PICTURE_SUFFIXES,
    VIDEO_SUFFIXES,
    SeekableSource,
    VideoError,
    load_picture,
    open_file,
    picture_size,
)

AREA = (0.2, 1.0)  # of a crop, as a fraction of the picture's (MAE, 2111.06377, appendix A.1)
ASPECT = (3 / 4, 4 / 3)  # of a crop, width to height
TRIES = 100  # pictures in a row that cannot be read before this is an error

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Found:
    """The images and videos in a folder.

    Attributes:
        images: picture files.
        videos: video files.
        seconds: the duration of each video, at least 1.
        broken: for each file that cannot be read, one line that names it and says what is wrong.
    """

    images: tuple[Path, ...]
    videos: tuple[Path, ...]
    seconds: tuple[float, ...]
    broken: tuple[str, ...]


def find_pictures(root: str | Path) -> Found:
    """Search a folder and its subfolders, in the order of names. Hidden files are ignored.

    Of an image the header is read; a video is listed frame by frame without being decoded.

    Raises:
        FileNotFoundError: if there is no such folder.
        ValueError: if there is nothing in it that can be read.
    """
    root = expand_home(root)
    if not root.is_dir():
        raise FileNotFoundError(f"no folder {root}: give one with images or videos in it")
    images, videos, seconds, broken = [], [], [], []
    for path in _files(root):
        suffix = path.suffix.lower()
        try:
            if suffix in PICTURE_SUFFIXES:
                picture_size(path)  # raises an error if it is no picture
                images.append(path)
            elif suffix in VIDEO_SUFFIXES:
                with open_file(path) as video:
                    seconds.append(max(1.0, len(video) / video.fps))
                    videos.append(path)
        except VideoError as error:
            broken.append(str(error))
    if not images and not videos:
        found = f"{len(broken)} that cannot be read: {broken[0]}" if broken else "none"
        raise ValueError(
            f"{root} has no images (.jpg, .png, ...) and no videos to learn from; found {found}"
        )
    return Found(tuple(images), tuple(videos), tuple(seconds), tuple(broken))


@dataclass(eq=False, repr=False)
class RandomCrops(Dataset):
    """Random crops, flipped with probability 1/2.

    Crop ``index`` depends only on ``(seed, index)``. All images have the same probability; a video
    counts as one image for each second, since frames that are close in time are nearly the same. A
    damaged picture is reported on the log, and another one is drawn instead.

    Attributes:
        found: the images and videos.
        size: side of the crops, pixels.
        length: number of crops.
        seed: another seed gives other crops.
        video_reader: see :func:`sam2track.video.open_file`.
    """

    found: Found
    size: int
    _: KW_ONLY
    length: int
    seed: int = 0
    video_reader: str = "auto"

    def __post_init__(self) -> None:
        weights = np.ones(len(self.found.images)), self.found.seconds
        self._chances = np.cumsum(np.concatenate(weights))
        self._reported: set[str] = set()

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> UInt8[Tensor, "3 S S"]:
        """One crop, RGB; ValueError if a hundred pictures in a row cannot be read."""
        if not 0 <= index < self.length:
            raise IndexError(f"crop {index} does not exist; there are {self.length}, from 0")
        rng = np.random.default_rng([self.seed, index])
        for _ in range(TRIES):
            place = rng.uniform(0, self._chances[-1])
            number = int(np.searchsorted(self._chances, place, side="right"))
            try:
                pixels = random_crop(self._read(number, rng), self.size, rng)
                return torch.from_numpy(pixels).permute(2, 0, 1).contiguous()
            except VideoError as error:
                path = str((*self.found.images, *self.found.videos)[number])
                if path not in self._reported:  # once for each file (in each process)
                    self._reported.add(path)
                    _log.warning("passed over: %s", error)
        raise ValueError(f"{TRIES} pictures in a row cannot be read; the log names them")

    def _read(self, number: int, rng: np.random.Generator) -> Image.Image:
        images = self.found.images
        if number < len(images):
            # Crops of the smallest area then still have the wanted size.
            return load_picture(images[number], least=round(self.size / AREA[0] ** 0.5))
        video = _opened(self.found.videos[number - len(images)], self.video_reader, os.getpid())
        try:
            return Image.fromarray(video.read(int(rng.integers(len(video)))).image)
        except IndexError as error:  # fewer frames than it declares
            raise VideoError(str(error)) from error


def random_crop(
    picture: Image.Image, size: int, rng: np.random.Generator
) -> UInt8[np.ndarray, "S S 3"]:
    """A part of random area and aspect, resized to a square, flipped with probability 1/2."""
    area = picture.width * picture.height * rng.uniform(*AREA)
    aspect = np.exp(rng.uniform(*np.log(ASPECT)))
    width = min(picture.width, float(np.sqrt(area * aspect)))
    height = min(picture.height, float(np.sqrt(area / aspect)))
    left = rng.uniform(0, picture.width - width)
    top = rng.uniform(0, picture.height - height)
    box = (left, top, left + width, top + height)
    pixels = np.array(picture.resize((size, size), Image.Resampling.BICUBIC, box=box))
    return np.ascontiguousarray(pixels[:, ::-1]) if rng.random() < 0.5 else pixels


@lru_cache(maxsize=8)
def _opened(path: Path, video_reader: str, process: int) -> SeekableSource:
    """A video, kept open. One per process: a forked one must not share the file's position."""
    return open_file(path, video_reader)


def _files(root: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(folder, name) for name in sorted(names) if not name.startswith("."))
