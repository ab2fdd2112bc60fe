"""Grey values of more than 8 bits, as microscopes and thermal cameras write them, become 8 bits."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from jaxtyping import UInt8
from PIL import Image

_SAMPLED, _VALUES = 16, 1 << 20  # pictures, and values of each, that a range is taken from
_DARKEST, _BRIGHTEST = 0.01, 99.99  # percentiles: some pixels of a camera are always bright


class GreyRange:
    """The grey values that become black and white: the same for all pictures of a video.

    They are the 0.01th and the 99.99th percentile of 16 pictures spread over the video. If none of
    these has more than 8 bits, each picture that does has its own.

    Args:
        count: how many pictures the video has.
        read: a picture's grey values (H, W); None = it has at most 8 bits, or cannot be read.
    """

    def __init__(self, count: int, read: Callable[[int], np.ndarray | None]) -> None:
        self.count, self.read = count, read
        self._found: tuple[tuple[float, float] | None] | None = None

    def limits(self) -> tuple[float, float] | None:
        """Black and white; found when it is first asked for. None = each picture has its own."""
        if self._found is None:  # two threads may both find it, and find the same
            places = np.unique(np.linspace(0, self.count - 1, _SAMPLED).astype(int)).tolist()
            values = map(self.read, places)
            self._found = (_percentiles(own for own in values if own is not None),)
        return self._found[0]

    def as_grey(self, values: np.ndarray) -> UInt8[np.ndarray, "H W"]:
        """A picture's grey values, of any kind, in 0..255."""
        low, high = self.limits() or _percentiles([values]) or (0.0, 1.0)
        scale = 255 / (high - low) if high > low else 0.0
        with np.errstate(over="ignore", invalid="ignore"):
            grey = np.subtract(values, low, dtype=np.float32)
            grey *= scale
        np.nan_to_num(grey, copy=False, posinf=255, neginf=0)
        return np.clip(grey, 0, 255, out=grey).round(out=grey).astype(np.uint8)


EACH_ITS_OWN = GreyRange(0, lambda _: None)  # of pictures that belong to no video


def _percentiles(pictures: Iterable[np.ndarray]) -> tuple[float, float] | None:
    """Of the finite values of pictures; None if there are none."""
    found = []
    for values in pictures:
        # All values would take gigabytes of a large film.
        some = values.ravel()[:: max(1, -(-values.size // _VALUES))].astype(np.float64)
        found.append(some[np.isfinite(some)])
    if not any(map(len, found)):
        return None
    every = np.concatenate(found)
    low, high = np.percentile(every, (_DARKEST, _BRIGHTEST))
    if low == high:  # nearly all pixels are equal
        low, high = every.min(), every.max()
    return float(low), float(high)


def deep_values(picture: Image.Image) -> np.ndarray | None:
    """The values (H, W) of a grey picture of more than 8 bits; None for others."""
    deep = picture.mode in ("I", "F") or picture.mode.startswith("I;")
    return np.asarray(picture) if deep else None
