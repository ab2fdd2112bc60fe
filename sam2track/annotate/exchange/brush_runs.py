"""The bit stream in which Label Studio stores the masks of its brush.

A length of 32 bits, the size of a word, four sizes of run lengths; then runs (1, which size, length
- 1, the word) and single words. It holds each pixel four times, as RGBA, row by row.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool

from ...masks import flat_runs
from .untrusted import check_size

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
