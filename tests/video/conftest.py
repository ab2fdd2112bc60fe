"""Clips whose frames carry their own number, to see which frame a source really gave."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

HEIGHT, WIDTH, BITS, CELL = 48, 80, 8, 8


def _picture(number: int) -> np.ndarray:
    """Noise, and along the lower edge the bits of ``number`` as light and dark cells."""
    image = np.random.default_rng(0).integers(60, 120, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    image[4:20, number % 60 : number % 60 + 16] = (250, 40, 40)
    for bit in range(BITS):
        image[32:40, 8 + bit * CELL : 8 + (bit + 1) * CELL] = 255 if number >> bit & 1 else 0
    return image


def _number(image: np.ndarray) -> int:
    cells = [image[34:38, 10 + bit * CELL : 14 + bit * CELL].mean() for bit in range(BITS)]
    return sum(1 << bit for bit, light in enumerate(cells) if light > 127)


def _write(
    path: Path,
    count: int,
    *,
    ticks: list[int] | None = None,
    options: dict[str, str] | None = None,
) -> Path:
    """Encode ``count`` numbered frames; ``ticks`` are their times in milliseconds."""
    with av.open(str(path), "w", options=options or {}) as container:
        stream = container.add_stream("libx264", rate=25, options={"g": "12", "crf": "18"})
        stream.height, stream.width, stream.pix_fmt = HEIGHT, WIDTH, "yuv420p"
        base = Fraction(1, 25)
        if ticks is not None:
            base = stream.codec_context.time_base = Fraction(1, 1000)
        for index in range(count):
            picture = av.VideoFrame.from_ndarray(_picture(index), format="rgb24")
            picture.pts, picture.time_base = ticks[index] if ticks else index, base
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return path


@pytest.fixture(scope="session")
def picture() -> Callable[[int], np.ndarray]:
    return _picture


@pytest.fixture(scope="session")
def number() -> Callable[[np.ndarray], int]:
    return _number


@pytest.fixture(scope="session")
def write_clip() -> Callable[..., Path]:
    return _write


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty numbered frames with B-frames, the index at the front; five groups of pictures."""
    path = tmp_path_factory.mktemp("clips") / "clip.mp4"
    return _write(path, 60, options={"movflags": "+faststart"})
