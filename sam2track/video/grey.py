"""Grey values of more than 8 bits, as microscopes and thermal cameras write them, become 8 bits."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import numpy as np
from jaxtyping import UInt8
from PIL import Image

_SAMPLED, _VALUES = 16, 1 << 20  # pictures, and values of each, that a range is taken from
_DARKEST, _BRIGHTEST = 0.01, 99.99  # percentiles: some pixels of a camera are always bright


class GreyRange:
    """The grey values that become black and white: the same for all pictures of a video.

    They are the 0.01th and the 99.99th percentile of 16 pictures spread over the video.

    Args:
        count: how many pictures the video has.
        read: a picture's grey values; None = it has at most 8 bits and is left out.
    """

    def __init__(self, count: int, read: Callable[[int], np.ndarray | None]) -> None:
        self.count, self.read = count, read

    @cached_property
    def limits(self) -> tuple[float, float]:
        """Black and white; found when it is first asked for."""
        places = np.unique(np.linspace(0, self.count - 1, _SAMPLED).astype(int)).tolist()
        found = []
        for values in map(self.read, places):
            if values is not None:
                # All values would take gigabytes of a large film.
                some = values.ravel()[:: -(-values.size // _VALUES)].astype(np.float32)
                found.append(some[np.isfinite(some)])
        if not any(map(len, found)):
            return 0.0, 1.0
        low, high = np.percentile(np.concatenate(found), (_DARKEST, _BRIGHTEST))
        return float(low), float(high)

    def as_rgb(self, values: np.ndarray) -> UInt8[np.ndarray, "H W 3"]:
        """A picture's grey values (H, W), of any kind, as RGB."""
        low, high = self.limits
        grey = (values.astype(np.float32) - low) * (255 / max(high - low, 1e-12))
        grey = np.clip(np.nan_to_num(grey), 0, 255).round().astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)


def deep_values(picture: Image.Image) -> np.ndarray | None:
    """The values (H, W) of a grey picture of more than 8 bits; None for others."""
    deep = picture.mode in ("I", "F") or picture.mode.startswith("I;")
    return np.asarray(picture) if deep else None
