"""Reads pictures from files: which files are pictures, their order, their size and their pixels."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps

from .grey import EACH_ITS_OWN, GreyRange, deep_values
from .source import VideoError

# Pillow reads HEIC only where its plug-in is installed; else such a file is an error, not ignored.
PICTURE_SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif"),
    *(".ppm", ".pgm", ".pnm", ".tga", ".jp2", ".avif", ".heic", ".heif"),
)

_ORIENTATION = 0x0112  # EXIF: how the camera was held; 5 to 8 swap width and height
# What Pillow raises for a damaged file.
_PILLOW_ERRORS = (OSError, EOFError, SyntaxError, TypeError, ValueError)


def list_pictures(folder: Path, suffixes: tuple[str, ...] = PICTURE_SUFFIXES) -> list[Path]:
    """The picture files of a folder in natural order; hidden files and folders are ignored."""

    def by_number(file: Path) -> tuple[list[tuple[int, int | str]], str]:  # f2 before f10
        parts = re.split(r"([0-9]+)", file.name.lower())
        return [(0, int(part)) if part.isdigit() else (1, part) for part in parts], file.name

    with os.scandir(folder) as entries:  # which tells folders without asking for each file
        files = [folder / entry.name for entry in entries if not entry.is_dir()]
    found = (file for file in files if file.suffix.lower() in suffixes)
    return sorted((file for file in found if not file.name.startswith(".")), key=by_number)


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    # From a path, Pillow 13 maps some TIFF files into memory, and does not turn those.
    with pillow_errors(path), path.open("rb") as file, Image.open(file) as picture:
        yield picture


@contextmanager
def pillow_errors(path: Path) -> Iterator[None]:
    """While it lasts, what Pillow raises for a file becomes a VideoError."""
    try:
        yield
    except VideoError:
        raise
    except Image.DecompressionBombError as error:
        most = 2 * (Image.MAX_IMAGE_PIXELS or 0)
        raise VideoError(
            f"cannot read {path}: it has more than {most:,} pixels; make it smaller"
        ) from error
    except _PILLOW_ERRORS as error:
        reason = "not a picture" if isinstance(error, Image.UnidentifiedImageError) else str(error)
        if isinstance(error, OSError) and error.strerror:
            reason = error.strerror  # without the path, which the message names already
        raise VideoError(f"cannot read {path}: {reason}; replace the file or remove it") from error


def picture_size(path: Path) -> tuple[int, int]:
    """Height and width after EXIF orientation, from the file's header alone."""
    with _opened(path) as picture:
        width, height = picture.size
        sideways = _is_turned(picture) and picture.getexif()[_ORIENTATION] >= 5
    return (width, height) if sideways else (height, width)


def count_pages(path: Path) -> int:
    """How many pictures one after another a file holds: pages of a TIFF, frames of a GIF."""
    with _opened(path) as picture:
        # An MPO is a JPEG of some phones, with a preview or a map of depth beside the picture.
        return 1 if picture.format == "MPO" else getattr(picture, "n_frames", 1)


def read_picture(path: Path, grey: GreyRange = EACH_ITS_OWN) -> UInt8[np.ndarray, "H W 3"]:
    """A picture as RGB, turned as its EXIF orientation says. See :func:`load_picture`."""
    return np.array(load_picture(path, grey=grey))


def grey_range(files: Sequence[Path]) -> GreyRange:
    """The range of grey of a video of picture files, found when it is first needed."""
    return GreyRange(len(files), partial(_deep_values_of, files))


def _deep_values_of(files: Sequence[Path], index: int) -> np.ndarray | None:
    try:
        with _opened(files[index]) as picture:
            return deep_values(picture)
    except VideoError:  # said when this frame is read
        return None


def load_picture(
    path: Path, least: int | None = None, *, grey: GreyRange = EACH_ITS_OWN
) -> Image.Image:
    """A picture as Pillow's RGB image, turned as its EXIF orientation says.

    Transparent pixels are shown on black.

    Args:
        path: the file.
        least: a large JPEG may be decoded at a fraction of its size, with sides of at least this
            many pixels; None = at its full size.
        grey: which grey values of more than 8 bits become black and white; default: those of this
            picture.
    """
    with _opened(path) as picture:
        if least is not None:
            picture.draft("RGB", (least, least))  # does nothing to other formats
        turned = ImageOps.exif_transpose(picture) if _is_turned(picture) else picture
        return picture_as_rgb(turned, grey)


def picture_as_rgb(picture: Image.Image, grey: GreyRange = EACH_ITS_OWN) -> Image.Image:
    """Any of Pillow's modes as RGB; the result holds its own pixels. See :func:`load_picture`."""
    values = deep_values(picture)
    if values is not None:
        return Image.fromarray(grey.as_grey(values)).convert("RGB")
    if picture.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in picture.info:
        opaque = picture.convert("RGBA")
        alpha = opaque.getchannel("A")
        if alpha.getextrema() != (255, 255) and alpha.getextrema() != (0, 0):
            return Image.composite(opaque, Image.new("RGBA", opaque.size), alpha).convert("RGB")
        # Alpha that is zero everywhere, as some renderers write it, has no meaning.
        return opaque.convert("RGB")
    return picture.convert("RGB")


def _is_turned(picture: Image.Image) -> bool:
    """Whether EXIF says that the picture must be turned.

    A PNG may keep EXIF after its pixels, and Pillow would decode all of them to look there; EXIF
    in that place is ignored. Pillow turns a TIFF by itself.
    """
    if picture.format == "TIFF":
        return False
    if picture.format == "PNG" and "exif" not in picture.info:
        return False
    return picture.getexif().get(_ORIENTATION, 1) in range(2, 9)
