"""Masks on disk and in memory: PNGs of object ids, run lengths, and what they have in common.

Room: DATA. Files and run lengths enter, label maps and masks leave.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.error import FFmpegError
from jaxtyping import Bool, Int, UInt8
from pycocotools import mask as coco


def flatten(
    masks: Mapping[int, Bool[np.ndarray, "H W"]], size: tuple[int, int]
) -> UInt8[np.ndarray, "H W"]:
    """Masks as one label map: at each pixel the id of the smallest object there, 0 = none.

    So a part shows on its whole; of two that are equally large the lower id shows.

    Args:
        masks: with ids 1 to 255.
        size: their height and width.
    """
    labels = np.zeros(size, np.uint8)
    for k in sorted(masks, key=lambda k: (masks[k].sum(), k), reverse=True):
        labels[masks[k]] = k
    return labels


def decode_runs(runs: Mapping[str, Any], where: str) -> Bool[np.ndarray, "H W"]:
    """A mask from COCO run lengths ``{"size": [height, width], "counts": ...}``.

    Args:
        runs: ``counts`` is a compressed string or a list of lengths.
        where: what to name in a message.

    Raises:
        ValueError: if they hold no mask.
    """
    return coco.decode(pack_runs(runs, where)).astype(bool)


def pack_runs(runs: Mapping[str, Any], where: str) -> Any:
    """Run lengths in the form that pycocotools computes with.

    Raises:
        ValueError: if they hold no mask.
    """
    try:
        height, width = (int(side) for side in runs["size"])
        counts = runs["counts"]
        if isinstance(counts, list):
            packed: Any = {"size": [height, width], "counts": counts}
            packed = coco.frPyObjects(packed, height, width)
        else:
            counts = counts.encode() if isinstance(counts, str) else counts
            packed = {"size": [height, width], "counts": counts}
        # pycocotools leaves what is not covered as it was in memory.
        covered = int(_lengths(packed["counts"]).sum())
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise ValueError(f"{where} holds no run-length mask: {error!r}") from error
    if covered != height * width:
        raise ValueError(
            f"{where}: its runs cover {covered} pixels, but {width}x{height} has {height * width}; "
            "it is damaged, copy it again"
        )
    return packed


def _lengths(counts: bytes) -> Int[np.ndarray, " N"]:
    """The run lengths in COCO's string: base-32 digits, low ones first, 48 added to each.

    From the fourth on, what is stored is how much longer a run is than the one two before.
    """
    digits = np.frombuffer(counts, np.uint8).astype(np.int64) - 48
    last = np.flatnonzero(digits & 32 == 0)  # of each number
    if not len(last) or last[-1] != len(digits) - 1:
        raise ValueError("the string is empty or stops in the middle of a number")
    first = np.r_[0, last[:-1] + 1]
    sizes = last - first + 1
    if sizes.max() > 8:
        raise ValueError("a number is too long")
    place = np.arange(len(digits)) - np.repeat(first, sizes)
    numbers = np.add.reduceat((digits & 31) << 5 * place, first)
    numbers -= (digits[last] >> 4 & 1) << 5 * sizes  # negative ones
    numbers[1::2] = np.cumsum(numbers[1::2])
    numbers[2::2] = np.cumsum(numbers[2::2])
    if (numbers < 0).any():
        raise ValueError("a run of negative length")
    return numbers


def read_labels(path: Path) -> UInt8[np.ndarray, "H W"]:
    """A PNG's labels by pixel: palette indices, or grey values as they are; one bit is 0 and 1.

    Read by FFmpeg, which takes half as long as Pillow and, asked to, finds damage that Pillow and
    OpenCV pass over. Pillow would also do for palettes, OpenCV would not.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is damaged, or has colours that are not a palette's; the message names it.
    """
    codec = av.CodecContext.create("png", "r")
    codec.thread_count = 1  # several would hold the picture back, waiting for the next
    codec.options = {"err_detect": "crccheck+explode"}
    try:
        frames = codec.decode(av.Packet(path.read_bytes()))
    except FFmpegError as error:
        raise ValueError(f"{path} is not an undamaged PNG: {error.strerror}") from error
    labels = _labels(frames[0]) if frames else None
    if labels is None:
        raise ValueError(f"{path} holds no label map: give a PNG with a palette or 8-bit grey")
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
        red, green, blue = np.moveaxis(picture.to_ndarray()[..., :3], -1, 0)
        return red.copy() if (red == green).all() and (red == blue).all() else None
    return None
