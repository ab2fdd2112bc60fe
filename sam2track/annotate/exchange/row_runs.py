"""Run lengths row by row inside the box of a mask, as CVAT and VOT store them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool

from ...masks import flat_runs, mask_box
from .untrusted import check_size, whole

PixelBox = tuple[int, int, int, int]  # x, y, width, height


def encode_rows(mask: Bool[np.ndarray, "H W"], least_width: int = 1) -> tuple[PixelBox, list[int]]:
    """The box of a mask, and the lengths of its runs in it, the first one of zeros; empty: 0.

    The box becomes ``least_width`` wide to the left, if there is room.
    """
    corners = mask_box(mask)
    if corners is None:
        return (0, 0, 0, 0), [0]
    x0, y0, x1, y1 = corners
    x0 = max(0, min(x0, x1 - least_width))
    return (x0, y0, x1 - x0, y1 - y0), flat_runs(mask[y0:y1, x0:x1].ravel())


def decode_rows(
    box: Sequence[object], runs: Sequence[object], size: tuple[int, int], where: str
) -> Bool[np.ndarray, "H W"]:
    """A mask of height and width ``size`` from the text of its box and runs."""
    x, y, width, height = (whole(value, f"{where}: its box") for value in box)
    lengths = [whole(value, f"{where}: a run") for value in runs]
    check_size(size, None, where)
    if x + width > size[1] or y + height > size[0]:
        raise ValueError(f"{where}: its box ends at {x + width}, {y + height}, outside the frame")
    # Tools leave out the last run if it is one of zeros.
    if sum(lengths) > width * height:
        raise ValueError(f"{where}: its runs cover {sum(lengths)} of {width * height} pixels")
    lengths.append(width * height - sum(lengths))
    values = np.arange(len(lengths)) % 2 == 1
    values[-1] = False
    mask = np.zeros(size, bool)
    mask[y : y + height, x : x + width] = np.repeat(values, lengths).reshape(height, width)
    return mask
