"""Reads the annotation files of box datasets: one object in one file, one line for each frame.

A line holds a rectangle ``x,y,width,height``, a polygon ``x1,y1,x2,y2,...``, a mask
``m x0,y0,width,height,run,run,...`` (alternating runs of 0 and 1, row by row inside the rectangle),
or a single number (VOT's code for "absent" or "unknown").
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from jaxtyping import Float

from ...masks import mask_box


def read_complete(path: Path) -> str:
    """A file's text, without spaces around it; FileNotFoundError if there is no such file."""
    if not path.is_file():
        raise FileNotFoundError(f"no {path}: the sequence is not complete, unpack it again")
    return path.read_text().strip()


def read_regions(path: Path) -> Float[np.ndarray, "T 4"]:
    """The bounding box (x, y, width, height) of each line; NaN where there is none.

    Numbers may be separated by commas, tabs or spaces, even in one file, as in OTB.
    """
    boxes = []
    for number, line in enumerate(read_complete(path).splitlines(), 1):
        try:
            boxes.append(_box(line.strip()))
        except ValueError as error:
            raise ValueError(
                f"{path}, line {number}: {line[:60]!r} is no rectangle, polygon or mask ({error})"
            ) from error
    if not boxes:
        raise ValueError(f"{path} is empty: it should hold one box per line")
    return np.array(boxes)


def _box(line: str) -> list[float]:
    """The box around one region."""
    absent = [float("nan")] * 4
    if line.startswith("m"):
        return _mask_box([int(text) for text in re.split(r"[,\s]+", line[1:].strip())]) or absent
    numbers = [float(text) for text in re.split(r"[,\s]+", line)]
    if len(numbers) == 1 or np.isnan(numbers).any():
        return absent
    if len(numbers) == 4:
        return numbers if min(numbers[2:]) > 0 else absent
    if len(numbers) < 6 or len(numbers) % 2:
        raise ValueError(f"{len(numbers)} numbers")
    x, y = numbers[::2], numbers[1::2]
    return [min(x), min(y), max(x) - min(x), max(y) - min(y)]


def _mask_box(numbers: list[int]) -> list[float]:
    """The box around a mask's pixels; empty if it has none."""
    x, y, width, height, *runs = numbers
    if sum(runs) > width * height:
        raise ValueError(f"runs of {sum(runs)} pixels in {width} x {height}")
    inside = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    inside = np.pad(inside, (0, width * height - len(inside))).reshape(height, width)
    x0, y0, x1, y1 = mask_box(inside) or (0, 0, 0, 0)
    return [float(x + x0), float(y + y0), float(x1 - x0), float(y1 - y0)] if x1 else []
