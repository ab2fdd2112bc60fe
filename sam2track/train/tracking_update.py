"""Training of the tracker, one step at a time: batches of clips go in, weights come out.

``weights.safetensors`` holds the averaged weights of the last step, ``best.safetensors`` those with
the best score on held-out video.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8

from ..data.readers.sequence import MaskSequence
from ..model.checkpoint import save_weights
from ..model.sam2 import SAM2
from ..prompts.training_prompts import PromptMix
from .batches import StepBatches
from .checkpoints import WEIGHTS, saving
from .evaluation import Score, score_sequences
from .report import write_report
from .rollout import Rollout
from .rollout_picture import draw_rollout
from .step_statistics import log_entry, sum_statistics
from .training_run import TrainingRun

BEST = "best.safetensors"


class TrackingUpdate:
    """Training on clips with a simulated user, as an :class:`sam2track.train.loop.Update`.

    Args:
        run: the tracker in training.
        variant: the name under which weights are saved.
        mix: which prompts the simulated user gives.
        average: decay of the averaged weights (EMA), which are what is scored and saved.
        stride: at which masks are compared with the truth.
        checkpointing: trade time for memory, see :class:`sam2track.train.rollout.Rollout`.
        seed: of prompts.
    """

    def __init__(
        self,
        run: TrainingRun[SAM2],
        *,
        variant: str,
        mix: PromptMix,
        average: float = 0.998,
        stride: int = 2,
        checkpointing: bool = False,
        seed: int = 0,
    ) -> None:
        self.run, self.variant, self.mix, self.seed = run, variant, mix, seed
        self.average, self.stride, self.checkpointing = average, stride, checkpointing
        self.averaged = copy.deepcopy(run.model).eval().requires_grad_(False)
        self.averaged.precision = run.precision
        self.core_seconds = 0.0
        self.best: dict[str, Any] | None = None
        self.rollout: Rollout | None = None  # the last one

    def step(self, batch: StepBatches) -> dict[str, Any]:
        """One step on this process's clips.

        Every row of every step of the interaction has the same weight: losses and gradients are
        sums until they are divided by the number of rows in all batches and processes.
        """
        spent, rate = time.process_time(), self.run.begin_step()
        self.run.model.train()
        sums, fault = [], "another process's loss"
        for clips, first in zip(batch.parts, batch.first, strict=True):
            with self.run.autocast():
                self.rollout = Rollout(
                    self.run.model,
                    clips,
                    self.mix,
                    seed=(self.seed, self.run.step),
                    first=first,
                    stride=self.stride,
                    checkpointing=self.checkpointing,
                )
                loss = self.rollout.run()
            if loss.requires_grad:  # otherwise these clips show no object
                loss.backward()
            if not torch.isfinite(loss):
                fault = self.rollout.first_fault()
            sums.append(sum_statistics(self.rollout))
        own = torch.stack(sums).sum(0)
        own[-1] = time.process_time() - spent + batch.seconds
        total = self.run.processes.sum(own)
        self.run.check_finite(total, fault)  # the sum: so that all processes stop at once
        norm = self.run.end_step(total[1].clamp(min=1).float())
        self._update_average()
        self.core_seconds += total[-1].item()
        return log_entry(self.run.step, total, norm, rate)

    @torch.no_grad()
    def _update_average(self) -> None:
        """Average the weights, over fewer steps at first, so that the first weights fade soon."""
        decay = min(self.average, self.run.step / (9 + self.run.step))
        weights = zip(self.averaged.parameters(), self.run.model.parameters(), strict=True)
        for mean, value in weights:
            mean.lerp_(value, 1 - decay)

    def picture(self) -> UInt8[np.ndarray, "H W 3"] | None:
        """Prompts, predictions and true masks of the last batch."""
        shown = self.rollout is not None and len(self.rollout.rows)
        return draw_rollout(self.rollout) if shown else None

    def evaluate(
        self, sequences: Sequence[MaskSequence], out: Path, *, prompt: str = "mask"
    ) -> dict[str, float]:
        """Score the averaged weights on objects that begin with a prompt; the best are kept."""
        score = score_sequences(self.averaged, sequences, self.run.processes, prompt=prompt)
        self.keep_best(score, out, prompt=prompt)
        return asdict(score)

    def keep_best(self, score: Score, out: Path, *, prompt: str = "mask") -> None:
        """Keep the averaged weights if none had a better score with this prompt."""
        best = self.best
        if best is not None and best["prompt"] != prompt:
            best = None  # scores with different prompts cannot be compared
        if best is None or score.j_and_f > (best["j"] + best["f"]) / 2:
            self.best = {"step": self.run.step, "prompt": prompt, **asdict(score)}
            if self.run.processes.main:
                with saving(self.run.step, out):
                    save_weights(self.averaged, out / BEST, self.variant, self.run.facts())

    def state(self) -> dict[str, Any]:
        """The averaged weights, CPU time, and the best score."""
        averaged = self.averaged.state_dict()
        return {"averaged": averaged, "core_seconds": self.core_seconds, "best": self.best}

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on from :meth:`state`."""
        self.averaged.load_state_dict(state["averaged"])
        self.core_seconds, best = state["core_seconds"], state["best"]
        self.best = best and {"prompt": "mask", **best}  # older runs had no other prompt

    def write_results(self, out: Path) -> None:
        """Write the averaged weights, the learning curve and the model card."""
        save_weights(self.averaged, out / WEIGHTS, self.variant, self.run.facts())
        write_report(
            out, self.run, variant=self.variant, core_seconds=self.core_seconds, best=self.best
        )
