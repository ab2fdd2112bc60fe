"""A folder of pictures, one a frame.

Room: SOURCE. A directory enters, frames leave.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from ..types import Frame
from .source import SeekableSource, VideoError

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")

# Where EXIF keeps how the camera was held; values of 5 and above swap width and height.
_ORIENTATION = 0x0112


class ImageFolder(SeekableSource):
    """JPEG, PNG and WebP pictures of a directory in natural order (``f2`` before ``f10``).

    File names are free; hidden files and other files are passed over. A picture is shown as its
    EXIF orientation says, as viewers do. Every header is read at once (about 0.1 ms each), so that
    a picture of another size is found before any work is done.

    Args:
        path: the directory.
        fps: frames a second, which a folder does not know.

    Raises:
        VideoError: if it is not a directory, has no pictures, or they differ in size.
    """

    def __init__(self, path: str | Path, fps: float = 24.0) -> None:
        path = Path(path)
        if not path.is_dir():
            raise VideoError(f"no such folder: {path}; check the path")
        self.files = natural_sort(path)
        if not self.files:
            raise VideoError(
                f"no pictures in {path}; put {', '.join(SUFFIXES)} files right inside it, "
                "one a frame"
            )
        self.name = path.resolve().name or "folder"
        self.size = _shown_size(self.files[0])
        self.fps = fps
        self.length = len(self.files)
        for file in self.files[1:]:
            self._check_size(file, _shown_size(file))

    def __getitem__(self, index: int) -> Frame:
        if not 0 <= index < len(self.files):
            raise IndexError(f"{self.name} has frames 0 to {len(self.files) - 1}, not {index}")
        file = self.files[index]
        try:
            with Image.open(file) as picture:
                upright = ImageOps.exif_transpose(picture) if _is_turned(picture) else picture
                image = np.array(upright.convert("RGB"))
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            raise _unreadable(file, error) from error
        self._check_size(file, image.shape[:2])
        return Frame(index, image)

    def _check_size(self, file: Path, size: tuple[int, int]) -> None:
        if size != self.size:
            raise VideoError(
                f"{file} is {size[1]}x{size[0]} but {self.files[0].name} is "
                f"{self.size[1]}x{self.size[0]}; resize the pictures to one size"
            )


def natural_sort(folder: Path) -> list[Path]:
    """The pictures of a folder, numbers in their names ordered by value."""

    def key(file: Path) -> tuple[list[tuple[int, int | str]], str]:
        parts = re.split(r"([0-9]+)", file.name.lower())
        return [(0, int(part)) if part.isdigit() else (1, part) for part in parts], file.name

    files = (file for file in folder.iterdir() if file.suffix.lower() in SUFFIXES)
    return sorted((file for file in files if not file.name.startswith(".")), key=key)


def _shown_size(file: Path) -> tuple[int, int]:
    """Height and width after EXIF orientation, from the header alone."""
    try:
        with Image.open(file) as picture:
            width, height = picture.size
            sideways = _is_turned(picture) and picture.getexif()[_ORIENTATION] >= 5
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise _unreadable(file, error) from error
    return (width, height) if sideways else (height, width)


def _is_turned(picture: Image.Image) -> bool:
    """Whether EXIF says that the picture was not held upright.

    A PNG may keep EXIF behind its pixels, and Pillow decodes all of them to look there; what comes
    so late is passed over.
    """
    if picture.format == "PNG" and "exif" not in picture.info:
        return False
    return picture.getexif().get(_ORIENTATION, 1) in range(2, 9)


def _unreadable(file: Path, error: Exception) -> VideoError:
    reason = "not a picture" if isinstance(error, Image.UnidentifiedImageError) else str(error)
    return VideoError(f"cannot read {file}: {reason}; replace the file or remove it")
