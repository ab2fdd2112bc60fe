"""Steps of the trainer on synthetic clips: seconds, and peak memory of the device."""

from __future__ import annotations

import statistics
import time

import torch
from moving import MovingSquares

from sam2track.model.sam2 import SAM2
from sam2track.model.variants import Variant
from sam2track.prompts.simulated_user import PromptMix
from sam2track.train import (
    OptimiserOptions,
    Processes,
    RolloutOptions,
    TrackingUpdate,
    TrainingRun,
    step_batches,
)

STEPS = 4  # the first is not timed


def train_steps(
    variant: Variant,
    device: torch.device,
    *,
    clips: int,
    frames: int,
    precision: str,
    checkpointing: bool,
) -> tuple[str, str, str]:
    """Median seconds of a step, peak memory in GiB, and the last loss."""
    torch.manual_seed(0)
    processes = Processes(device)
    run = TrainingRun(
        SAM2(variant).to(device),
        processes,
        OptimiserOptions(steps=STEPS, warmup=1, decay=1, average=0.998),
        precision=torch.bfloat16 if precision == "bf16" else torch.float32,
    )
    mix = PromptMix(mask=0.6, box=0.2, click=0.2, anchors=1, corrected=2, correct=0.3, clicks=2)
    options = RolloutOptions(mix=mix, checkpointing=checkpointing)
    update = TrackingUpdate(run, options, variant="nano")
    batches = step_batches(
        MovingSquares(frames, size=variant.image_size),
        processes,
        clips=clips,
        accumulate=1,
        start=0,
        stop=STEPS,
        seed=0,
    )
    cuda, seconds, loss = device.type == "cuda", [], 0.0
    if cuda:
        torch.cuda.reset_peak_memory_stats(device)
    for batch in batches:
        start = time.perf_counter()
        loss = update.step(batch)["loss"]
        if cuda:
            torch.cuda.synchronize(device)
        seconds.append(time.perf_counter() - start)
    peak = torch.cuda.max_memory_allocated(device) / 2**30 if cuda else 0.0
    return f"{statistics.median(seconds[1:]):.3f}", f"{peak:.2f}", f"{loss:.3f}"
