"""Run lengths as other tools store them, beside COCO's.

Label Studio's brush: a stream of bits. A length of 32 bits, the size of a word, four sizes of run
lengths; then runs (1, which size, length - 1, the word) and single words. It holds each pixel four
times, as RGBA, row by row. CVAT and VOT: runs row by row inside the box of a mask.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool

from ...masks import flat_runs, mask_box
from .untrusted import check_size, whole

WORD = 8
SIZES = (3, 4, 8, 16)  # bits of a run length
CHANNELS = 4


def encode_brush(mask: Bool[np.ndarray, "H W"]) -> list[int]:
    """The bytes of a mask, 255 on the object."""
    parts = [f"{mask.size * CHANNELS:032b}{WORD - 1:05b}", *(f"{size - 1:04b}" for size in SIZES)]
    for number, length in enumerate(flat_runs(mask.ravel())):
        word, length = "01"[number % 2] * WORD, length * CHANNELS
        while length:
            run = min(length, 1 << SIZES[-1])
            place = next(k for k, size in enumerate(SIZES) if run <= 1 << size)
            parts.append(f"1{place:02b}{run - 1:0{SIZES[place]}b}{word}")
            length -= run
    bits = "".join(parts)
    bits += "0" * (-len(bits) % 8)
    return list(int(bits, 2).to_bytes(len(bits) // 8, "big"))


def decode_brush(
    stream: Sequence[object], size: tuple[int, int], where: str
) -> Bool[np.ndarray, "H W"]:
    """The mask of a stream: pixels whose last channel is above 0."""
    check_size(size, None, where)
    try:
        bits = _Bits(np.unpackbits(np.array(stream, np.uint8)), where)
    except (ValueError, TypeError, OverflowError):
        raise ValueError(f"{where}: 'rle' is not a list of bytes 0..255") from None
    total, word = bits.take(32), bits.take(5) + 1
    sizes = [bits.take(4) + 1 for _ in SIZES]
    if total != size[0] * size[1] * CHANNELS:
        raise ValueError(f"{where}: it holds {total} values, not 4 for each pixel of {size}")
    values: np.ndarray = np.zeros((size[0] * size[1], CHANNELS), bool)
    flat = values.ravel()
    place = 0
    while place < total:
        is_run, stop = bits.take(1), place + 1 + bits.take(sizes[bits.take(2)])
        if stop > total:
            raise ValueError(f"{where}: its runs are longer than the picture")
        if is_run:
            flat[place:stop] = bits.take(word) > 0
        else:
            flat[place:stop] = bits.words(stop - place, word)
        place = stop
    return values[:, -1].reshape(size)


class _Bits:
    """Whole numbers from a row of bits."""

    def __init__(self, bits: np.ndarray, where: str) -> None:
        self._bits, self._where, self._place = bits, where, 0
        self._text = (bits + 48).tobytes().decode("ascii")

    def take(self, count: int) -> int:
        """The next number of ``count`` bits."""
        if self._place + count > len(self._text):
            raise ValueError(f"{self._where}: its stream is cut off")
        self._place += count
        return int(self._text[self._place - count : self._place], 2)

    def words(self, count: int, size: int) -> np.ndarray:
        """Whether each of the next ``count`` words is above 0."""
        if self._place + count * size > len(self._text):
            raise ValueError(f"{self._where}: its stream is cut off")
        part = self._bits[self._place : self._place + count * size]
        self._place += count * size
        return part.reshape(count, size).max(1) > 0


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
