"""Reads a picture of any kind as RGB: a path, a NumPy array, Pillow's picture, a tensor."""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

import numpy as np
from jaxtyping import UInt8
from PIL import Image
from torch import Tensor

from ..video import VideoError, picture_as_rgb, read_picture

Picture: TypeAlias = str | Path | Image.Image | np.ndarray | Tensor
_WANTED = "give RGB as uint8 of shape (height, width, 3)"


def read_image(picture: Picture) -> UInt8[np.ndarray, "H W 3"]:
    """A picture as RGB.

    Args:
        picture: a file, which is turned as its EXIF orientation says; Pillow's picture, which is
            taken as it is (``ImageOps.exif_transpose`` turns it); an array, ``uint8``, of shape
            (H, W, 3), or (H, W) for grey, or (H, W, 4) with alpha; or a tensor of shape (3, H, W)
            or (H, W, 3), ``uint8``, or floating-point numbers in 0..1. Grey values of more
            than 8 bits are stretched, as :class:`sam2track.video.GreyRange` does it for one
            picture; transparent pixels are shown on black.

    Raises:
        VideoError: a file that cannot be read.
        ValueError: another shape, type or range.
    """
    if isinstance(picture, (str, Path)):
        return read_picture(Path(picture).expanduser())
    if isinstance(picture, Tensor):
        return _of_tensor(picture)
    if isinstance(picture, np.ndarray):
        if picture.dtype == np.uint8 and picture.ndim == 3 and picture.shape[2] == 3:
            return np.require(_not_empty(picture), requirements=("C", "W"))
        shown = picture.ndim == 2 and picture.dtype in (np.uint8, np.uint16)
        shown = shown or (picture.shape[2:] == (4,) and picture.dtype == np.uint8)
        if not shown:
            raise ValueError(f"the image is {picture.dtype} of shape {picture.shape}; {_WANTED}")
        picture = Image.fromarray(np.ascontiguousarray(_not_empty(picture)))
    if not isinstance(picture, Image.Image):
        advice = "; OpenCV gives None for a file that it cannot read" if picture is None else ""
        raise ValueError(
            f"the image is a {type(picture).__name__}; give a path, an array, a tensor or "
            f"Pillow's picture{advice}"
        )
    try:
        return _not_empty(np.array(picture_as_rgb(picture)))
    except (OSError, SyntaxError) as error:  # Pillow decodes a file when its pixels are needed
        name = getattr(picture, "filename", "") or "the image"
        raise VideoError(f"cannot read {name}: {error}; replace the file or remove it") from error


def _of_tensor(picture: Tensor) -> UInt8[np.ndarray, "H W 3"]:
    array = picture.detach().cpu()
    if array.ndim == 3 and array.shape[0] == 3:
        array = array.permute(1, 2, 0)
    if array.ndim != 3 or array.shape[2] != 3:
        raise ValueError(f"the image tensor has shape {tuple(picture.shape)}; give (3, H, W)")
    if array.is_floating_point():
        if not bool(((array >= 0) & (array <= 1)).all()):
            raise ValueError("the image tensor holds numbers outside 0..1; give RGB as uint8")
        array = (array.float() * 255).round().byte()
    return read_image(array.numpy())


def _not_empty(picture: np.ndarray) -> np.ndarray:
    if not picture.size:
        raise ValueError(f"the image has no pixel: its shape is {picture.shape}; {_WANTED}")
    return picture
