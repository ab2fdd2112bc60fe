"""Batches on the device, from clips with masks or from pictures without.

Item ``n`` of a run depends only on the seed and ``n``, and every process knows its own items. A
resumed run gets the same items as a run without interruption. Data that is damaged raises
ValueError or OSError, whose message names the file.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch
from jaxtyping import UInt8
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, default_collate

from ..data.clips.clip import ClipDataset, ClipSource
from .processes import Processes
from .rollout import Clips

ENDLESS = 10**12  # length of a dataset that is drawn at random


@dataclass(frozen=True, slots=True, eq=False)
class StepBatches:
    """The batches of one process in one step."""

    parts: tuple[Clips, ...]  # as many batches as gradients are accumulated over
    first: tuple[int, ...]  # the index of each batch's first clip among all clips of the step
    seconds: float  # of CPU time to draw them


@dataclass(frozen=True, eq=False)
class _TimedBatches(Dataset):
    """Batches by the indices of their items, and the CPU time to draw each.

    A batch may be replaced by an error: if a worker raised it, it would come with a traceback.
    """

    items: Dataset

    def __getitem__(self, indices: range) -> tuple[Any, float]:
        start = time.process_time()
        try:
            batch = default_collate([self.items[index] for index in indices])
        except (ValueError, OSError) as error:
            batch = error
        return batch, time.process_time() - start


def step_batches(
    source: ClipSource,
    processes: Processes,
    *,
    clips: int,
    accumulate: int,
    start: int,
    stop: int,
    seed: int,
    ramp: int = 0,
    hardness: float = 0.0,
    workers: int = 0,
) -> Iterator[StepBatches]:
    """Clips for this process, from step ``start`` up to ``stop``.

    Args:
        clips, accumulate: clips in a batch, batches in a step.
        ramp: number of steps over which the clips' hardness grows from ``hardness`` (0..1) to 1.
        workers: processes that draw clips for this one; 0 = none.
    """
    each = clips * accumulate * processes.count  # clips per step
    first = tuple((processes.index * accumulate + part) * clips for part in range(accumulate))
    starts = (step * each + offset for step in range(start, stop) for offset in first)
    dataset = ClipDataset(source, length=ENDLESS, seed=seed, ramp=ramp * each, hardness=hardness)
    loaded = _load(dataset, starts, clips, processes, workers)
    for _ in range(start, stop):
        drawn = [(Clips(**batch), spent) for batch, spent in islice(loaded, accumulate)]
        parts, seconds = zip(*drawn, strict=True)
        yield StepBatches(parts, first, sum(seconds))


def picture_batches(
    pictures: Dataset, processes: Processes, *, size: int, start: int, stop: int, workers: int = 0
) -> Iterator[UInt8[Tensor, "B 3 S S"]]:
    """``size`` pictures for this process in each step, from step ``start`` up to ``stop``."""
    starts = ((step * processes.count + processes.index) * size for step in range(start, stop))
    return (batch for batch, _ in _load(pictures, starts, size, processes, workers))


def _load(
    dataset: Dataset, starts: Iterable[int], size: int, processes: Processes, workers: int
) -> Iterator[tuple[Any, float]]:
    """Batches of ``size`` items that begin at ``starts``, and the CPU time to draw each."""
    from accelerate.utils import send_to_device

    loader = DataLoader(
        _TimedBatches(dataset),
        batch_size=None,
        sampler=(range(start, start + size) for start in starts),
        num_workers=workers,
        worker_init_fn=prepare_worker,
        pin_memory=processes.device.type == "cuda",
        generator=torch.Generator(),  # a separate generator: PyTorch's is part of the checkpoint
    )
    for batch, seconds in loader:
        if isinstance(batch, Exception):
            raise batch
        yield send_to_device(batch, processes.device, non_blocking=True), seconds


def prepare_worker(_: int) -> None:
    """Let a data worker ignore signals; the trainer ends it after its step.

    A terminal's Ctrl-C and ``torchrun``'s SIGTERM are sent to the whole group of processes.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    torch.set_num_threads(1)
