"""Results by hand, and a disk that is full."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import pytest
import torch

from sam2track.types import Frame, FrameResult

HEIGHT, WIDTH = 60, 96


def _tracked(
    index: int,
    masks: Mapping[int, np.ndarray] | None = None,
    *,
    size: tuple[int, int] = (HEIGHT, WIDTH),
    score: float = 0.5,
    name: str | None = None,
) -> tuple[Frame, FrameResult]:
    """A frame of noise and a result; without masks, object 1 is a square that moves right."""
    height, width = size
    if masks is None:
        square = np.zeros(size, bool)
        square[10:30, 5 + index % 50 : 25 + index % 50] = True
        masks = {1: square}
    stack = torch.from_numpy(np.array(list(masks.values()), bool).reshape(-1, height, width))
    owner = torch.full(size, -1)
    for place in range(len(masks)):
        owner[stack[place]] = place
    count = len(masks)
    result = FrameResult(
        index,
        tuple(masks),
        stack,
        owner,
        torch.full((count,), score),
        torch.full((count,), 5.0),
        torch.zeros(count, 4, 4),
    )
    image = np.random.default_rng(index).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Frame(index, image, name=name), result


@pytest.fixture(scope="session")
def tracked() -> Callable[..., tuple[Frame, FrameResult]]:
    return _tracked


@pytest.fixture
def full_disk() -> Callable[[int], object]:
    """A context in which no file grows beyond some bytes: the kernel itself refuses the rest."""

    @contextmanager
    def limited(room: int) -> Iterator[None]:
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    return limited
