"""Clips for the tests of training, and a trainer of a tiny network."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from tiny import TINY

from sam2track.data.clips.clip import Clip
from sam2track.model.sam2 import SAM2
from sam2track.train.batches import StepBatches, step_batches
from sam2track.train.loop import Often
from sam2track.train.optimiser import Schedule
from sam2track.train.processes import Processes
from sam2track.train.prompting import PromptMix
from sam2track.train.rollout import Clips
from sam2track.train.trainer import Trainer

SIDE = 64
CHEAP = PromptMix(mask=0.4, box=0.3, click=0.3, anchors=1, corrected=2, correct=0.5, clicks=2)


class MovingSquares:
    """Two squares that move over noise; the second leaves after the first frame if ``leaving``."""

    def __init__(
        self, frames: int = 3, *, size: int = SIDE, objects: int = 2, leaving: bool = False
    ) -> None:
        self.frames, self.size, self.leaving = frames, size, leaving
        self.objects = max(objects, 2)

    def clip(self, rng: np.random.Generator, *, hardness: float = 1.0) -> Clip:
        size = self.size
        pictures = rng.integers(60, 90, (self.frames, size, size, 3), dtype=np.uint8)
        masks = np.zeros((self.frames, size, size), np.uint8)
        starts = rng.integers(0, size // 2, (2, 2))
        for frame in range(self.frames):
            for thing, colour in enumerate(((220, 30, 30), (30, 30, 220))):
                if thing and frame and self.leaving:
                    continue
                x, y = starts[thing] + [3 * frame, 0]
                area = np.s_[frame, y : y + size // 4, x : x + size // 4]
                pictures[area], masks[area] = colour, thing + 1
        return Clip(pictures, masks)


class Still(MovingSquares):
    """Always the same clip, its squares apart."""

    def clip(self, rng: np.random.Generator, *, hardness: float = 1.0) -> Clip:
        return super().clip(np.random.default_rng(8))


def tiny_trainer(*, steps: int = 6, seed: int = 0, model: SAM2 | None = None, **options) -> Trainer:
    """A trainer of the tiny network, alone on the CPU."""
    torch.manual_seed(seed)
    schedule = Schedule(rate=2e-3, steps=steps, warmup=1, decay=1)
    options = {"mix": CHEAP, "schedule": schedule, **options}
    return Trainer(
        model or SAM2(replace(TINY, **options.pop("variant", {}))),
        Processes("cpu"),
        **{"variant": "nano", **options},
    )


def batches(trainer: Trainer, source=None, *, clips: int = 2, accumulate: int = 1):
    """From the trainer's step to its last."""
    return step_batches(
        source or MovingSquares(),
        trainer.processes,
        clips=clips,
        accumulate=accumulate,
        start=trainer.step,
        stop=trainer.schedule.steps,
        seed=0,
    )


def batch_of(*, clips: int = 2, frames: int = 3, seed: int = 0, leaving: bool = False) -> Clips:
    """One batch."""
    trainer = tiny_trainer(steps=1)
    made: StepBatches = next(
        step_batches(
            MovingSquares(frames, leaving=leaving),
            trainer.processes,
            clips=clips,
            accumulate=1,
            start=seed,
            stop=seed + 1,
            seed=0,
        )
    )
    return made.parts[0]


OFTEN = Often(save=3, picture=0, evaluate=0)
