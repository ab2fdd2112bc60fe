"""The training loop: an optimiser, a schedule, averaged weights, and checkpoints to resume from."""

from __future__ import annotations

import copy
import json
import math
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from ..device import autocast
from ..model.checkpoint import save_weights
from ..model.sam2 import SAM2
from .rollout import Clips, PromptMix, Rollout


@dataclass(frozen=True, slots=True)
class Schedule:
    """The learning rate by step: a warm-up, a plateau, a cosine to a hundredth."""

    rate: float = 8e-4
    steps: int = 2000
    warmup: int = 100
    decay: int = 800

    def __call__(self, step: int) -> float:
        """The rate at a step, from 0."""
        rising = min(1.0, (step + 1) / self.warmup)
        left = min(1.0, max(0.0, (self.steps - step) / self.decay))
        return self.rate * rising * (0.01 + 0.99 * (0.5 - 0.5 * math.cos(math.pi * left)))


def parameter_groups(
    model: SAM2, *, trunk_rate: float, weight_decay: float, frozen: tuple[str, ...]
) -> list[dict]:
    """Parameters for the optimiser: the trunk at ``trunk_rate`` of the rate, no decay of vectors.

    Parameters whose name starts with one of ``frozen`` are not trained.
    """
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(not name.startswith(frozen) if frozen else True)
        if parameter.requires_grad:
            scale = trunk_rate if name.startswith("trunk.") else 1.0
            decay = weight_decay if parameter.ndim > 1 else 0.0
            groups.setdefault((scale, decay), []).append(parameter)
    return [
        {"params": parameters, "scale": scale, "weight_decay": decay}
        for (scale, decay), parameters in groups.items()
    ]


class Trainer:
    """Everything that a resumed run must have again.

    Args:
        model: to train, on its device.
        out: the run's folder: ``log.jsonl``, ``last.pt`` and ``weights.safetensors`` go there.
        variant: the name under which weights are saved.
        schedule: steps and learning rates.
        mix: simulated prompts.
        trunk_rate: share of the learning rate that the trunk gets.
        frozen: prefixes of parameter names that stay as they are.
        weight_decay: AdamW's.
        clip: largest norm of the gradient.
        average: decay of the averaged weights (EMA), which are what is saved.
        precision: of the arithmetic.
        save_every: steps between checkpoints.
        seed: of prompts.
    """

    def __init__(
        self,
        model: SAM2,
        out: Path,
        *,
        variant: str,
        schedule: Schedule,
        mix: PromptMix,
        trunk_rate: float = 0.15,
        frozen: tuple[str, ...] = (),
        weight_decay: float = 0.05,
        clip: float = 1.0,
        average: float = 0.998,
        precision: torch.dtype = torch.float32,
        save_every: int = 100,
        seed: int = 0,
    ) -> None:
        self.model, self.out, self.variant = model, out, variant
        self.schedule, self.mix = schedule, mix
        self.clip, self.average, self.precision = clip, average, precision
        self.save_every, self.seed = save_every, seed
        groups = parameter_groups(
            model, trunk_rate=trunk_rate, weight_decay=weight_decay, frozen=frozen
        )
        self.optimiser = torch.optim.AdamW(groups, lr=schedule.rate, betas=(0.9, 0.98))
        self.averaged = copy.deepcopy(model).requires_grad_(False)
        self.step = 0
        self.seconds = 0.0
        out.mkdir(parents=True, exist_ok=True)

    def resume(self) -> int:
        """Go on from ``last.pt`` if there is one; the step that is reached."""
        path = self.out / "last.pt"
        if not path.is_file():
            return 0
        stored = torch.load(path, map_location=self.model.device, weights_only=True)
        self.model.load_state_dict(stored["model"])
        self.averaged.load_state_dict(stored["averaged"])
        self.optimiser.load_state_dict(stored["optimiser"])
        self.step, self.seconds = stored["step"], stored["seconds"]
        return self.step

    def save(self) -> None:
        """Write the checkpoint and the averaged weights, each whole or not at all."""
        partial = self.out / ".last.pt.partial"
        torch.save(
            {
                "model": self.model.state_dict(),
                "averaged": self.averaged.state_dict(),
                "optimiser": self.optimiser.state_dict(),
                "step": self.step,
                "seconds": self.seconds,
            },
            partial,
        )
        os.replace(partial, self.out / "last.pt")
        save_weights(
            self.averaged,
            self.out / "weights.safetensors",
            self.variant,
            {"steps": str(self.step), "hours": f"{self.seconds / 3600:.2f}"},
        )

    def run(self, batches: Iterable[Clips]) -> None:
        """Train to the last step; ``batches`` must begin at the batch of ``self.step``.

        Raises:
            FloatingPointError: if the loss is not finite; the last checkpoint stays.
        """
        self.model.train()
        progress = tqdm(
            self._until_done(batches), total=self.schedule.steps, initial=self.step, unit="step"
        )
        with (self.out / "log.jsonl").open("a") as log:
            for clips in progress:
                start = time.perf_counter()
                report = self.train_step(clips)
                self.seconds += time.perf_counter() - start
                progress.set_postfix(loss=f"{report['loss']:.3f}", iou=f"{report['iou']:.3f}")
                log.write(json.dumps(report) + "\n")
                log.flush()
                if self.step % self.save_every == 0 or self.step == self.schedule.steps:
                    self.save()

    def _until_done(self, batches: Iterable[Clips]) -> Iterator[Clips]:
        for clips in batches:
            if self.step >= self.schedule.steps:
                return
            yield clips

    def train_step(self, clips: Clips) -> dict[str, float]:
        """One update; the log line of the step."""
        random = np.random.default_rng((self.seed, self.step))
        rate = self.schedule(self.step)
        for group in self.optimiser.param_groups:
            group["lr"] = rate * group["scale"]
        with autocast(self.model.device, self.precision):
            rollout = Rollout(self.model, clips, random, self.mix)
            loss = rollout.run()
        if not torch.isfinite(loss):
            raise FloatingPointError(
                f"the loss is {loss.item()} at step {self.step}; {self.out / 'last.pt'} holds the "
                "last good state: lower the learning rate and resume"
            )
        self.optimiser.zero_grad()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), self.clip)
        self.optimiser.step()
        self._update_average()
        self.step += 1
        return {
            "step": self.step,
            "loss": round(loss.item(), 4),
            "iou": round(torch.cat(rollout.ious).mean().item(), 4),
            "last_iou": round(rollout.ious[-1].mean().item(), 4),
            "norm": round(norm.item(), 3),
            "rate": rate,
            "rows": len(rollout.clip),
        }

    @torch.no_grad()
    def _update_average(self) -> None:
        """Averaged weights; the average is short at first, so that it forgets the beginning."""
        decay = min(self.average, (1 + self.step) / (10 + self.step))
        pairs: Iterable[tuple[Tensor, Tensor]] = zip(
            self.averaged.parameters(), self.model.parameters(), strict=True
        )
        for mean, value in pairs:
            mean.lerp_(value, 1 - decay)
