"""Batches on the device, from clips with masks or from pictures without.

Item ``n`` of a run depends on the seed and ``n`` alone, and every process knows which items are its
own. A run that is resumed sees what an undisturbed one would.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import UInt8
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler, default_collate, get_worker_info

from ..data.clips.clip import ClipDataset, ClipSource
from .processes import Processes
from .rollout import Clips

ENDLESS = 10**12  # length of a dataset that is drawn at random


@dataclass(frozen=True, slots=True, eq=False)
class StepBatches:
    """The batches of one process in one step.

    Attributes:
        parts: as many batches as gradients are accumulated over.
        first: the index of each batch's first clip among all clips of the step.
        seconds: of CPU time that worker processes took to draw them.
    """

    parts: tuple[Clips, ...]
    first: tuple[int, ...]
    seconds: float


class _ProcessSampler(Sampler[list[int]]):
    """The items of one process: ``accumulate`` batches of ``size`` items in each step."""

    def __init__(
        self, processes: Processes, *, size: int, accumulate: int, start: int, stop: int
    ) -> None:
        self.size, self.steps = size, range(start, stop)
        parts = range(processes.index * accumulate, (processes.index + 1) * accumulate)
        self.first = tuple(part * size for part in parts)
        self.step_size = size * accumulate * processes.count  # items per step

    def __iter__(self) -> Iterator[list[int]]:
        for step in self.steps:
            for first in self.first:
                start = step * self.step_size + first
                yield list(range(start, start + self.size))


class _ItemsOrErrors(Dataset):
    """Items, or the error in place of one: an error in a worker must be told in one line."""

    def __init__(self, items: Dataset) -> None:
        self.items = items

    def __getitem__(self, index: int) -> Any:
        try:
            return self.items[index]
        except (ValueError, OSError) as error:
            return error


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
        source: draws clips.
        processes: that share them.
        clips: in a batch.
        accumulate: batches in a step.
        seed: of the clips.
        ramp: over the first so many steps, hardness grows to 1.
        hardness: 0..1, with which it begins.
        workers: processes that draw clips for this one; 0 = it does so itself.

    Raises:
        ValueError, OSError: if data is damaged; the message names the file.
    """
    sampler = _ProcessSampler(processes, size=clips, accumulate=accumulate, start=start, stop=stop)
    dataset = ClipDataset(
        source, length=ENDLESS, seed=seed, ramp=ramp * sampler.step_size, hardness=hardness
    )
    parts, seconds = [], 0.0
    for batch, spent in _load(dataset, sampler, processes, workers):
        moved = {name: t.to(processes.device, non_blocking=True) for name, t in batch.items()}
        parts.append(Clips(**moved))
        seconds += spent
        if len(parts) == accumulate:
            yield StepBatches(tuple(parts), sampler.first, seconds)
            parts, seconds = [], 0.0


def picture_batches(
    pictures: Dataset, processes: Processes, *, size: int, start: int, stop: int, workers: int = 0
) -> Iterator[UInt8[Tensor, "B 3 S S"]]:
    """``size`` pictures for this process in each step, from step ``start`` up to ``stop``.

    Raises:
        ValueError: if too many pictures cannot be read.
    """
    sampler = _ProcessSampler(processes, size=size, accumulate=1, start=start, stop=stop)
    for batch, _ in _load(pictures, sampler, processes, workers):
        yield batch.to(processes.device, non_blocking=True)


def _load(
    dataset: Dataset, sampler: _ProcessSampler, processes: Processes, workers: int
) -> Iterator[tuple[Any, float]]:
    """Each batch, and the CPU time that workers took for it; a worker's error is raised here."""
    loader = DataLoader(
        _ItemsOrErrors(dataset),
        batch_sampler=sampler,
        num_workers=workers,
        collate_fn=_collate,
        worker_init_fn=prepare_worker,
        pin_memory=processes.device.type == "cuda",
        generator=torch.Generator(),  # of its own: PyTorch's is part of the checkpoint
    )
    for batch, seconds in loader:
        if isinstance(batch, Exception):
            raise batch
        yield batch, seconds


def _collate(items: list[Any]) -> tuple[Any, float]:
    """Items as one batch, with the CPU time that this worker took since its last batch."""
    for item in items:
        if isinstance(item, Exception):
            return item, 0.0
    seconds, info = 0.0, get_worker_info()
    if info is not None:
        now = time.process_time()
        seconds = now - getattr(info.dataset, "counted", 0.0)
        info.dataset.counted = now  # type: ignore[attr-defined]
    return default_collate(items), seconds


def prepare_worker(_: int) -> None:
    """Let a data worker ignore signals; the trainer finishes its step and then ends the worker.

    A terminal's Ctrl-C and ``torchrun``'s SIGTERM reach the whole group of processes.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    torch.set_num_threads(1)
