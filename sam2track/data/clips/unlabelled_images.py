"""Pictures without labels, from a folder of images and videos: what self-supervision feeds on.

What enters: a folder, searched with all that is below it. What leaves: square crops at random, as
tensors. The same seed gives the same crops.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image, ImageOps
from torch import Tensor
from torch.utils.data import Dataset

from ...video import VideoError, VideoFile
from ...video.folder import SUFFIXES

VIDEO_SUFFIXES = (
    *(".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi"),
    *(".mpg", ".mpeg", ".ts", ".mts", ".m2ts", ".ogv"),
)
AREA = (0.2, 1.0)  # of a crop, as a share of the picture's (MAE, 2111.06377, appendix A.1)
ASPECT = (3 / 4, 4 / 3)  # of a crop, width to height
TRIES = 100  # pictures in a row that cannot be read, before it is no accident

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Found:
    """What a folder holds.

    Attributes:
        images: JPEG, PNG and WebP files.
        videos: video files.
        seconds: how long each video is, at least 1.
        broken: for each file that cannot be read, what is wrong with it; its name is in there.
    """

    images: tuple[Path, ...]
    videos: tuple[Path, ...]
    seconds: tuple[float, ...]
    broken: tuple[str, ...]


def find_pictures(root: str | Path) -> Found:
    """Search a folder and all below it, in the order of names. Hidden files are passed over.

    Of an image the header is read; a video is listed frame by frame without being decoded.

    Raises:
        FileNotFoundError: if there is no such folder.
        ValueError: if there is nothing in it that can be read.
    """
    root = Path(root).expanduser()
    if not root.is_dir():
        raise FileNotFoundError(f"no folder {root}: give one with images or videos in it")
    images, videos, seconds, broken = [], [], [], []
    for path in _files(root):
        suffix = path.suffix.lower()
        try:
            if suffix in SUFFIXES:
                with Image.open(path):
                    images.append(path)
            elif suffix in VIDEO_SUFFIXES:
                with VideoFile(path) as video:
                    seconds.append(max(1.0, _frames(video) / video.fps))
                    videos.append(path)
        except VideoError as error:
            broken.append(str(error))
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            broken.append(_unreadable(path, error))
    if not images and not videos:
        found = f"{len(broken)} that cannot be read: {broken[0]}" if broken else "none"
        raise ValueError(
            f"{root} has no images ({', '.join(SUFFIXES)}) and no videos to learn from; found "
            + found
        )
    return Found(tuple(images), tuple(videos), tuple(seconds), tuple(broken))


class Pictures(Dataset):
    """Random crops, mirrored half of the time; crop ``index`` depends on ``(seed, index)`` alone.

    Every image is drawn as often as another; a video counts for as many images as it has seconds,
    since frames that are close in time are nearly the same. A picture that turns out to be damaged
    is reported on the log and another one drawn in its place.

    Args:
        found: the pictures.
        size: side of the crops, pixels.
        length: number of crops.
        seed: another seed, other crops.
    """

    def __init__(self, found: Found, size: int, *, length: int, seed: int = 0) -> None:
        self.found, self.size, self.length, self.seed = found, size, length, seed
        weights = np.concatenate((np.ones(len(found.images)), found.seconds))
        self._chances = np.cumsum(weights)
        self._reported: set[str] = set()

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> UInt8[Tensor, "3 S S"]:
        """One crop, RGB.

        Raises:
            IndexError: if there is no such crop.
            ValueError: if a hundred pictures in a row cannot be read.
        """
        if not 0 <= index < self.length:
            raise IndexError(f"crop {index} does not exist; there are {self.length}, from 0")
        rng = np.random.default_rng([self.seed, index])
        for _ in range(TRIES):
            place = rng.uniform(0, self._chances[-1])
            number = int(np.searchsorted(self._chances, place, side="right"))
            try:
                pixels = random_crop(self._read(number, rng), self.size, rng)
            except (OSError, SyntaxError, ValueError) as error:
                self._report(number, error)
            else:
                return torch.from_numpy(pixels).permute(2, 0, 1).contiguous()
        raise ValueError(f"{TRIES} pictures in a row cannot be read; the log names them")

    def _read(self, number: int, rng: np.random.Generator) -> Image.Image:
        images = self.found.images
        if number < len(images):
            return read_picture(images[number], self.size)
        video = _opened(self.found.videos[number - len(images)], os.getpid())
        try:
            return Image.fromarray(video[int(rng.integers(_frames(video)))].image)
        except IndexError as error:  # fewer frames than it declares
            raise VideoError(str(error)) from error

    def _report(self, number: int, error: Exception) -> None:
        """Once for each file (and each process that draws)."""
        path = (*self.found.images, *self.found.videos)[number]
        if str(path) not in self._reported:
            self._reported.add(str(path))
            fault = str(error) if isinstance(error, VideoError) else _unreadable(path, error)
            _log.warning("passed over: %s", fault)


def read_picture(path: Path, size: int) -> Image.Image:
    """A picture upright and in RGB; a large JPEG is decoded at a fraction of its size.

    Args:
        size: of the crops that will be made of it, pixels: what is decoded has crops that large.

    Raises:
        OSError, SyntaxError, ValueError: if it cannot be read; Pillow's own.
    """
    with Image.open(path) as picture:
        side = round(size / AREA[0] ** 0.5)
        picture.draft("RGB", (side, side))  # does nothing to other formats
        return ImageOps.exif_transpose(picture).convert("RGB")


def random_crop(
    picture: Image.Image, size: int, rng: np.random.Generator
) -> UInt8[np.ndarray, "S S 3"]:
    """A part of the picture, of random area and aspect, squashed to a square and maybe mirrored."""
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
def _opened(path: Path, process: int) -> VideoFile:
    """A video, kept open. By process: one forked off must not share the file's position."""
    return VideoFile(path)


def _frames(video: VideoFile) -> int:
    assert video.length is not None  # only a stream's is unknown
    return video.length


def _files(root: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if not name.startswith("."):
                yield Path(folder, name)


def _unreadable(path: Path, error: Exception) -> str:
    reason = "not a picture" if isinstance(error, Image.UnidentifiedImageError) else str(error)
    return f"cannot read {path}: {reason}"
