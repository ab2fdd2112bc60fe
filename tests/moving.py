"""Clips for the tests of training, and training of a tiny network."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from tiny import TINY

from sam2track.data.clips.clip import Clip
from sam2track.model.sam2 import SAM2
from sam2track.prompts.simulated_user import PromptMix
from sam2track.train import (
    OptimiserOptions,
    Processes,
    RolloutOptions,
    TrackingUpdate,
    TrainingRun,
    step_batches,
)
from sam2track.train.batches import StepBatches
from sam2track.train.rollout import Clips

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


def tiny_update(
    *,
    steps: int = 6,
    seed: int = 0,
    variant: dict | None = None,
    settings: dict | None = None,
    precision: torch.dtype = torch.float32,
    optimiser: dict | None = None,
    **options,
) -> TrackingUpdate:
    """Training of the tiny network, alone on the CPU."""
    torch.manual_seed(seed)
    rates = {"rate": 2e-3, "steps": steps, "warmup": 1, "decay": 1, "trunk_rate": 0.15}
    trained = {**rates, "betas": (0.9, 0.98), "average": 0.998}
    run = TrainingRun(
        SAM2(replace(TINY, **(variant or {}))),
        Processes("cpu"),
        OptimiserOptions(**{**trained, **(optimiser or {})}),
        precision=precision,
        settings=settings,
    )
    return TrackingUpdate(run, RolloutOptions(**{"mix": CHEAP, **options}), variant="nano")


def batches(update: TrackingUpdate, source=None, *, clips: int = 2, accumulate: int = 1):
    """From the run's step to its last."""
    return step_batches(
        source or MovingSquares(),
        update.run.processes,
        clips=clips,
        accumulate=accumulate,
        start=update.run.step,
        stop=update.run.options.steps,
        seed=0,
    )


def batch_of(*, clips: int = 2, frames: int = 3, seed: int = 0, leaving: bool = False) -> Clips:
    """One batch."""
    made: StepBatches = next(
        step_batches(
            MovingSquares(frames, leaving=leaving),
            Processes("cpu"),
            clips=clips,
            accumulate=1,
            start=seed,
            stop=seed + 1,
            seed=0,
        )
    )
    return made.parts[0]
