"""Where automatic masks look: crops of the picture in layers, and a grid of points in each."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
from jaxtyping import Bool, Float, Int

Box = tuple[int, int, int, int]  # x0, y0, x1, y1 in pixels of the picture, far edges exclusive
NEAR = 20  # pixels


def layered_crops(size: tuple[int, int], layers: int, overlap: float) -> list[tuple[Box, int]]:
    """The whole picture, then the crops of each layer; each with the number of its layer.

    Layer n has 2**n x 2**n crops, column by column. They share ``overlap`` of the picture's shorter
    side with their neighbours in the first layer, half as much in the second, and so on.

    Args:
        size: height and width of the picture.
        layers: how many, besides the whole picture.
    """
    height, width = size
    crops = [((0, 0, width, height), 0)]
    for layer in range(1, layers + 1):
        count = 2**layer
        shared = int(overlap * min(size) * (2 / count))
        across, down = (
            math.ceil((shared * (count - 1) + side) / count) for side in (width, height)
        )
        for column, row in product(range(count), repeat=2):
            x0, y0 = column * (across - shared), row * (down - shared)
            crop = x0, y0, min(x0 + across, width), min(y0 + down, height)
            if x0 < width and y0 < height:  # else the picture is smaller than the crops are many
                crops.append((crop, layer))
    return crops


def point_grid(side: int) -> Float[np.ndarray, "P 2"]:
    """``side`` x ``side`` points ``(x, y)`` in the middle of equal cells of the unit square."""
    places = (np.arange(side) + 0.5) / side
    x, y = np.meshgrid(places, places)
    return np.stack((x, y), axis=-1).reshape(-1, 2)


def cut_off(
    boxes: Int[np.ndarray, "N 4"], crop: Box, size: tuple[int, int]
) -> Bool[np.ndarray, " N"]:
    """Which boxes end near an edge of the crop that is not an edge of the picture.

    Such an object goes on outside the crop, and another crop, or the whole picture, shows it all.

    Args:
        boxes: first and last column and row of masks, ``(x0, y0, x1, y1)`` in the picture.
        size: height and width of the picture.
    """
    picture = (0, 0, size[1], size[0])
    near_crop, near_picture = (np.abs(boxes - np.array(own)) <= NEAR for own in (crop, picture))
    return np.any(near_crop & ~near_picture, axis=1)
