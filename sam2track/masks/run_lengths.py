"""Masks as COCO run lengths: ``{"size": [height, width], "counts": ...}``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import cv2
import numpy as np
from jaxtyping import Bool, Int
from pycocotools import mask as coco


def encode_runs(
    mask: Bool[np.ndarray, "H W"], box: tuple[int, int, int, int] | None = None
) -> dict[str, Any]:
    """The run lengths of a mask, ``counts`` as a compressed string; JSON can hold them.

    Args:
        box: that of the mask, if it is known. Then only its columns are searched, which for a small
            object takes a third of the time.
    """
    height, width = mask.shape
    if box is None:
        # pycocotools wants column-major masks; OpenCV transposes faster than NumPy copies.
        runs = coco.encode(cv2.transpose(mask.view(np.uint8)).T)
    else:
        x0, _, x1, _ = box
        pixels = np.zeros((x1 - x0) * height + 2, np.uint8)  # by columns, between two zeros
        columns = np.ascontiguousarray(mask[:, x0:x1]).view(np.uint8)
        pixels[1:-1].reshape(x1 - x0, height)[:] = cv2.transpose(columns)
        edges = np.flatnonzero(pixels[1:] != pixels[:-1]) + x0 * height
        counts = np.diff(edges, prepend=0, append=height * width)
        counts = (counts if counts[-1] else counts[:-1]).tolist()
        uncompressed: Any = {"size": mask.shape, "counts": counts}
        runs = coco.frPyObjects(uncompressed, height, width)
    return {"size": runs["size"], "counts": str(cast(bytes, runs["counts"]), "ascii")}


def decode_runs(runs: Mapping[str, Any], where: str) -> Bool[np.ndarray, "H W"]:
    """A mask from its run lengths; arguments and errors as for :func:`pack_runs`."""
    return coco.decode(pack_runs(runs, where)).astype(bool)


def flat_runs(pixels: Bool[np.ndarray, " N"]) -> list[int]:
    """The lengths of runs that are off and on the object in turn; the first, off it, may be 0."""
    changes = np.flatnonzero(pixels[1:] != pixels[:-1]) + 1
    runs = np.diff(changes, prepend=0, append=len(pixels)).tolist()
    return [0, *runs] if pixels[0] else runs


def list_runs(counts: str) -> list[int]:
    """The lengths in a compressed string of :func:`encode_runs`, as COCO's ``counts`` in a list."""
    return _lengths(counts.encode()).tolist()


def pack_runs(runs: Mapping[str, Any], where: str) -> Any:
    """Run lengths in the form that pycocotools computes with.

    Args:
        runs: ``counts`` is a compressed string or a list of lengths.
        where: what an error message names.

    Raises:
        ValueError: if they hold no mask.
    """
    try:
        height, width = (int(side) for side in runs["size"])
        counts = runs["counts"]
        counts = counts.encode() if isinstance(counts, str) else counts
        packed: Any = {"size": [height, width], "counts": counts}
        if isinstance(counts, list):
            packed = coco.frPyObjects(packed, height, width)
        # pycocotools does not initialise the pixels that no run covers.
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

    From the fourth run on, the string holds the difference to the run two before it.
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
