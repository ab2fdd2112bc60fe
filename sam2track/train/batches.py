"""From a source of clips to batches on the device.

Room: TRAIN. What enters: something that draws clips, and the step to begin at. What leaves: for
each step the batches of one process. Clip ``n`` of a run depends on the seed and ``n`` alone, and
every process knows which clips are its own: a run that goes on sees what an undisturbed one would.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Sampler, default_collate, get_worker_info

from ..data.clips.clip import Clip, ClipDataset, ClipSource
from .processes import Processes
from .rollout import Clips

ENDLESS = 10**12  # clips that a seed could draw


@dataclass(frozen=True, slots=True, eq=False)
class StepBatches:
    """What one process goes through in one step.

    Attributes:
        parts: as many batches as gradients are accumulated over.
        first: the place of each batch's first clip among all clips of the step.
        seconds: of CPU time that worker processes took to draw them.
    """

    parts: tuple[Clips, ...]
    first: tuple[int, ...]
    seconds: float


class Harder:
    """A source whose clips are at least so hard.

    Args:
        source: draws the clips.
        hardness: 0..1, where a ramp begins.

    Raises:
        ValueError: if the hardness is out of its range.
    """

    def __init__(self, source: ClipSource, hardness: float) -> None:
        if not 0 <= hardness <= 1:
            raise ValueError(f"hardness={hardness:g} is not within 0 and 1")
        self.source, self.hardness = source, hardness

    @property
    def objects(self) -> int:
        """Most objects in a clip."""
        return self.source.objects

    def clip(self, rng: np.random.Generator, *, hardness: float = 1.0) -> Clip:
        """A clip of the source's."""
        return self.source.clip(rng, hardness=self.hardness + (1 - self.hardness) * hardness)


class _Share(Sampler[list[int]]):
    """The clips of one process: a batch after the other, step after step."""

    def __init__(
        self, clips: int, accumulate: int, start: int, stop: int, processes: Processes
    ) -> None:
        self.clips, self.steps = clips, range(start, stop)
        parts = range(processes.index * accumulate, (processes.index + 1) * accumulate)
        self.first = tuple(part * clips for part in parts)
        self.each = clips * accumulate * processes.count  # clips a step

    def __iter__(self) -> Iterator[list[int]]:
        for step in self.steps:
            for first in self.first:
                start = step * self.each + first
                yield list(range(start, start + self.clips))


class _Told(Dataset):
    """Clips, or the error in place of one: what fails in a worker is to be told in one line."""

    def __init__(self, clips: ClipDataset) -> None:
        self.clips = clips

    def __getitem__(self, index: int) -> Any:
        try:
            return self.clips[index]
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
    workers: int = 0,
) -> Iterator[StepBatches]:
    """The batches of this process, from step ``start`` up to ``stop``.

    Args:
        source: draws clips.
        processes: who shares them.
        clips: in a batch.
        accumulate: batches in a step.
        seed: of the clips.
        ramp: over the first so many steps, hardness grows from 0 to 1.
        workers: processes that draw clips for this one; 0 = it does so itself.

    Raises:
        ValueError, OSError: if data is damaged; the message names the file.
    """
    share = _Share(clips, accumulate, start, stop, processes)
    dataset = ClipDataset(source, length=ENDLESS, seed=seed, ramp=ramp * share.each)
    loader = DataLoader(
        _Told(dataset),
        batch_sampler=share,
        num_workers=workers,
        collate_fn=_collate,
        worker_init_fn=prepare_worker,
        pin_memory=processes.device.type == "cuda",
        generator=torch.Generator(),  # of its own: PyTorch's is part of the checkpoint
    )
    parts, seconds = [], 0.0
    for batch in loader:
        if isinstance(batch, Exception):
            raise batch
        seconds += batch.pop("seconds")
        moved = {name: t.to(processes.device, non_blocking=True) for name, t in batch.items()}
        parts.append(Clips(**moved))
        if len(parts) == accumulate:
            yield StepBatches(tuple(parts), share.first, seconds)
            parts, seconds = [], 0.0


def _collate(items: list[Any]) -> Any:
    """Clips as one batch, with the CPU time that this worker took since its last."""
    for item in items:
        if isinstance(item, Exception):
            return item
    batch = default_collate(items)
    batch["seconds"] = 0.0
    info = get_worker_info()
    if info is not None:
        now = time.process_time()
        batch["seconds"] = now - getattr(info.dataset, "counted", 0.0)
        info.dataset.counted = now  # type: ignore[attr-defined]
    return batch


def prepare_worker(_: int) -> None:
    """A data worker leaves signals to the trainer, which finishes its step and then ends it.

    A terminal's Ctrl-C and ``torchrun``'s SIGTERM reach the whole group of processes.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    torch.set_num_threads(1)
