"""Label maps: pictures whose pixels are object ids, 0 = background."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import av
import numpy as np
from av.error import FFmpegError
from jaxtyping import Bool, Integer, UInt8


def flatten(
    masks: Mapping[int, Bool[np.ndarray, "H W"]], size: tuple[int, int]
) -> UInt8[np.ndarray, "H W"]:
    """Masks as one label map: at each pixel the id of the smallest object there, 0 = none.

    So a part is visible on its whole. Of two objects of the same size the lower id is visible.

    Args:
        masks: with ids 1 to 255.
        size: their height and width.
    """
    labels = np.zeros(size, np.uint8)
    for k in sorted(masks, key=lambda k: (masks[k].sum(), k), reverse=True):
        labels[masks[k]] = k
    return labels


def split_labels(
    labels: Integer[np.ndarray, "H W"], void: int | None = None
) -> Iterator[tuple[int, Bool[np.ndarray, "H W"]]]:
    """Each object in a label map with its mask, by id; ``void`` is a label of no object."""
    for label in np.flatnonzero(np.bincount(labels.ravel())).tolist():
        if label not in (0, void):
            yield label, labels == label


def read_labels(path: Path) -> UInt8[np.ndarray, "H W"]:
    """A PNG's labels by pixel: palette indices, or grey values as they are; one bit is 0 and 1.

    Read by FFmpeg, which takes half as long as Pillow and, asked to, finds damage that Pillow and
    OpenCV ignore. Pillow could read palettes too, OpenCV could not.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is damaged, or has colours that are not a palette's; the message names it.
    """
    codec = av.CodecContext.create("png", "r")
    codec.thread_count = 1  # several would delay the picture until the next one
    codec.options = {"err_detect": "crccheck+explode"}
    try:
        frames = codec.decode(av.Packet(path.read_bytes()))
    except FFmpegError as error:
        raise ValueError(f"{path} is not an undamaged PNG: {error.strerror}") from error
    labels = _labels(frames[0]) if frames else None
    if labels is None:
        raise ValueError(
            f"{path} holds no label map: give a PNG with a palette or 8-bit grey, not transparent"
        )
    return labels


def _labels(picture: av.VideoFrame) -> UInt8[np.ndarray, "H W"] | None:
    """The labels in a decoded PNG; None if it is neither palette nor grey."""
    name = picture.format.name
    if name == "gray":
        return picture.to_ndarray()
    if name == "pal8":
        indices, _ = picture.to_ndarray()
        return indices
    if name.startswith("mono"):
        return (picture.to_ndarray(format="gray") > 0).astype(np.uint8)
    if name in ("rgb24", "rgba"):  # grey, stored as colours
        red, green, blue, *alpha = np.moveaxis(picture.to_ndarray(), -1, 0)
        grey = (red == green).all() and (red == blue).all() and np.ptp(alpha or [0]) == 0
        return red.copy() if grey else None
    return None
