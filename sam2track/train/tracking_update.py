"""Training of the tracker, one step at a time: from batches of clips.

``weights.safetensors`` holds the averaged weights of the last step, ``best.safetensors`` those with
the best score on held-out video.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float64, UInt8
from torch import Tensor

from ..data.readers.sequence import MaskSequence
from ..model.sam2 import SAM2
from ..model.weights import save_weights
from .batches import StepBatches
from .evaluation import Score, score_sequences
from .log import write_report
from .losses import LOSS_TERMS
from .rollout import Rollout, RolloutOptions
from .rollout_picture import draw_rollout
from .training_run import WEIGHTS, TrainingRun, saving

MEANS = ("loss", "focal", "dice", "iou_loss", "presence", "iou", "last_iou", "prompt_iou")


class TrackingUpdate:
    """Training on clips with a simulated user, as an :class:`sam2track.train.loop.Update`.

    Args:
        run: the tracker in training, with averaged weights; these are scored and saved.
        options: of each pass over a batch.
        variant: the name under which weights are saved.
        seed: of prompts.
    """

    def __init__(
        self, run: TrainingRun[SAM2], options: RolloutOptions, *, variant: str, seed: int = 0
    ) -> None:
        assert run.averaged is not None
        self.run, self.options, self.variant, self.seed = run, options, variant, seed
        self.averaged = run.averaged
        self.averaged.precision = run.precision
        self.rollout: Rollout | None = None  # the last one

    def step(self, batch: StepBatches) -> dict[str, Any]:
        """One step on this process's clips; in the log's entry, None = not measured.

        Every row of every step of the interaction has the same weight: losses and gradients are
        sums until they are divided by the number of rows in all batches and processes.
        """
        run, spent = self.run, time.process_time()
        rate = run.begin_step()
        run.model.train()
        sums, fault = [], "another process's loss"
        for clips, first in zip(batch.parts, batch.first, strict=True):
            seed = (self.seed, run.step)
            with run.autocast():
                rollout = Rollout(run.model, clips, self.options, seed=seed, first=first)
                self.rollout, loss = rollout, rollout.run()
            if loss.requires_grad:  # otherwise these clips show no object
                loss.backward()
            if not torch.isfinite(loss):
                fault = rollout.first_fault()
            sums.append(_sums_and_counts(rollout))
        own = torch.stack(sums).sum(0)
        own[-1, 0] = time.process_time() - spent + batch.seconds
        total = run.processes.sum(own)
        run.check_finite(total, fault)  # the sum, so that all processes stop at the same step
        norm = run.end_step(total[0, 1].clamp(min=1).float())
        *pairs, (rows, _), (seconds, _) = total.tolist()
        run.core_seconds += seconds
        means = {
            name: round(value / count, 5) if count else None
            for name, (value, count) in zip(MEANS, pairs, strict=True)
        }
        return {
            "step": run.step,
            **means,
            "loss": means["loss"] or 0.0,
            "norm": round(norm, 4),
            "rate": rate,
            "rows": int(rows),
            "core_seconds": round(seconds, 2),
        }

    def picture(self) -> UInt8[np.ndarray, "H W 3"] | None:
        """Prompts, predictions and true masks of the last batch, if it shows an object."""
        return draw_rollout(self.rollout) if self.rollout and len(self.rollout.rows) else None

    def evaluate(
        self, sequences: Sequence[MaskSequence], out: Path, *, prompt: str = "mask"
    ) -> dict[str, float]:
        """Score the averaged weights on prompted objects; the best are saved."""
        score = score_sequences(self.averaged, sequences, self.run.processes, prompt=prompt)
        self.keep_best(score, out, prompt=prompt)
        return asdict(score)

    def keep_best(self, score: Score, out: Path, *, prompt: str = "mask") -> None:
        """Save the averaged weights if their score is the best so far with the same prompt."""
        best, run = self.run.best, self.run
        if best and best["prompt"] == prompt and not score.j_and_f > (best["j"] + best["f"]) / 2:
            return
        run.best = {"step": run.step, "prompt": prompt, **asdict(score)}
        if run.processes.main:
            with saving(run.step, out):
                self._save_weights(out / "best.safetensors")

    def write_results(self, out: Path) -> None:
        """Write the averaged weights, the learning curve and the model card."""
        self._save_weights(out / WEIGHTS)
        write_report(out, self.run, self.variant)

    def _save_weights(self, path: Path) -> None:
        save_weights(self.averaged, path, self.variant, self.run.metadata())


def _sums_and_counts(rollout: Rollout) -> Float64[Tensor, "10 2"]:
    """Sum and count of each of ``MEANS``; then ``(rows, 0)`` and ``(0, 0)``, for the CPU time."""
    losses = [losses for _, losses in rollout.losses]
    terms = [[getattr(each, term) for each in losses] for term in LOSS_TERMS]
    ious = (rollout.ious, rollout.ious[-1:], rollout.prompted_ious)
    sums = []
    for values in ([each.total() for each in losses], *terms, *ious):
        joined = torch.cat(values).detach().double() if values else torch.zeros(0)
        sums.append([float(joined.sum()), float(len(joined))])
    sums += [[float(len(rollout.rows)), 0.0], [0.0, 0.0]]
    return torch.tensor(sums, dtype=torch.float64, device=rollout.rows.device)
