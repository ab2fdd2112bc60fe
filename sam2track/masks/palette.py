"""The colours of objects by id: those of overlays, and those of palette PNGs."""

from __future__ import annotations

import colorsys
from functools import cache

import numpy as np
from jaxtyping import UInt8


@cache
def davis_palette() -> UInt8[np.ndarray, "256 3"]:
    """The colour map of DAVIS and PASCAL VOC: RGB by id, 0 = black.

    Each id's bits, taken in threes from the lowest, become the bits of red, green and blue from
    the highest, so that nearby ids get colours far apart.
    """
    ids = np.arange(256)
    palette = np.zeros((256, 3), np.uint8)
    for place in range(8):
        for channel in range(3):
            bit = (ids >> (3 * place + channel)) & 1
            palette[:, channel] |= (bit << (7 - place)).astype(np.uint8)
    palette.setflags(write=False)
    return palette


@cache
def object_colour(object_id: int) -> tuple[int, int, int]:
    """A bright RGB colour for overlays, as different as possible from those of nearby ids.

    The dark colours of the DAVIS map are hard to see on dark video. Here the hue turns by the
    golden angle from id to id, starting at azure, and every second turn is a little paler.
    """
    hue = (0.56 + 0.381966 * (object_id - 1)) % 1
    paler = (object_id - 1) // 8 % 2
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.55 if paler else 0.85, 1.0)
    return round(red * 255), round(green * 255), round(blue * 255)


def check_palette_id(object_id: int) -> None:
    """ValueError unless an object id fits a palette PNG."""
    if not 1 <= object_id <= 255:
        raise ValueError(
            f"object id {object_id} does not fit a palette PNG; use ids 1 to 255, or leave out "
            "the png sink"
        )
