"""The frames of a dataset's video: a folder of pictures, or a video file.

Room: DATA. Paths enter; what :class:`~sam2track.data.readers.vos.VOSSequence` is made of leaves.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Protocol

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps

from ...video.file import VideoFile

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
_ORIENTATION = 0x0112  # where EXIF keeps how the camera was held; from 5 on it lay on its side


class Pictures(Protocol):
    """The frames of a video, whatever holds them."""

    def __len__(self) -> int: ...

    def name(self, index: int) -> str:
        """What the frame is called: the stem of its file, by which masks are found."""
        ...

    def image(self, index: int) -> UInt8[np.ndarray, "H W 3"]:
        """RGB."""
        ...

    def size(self, index: int) -> tuple[int, int]:
        """Height and width, without decoding."""
        ...


class PictureFiles:
    """A folder of pictures, one a frame, in the order of their names.

    Args:
        folder: holds them.
        gapless: their names are numbers at one distance from each other.

    Raises:
        FileNotFoundError: if the folder is missing or empty, or a number is missing.
    """

    def __init__(self, folder: Path, *, gapless: bool = False) -> None:
        self.folder, self.files = folder, list_files(folder, IMAGE_SUFFIXES)
        if gapless:
            _check_numbers(folder, [Path(file).stem for file in self.files])

    def __len__(self) -> int:
        return len(self.files)

    def name(self, index: int) -> str:
        return Path(self.files[index]).stem

    def image(self, index: int) -> UInt8[np.ndarray, "H W 3"]:
        return read_picture(self.folder / self.files[index])

    def size(self, index: int) -> tuple[int, int]:
        path = self.folder / self.files[index]
        try:
            with Image.open(path) as picture:
                width, height = picture.size
                sideways = picture.getexif().get(_ORIENTATION, 1) >= 5
        except (OSError, SyntaxError, ValueError) as error:
            raise _unreadable(path, error) from error
        return (width, height) if sideways else (height, width)


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


def read_picture(path: Path) -> UInt8[np.ndarray, "H W 3"]:
    """A picture as RGB, upright as its EXIF says.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is no picture or damaged; the message names it.
    """
    try:
        with Image.open(path) as image:
            ImageOps.exif_transpose(image, in_place=True)
            return np.array(image if image.mode == "RGB" else image.convert("RGB"))
    except FileNotFoundError:
        raise
    except (OSError, SyntaxError, ValueError) as error:
        raise _unreadable(path, error) from error


def list_folders(folder: Path) -> list[str]:
    """The names of the folders in a folder, in order.

    Raises:
        FileNotFoundError: if it is missing or has none.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"no folder {folder}: check root= and split=")
    names = sorted(path.name for path in folder.iterdir() if path.is_dir())
    if not names:
        raise FileNotFoundError(f"{folder} has no folders: there should be one for each video")
    return names


def list_files(folder: Path, suffixes: tuple[str, ...]) -> tuple[str, ...]:
    """The names of the files in a folder that end so, in order; hidden ones are passed over.

    Raises:
        FileNotFoundError: if it is missing or has none.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"no folder {folder}: copy or unpack the dataset again")
    names = sorted(p.name for p in folder.iterdir() if p.suffix.lower() in suffixes)
    names = [name for name in names if not name.startswith(".")]
    if not names:
        raise FileNotFoundError(f"{folder} has no {' or '.join(suffixes)} files; copy them again")
    return tuple(names)


def _check_numbers(folder: Path, stems: list[str]) -> None:
    numbers = [int(stem) for stem in stems if stem.isdecimal()]
    if len(numbers) != len(stems) or len(numbers) < 3:
        return
    steps = np.diff(numbers)
    if (steps != steps.min()).any():
        missing = numbers[int((steps != steps.min()).argmax())] + int(steps.min())
        raise FileNotFoundError(
            f"{folder} has no picture {missing:0{len(stems[0])}d}, though later ones; copy it again"
        )


def _unreadable(path: Path, error: Exception) -> ValueError:
    return ValueError(f"{path} is not a readable picture ({error}); copy it again")


@lru_cache(maxsize=1)
def _open(path: Path) -> VideoFile:
    return VideoFile(path)
