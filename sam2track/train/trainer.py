"""Everything that a run must have again to go on, and how one step changes it.

Room: TRAIN. Batches of clips enter; ``last.pt`` (to go on from), ``weights.safetensors`` (averaged,
of the last step) and ``best.safetensors`` (of the best score on held-out video) leave.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..data.sequence import MaskSequence
from ..device import autocast
from ..model.checkpoint import save_weights
from ..model.sam2 import SAM2
from .batches import StepBatches
from .checkpoints import check_settings, load_state, save_state, saving
from .evaluation import Score, score_sequences
from .optimiser import Schedule, parameter_groups
from .processes import Processes
from .prompting import PromptMix
from .report import write_report
from .rollout import Rollout
from .tally import log_entry, tally

LAST, WEIGHTS, BEST = "last.pt", "weights.safetensors", "best.safetensors"


class Trainer:
    """Everything that a resumed run must have again, and how one step changes it.

    Args:
        model: to train, on its device, with its first weights.
        processes: who trains.
        variant: the name under which weights are saved.
        schedule: steps and learning rates.
        mix: what the simulated user does.
        trunk_rate: share of the learning rate that the trunk gets.
        layer_decay: share that a block of the trunk gets of the next one's rate.
        frozen: prefixes of parameter names that stay as they are.
        weight_decay, betas: AdamW's.
        clip: largest norm of the gradient.
        average: decay of the averaged weights (EMA), which are what is scored and saved.
        precision: of the arithmetic; weights, gradients and AdamW's state stay fp32.
        stride: at which masks are compared with the truth.
        checkpointing: trade time for memory, see :class:`sam2track.train.rollout.Rollout`.
        noise: share of the objects whose memories get mistakes, see
            :mod:`sam2track.train.memory_noise`.
        seed: of prompts and dropout.
        settings: of the whole run, by name; a run goes on only with the same.
    """

    def __init__(
        self,
        model: SAM2,
        processes: Processes,
        *,
        variant: str,
        schedule: Schedule,
        mix: PromptMix,
        trunk_rate: float = 0.15,
        layer_decay: float = 1.0,
        frozen: Sequence[str] = (),
        weight_decay: float = 0.05,
        betas: tuple[float, float] = (0.9, 0.98),
        clip: float = 1.0,
        average: float = 0.998,
        precision: torch.dtype = torch.float32,
        stride: int = 2,
        checkpointing: bool = False,
        noise: float = 0.0,
        seed: int = 0,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        self.model, self.processes, self.variant = model, processes, variant
        self.schedule, self.mix, self.seed = schedule, mix, seed
        self.clip, self.average, self.precision = clip, average, precision
        self.stride, self.checkpointing, self.noise = stride, checkpointing, noise
        self.settings = {**(settings or {}), "processes": processes.count}
        groups = parameter_groups(
            model,
            trunk_rate=trunk_rate,
            layer_decay=layer_decay,
            weight_decay=weight_decay,
            frozen=frozen,
        )
        self.trained: list[nn.Parameter] = [p for group in groups for p in group["params"]]
        self.optimiser = torch.optim.AdamW(groups, lr=schedule.rate, betas=betas)
        self.averaged = copy.deepcopy(model).eval().requires_grad_(False)
        self.averaged.precision = precision
        self.step = 0
        self.seconds = self.core_seconds = 0.0
        self.best: dict[str, Any] | None = None
        torch.manual_seed(seed + 1 + processes.index)  # dropout, in each process its own

    def update(self, batch: StepBatches) -> tuple[dict[str, Any], Rollout]:
        """One step; what to log of it, and the last rollout.

        Every row of every step of the interaction counts alike, wherever its clip was: losses and
        gradients are sums until they are divided by the count of all batches and processes.

        Raises:
            FloatingPointError: if the loss or the gradient is not finite; the weights are as they
                were.
        """
        start, spent = time.perf_counter(), time.process_time()
        rate = self.schedule(self.step)
        for group in self.optimiser.param_groups:
            group["lr"] = rate * group["scale"]
        self.optimiser.zero_grad()
        self.model.train()
        tallies, fault, rollout = [], "another process's loss", None
        for clips, first in zip(batch.parts, batch.first, strict=True):
            with autocast(self.model.device, self.precision):
                rollout = Rollout(
                    self.model,
                    clips,
                    self.mix,
                    seed=(self.seed, self.step),
                    first=first,
                    stride=self.stride,
                    checkpointing=self.checkpointing,
                    noise=self.noise,
                )
                loss = rollout.run()
            if loss.requires_grad:  # else no object is to be seen in these clips
                loss.backward()
            if not torch.isfinite(loss):
                fault = rollout.fault()
            tallies.append(tally(rollout))
        assert rollout is not None
        own = torch.stack(tallies).sum(0)
        own[-1] = time.process_time() - spent + batch.seconds
        total = self.processes.sum(own)
        self._check(total, fault)  # after the sum: so all processes stop at once
        self.processes.sum_gradients(self.trained)
        count = total[1].clamp(min=1).float()
        for parameter in self.trained:
            assert parameter.grad is not None
            parameter.grad.div_(count)
        norm = nn.utils.clip_grad_norm_(self.trained, self.clip)
        self._check(norm, "the gradient")
        self.optimiser.step()
        self._update_average()
        self.step += 1
        self.seconds += time.perf_counter() - start
        self.core_seconds += total[-1].item()
        return log_entry(self.step, total, norm.item(), rate), rollout

    def _check(self, values: Tensor, what: str) -> None:
        if not torch.isfinite(values).all():
            raise FloatingPointError(f"step {self.step + 1}: {what} is not finite")

    @torch.no_grad()
    def _update_average(self) -> None:
        """Averaged weights; the average is short at first, so that it forgets the beginning."""
        decay = min(self.average, (1 + self.step) / (10 + self.step))
        for mean, value in zip(self.averaged.parameters(), self.model.parameters(), strict=True):
            mean.lerp_(value, 1 - decay)

    def evaluate(self, sequences: Sequence[MaskSequence], *, prompt: str = "mask") -> Score:
        """The score of the averaged weights, if objects begin with this kind of prompt."""
        return score_sequences(self.averaged, sequences, self.processes, prompt=prompt)

    def save(self, out: Path) -> None:
        """Write the checkpoint and the averaged weights, each whole or not at all.

        Raises:
            NotSaved: if the disk is full, say; the files before are as they were.
        """
        device = self.model.device
        cuda = torch.cuda.get_rng_state(device) if device.type == "cuda" else None
        random = self.processes.gather((torch.get_rng_state(), cuda))
        if not self.processes.main:
            return
        state = {
            "model": self.model.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
            "core_seconds": self.core_seconds,
            "best": self.best,
            "random": random,
            "settings": self.settings,
        }
        with saving(self.step, out):
            save_state(state, out / LAST)
            self._save_weights(out / WEIGHTS)
            write_report(
                out,
                self.model,
                variant=self.variant,
                device=f"{self.processes.count} x {self.processes.device}",
                settings=self.settings,
                hours=self.seconds / 3600,
                core_hours=self.core_seconds / 3600,
                best=self.best,
            )

    def _save_weights(self, path: Path) -> None:
        facts = {"steps": str(self.step), "hours": f"{self.seconds / 3600:.2f}"}
        save_weights(self.averaged, path, self.variant, facts)

    def keep_best(self, score: Score, out: Path, *, prompt: str = "mask") -> None:
        """Keep the averaged weights if none scored better from this kind of prompt."""
        best = self.best
        if best is not None and best["prompt"] != prompt:
            best = None  # not to be compared
        if best is None or score.j_and_f > (best["j"] + best["f"]) / 2:
            self.best = {"step": self.step, "prompt": prompt, **asdict(score)}
            if self.processes.main:
                with saving(self.step, out):
                    self._save_weights(out / BEST)

    def resume(self, out: Path) -> int:
        """Go on from a folder's ``last.pt`` if there is one; the step that is reached.

        Raises:
            ValueError: if it is no checkpoint, or of a run with other settings.
        """
        path = out / LAST
        if not path.is_file():
            return 0
        stored = load_state(path)
        check_settings(self.settings, stored["settings"], out)
        self.model.load_state_dict(stored["model"])
        self.averaged.load_state_dict(stored["averaged"])
        self.optimiser.load_state_dict(stored["optimiser"])
        self.step, self.seconds = stored["step"], stored["seconds"]
        self.core_seconds, best = stored["core_seconds"], stored["best"]
        self.best = best and {"prompt": "mask", **best}  # older runs knew no other
        cpu, cuda = stored["random"][self.processes.index]
        torch.set_rng_state(cpu)
        if cuda is not None and self.model.device.type == "cuda":
            torch.cuda.set_rng_state(cuda, self.model.device)
        return self.step
