"""The loop of masked autoencoding, and everything that a run must have again to go on.

Room: TRAIN. Batches of pictures enter; ``last.pt`` (to go on from), ``weights.safetensors`` (the
trunk alone), ``reconstruction.png`` and the log leave.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, UInt8
from PIL import Image
from torch import Tensor, nn
from tqdm import tqdm

from ..device import autocast
from ..files import write_whole
from ..model.weights import save_trunk
from .checkpoints import check_settings, load_state, save_state, saving
from .log import RunLog
from .mae import UNIT, MaskedAutoencoder, draw_hidden, reconstruct, reconstruction_loss
from .optimiser import Schedule, parameter_groups
from .processes import Processes
from .stopping import Stopping, stopped

LAST, WEIGHTS, PICTURE = "last.pt", "weights.safetensors", "reconstruction.png"


class Pretrainer:
    """Everything that a resumed run must have again, and how one step changes it.

    Args:
        model: to train, on its device, with its first weights.
        processes: who trains.
        variant: the model whose trunk it is.
        schedule: steps and learning rates.
        ratio: share of each picture that is hidden.
        weight_decay, betas: AdamW's.
        clip: largest norm of the gradient.
        precision: of the arithmetic; weights, gradients and AdamW's state stay fp32.
        seed: of what is hidden.
        settings: of the whole run, by name; a run goes on only with the same.
    """

    def __init__(
        self,
        model: MaskedAutoencoder,
        processes: Processes,
        *,
        variant: str,
        schedule: Schedule,
        ratio: float = 0.6,
        weight_decay: float = 0.05,
        betas: tuple[float, float] = (0.9, 0.95),
        clip: float = 1.0,
        precision: torch.dtype = torch.float32,
        seed: int = 0,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        self.model, self.processes, self.variant = model, processes, variant
        self.schedule, self.ratio, self.seed = schedule, ratio, seed
        self.clip, self.precision = clip, precision
        self.settings = {**(settings or {}), "processes": processes.count}
        groups = parameter_groups(
            model, trunk_rate=1.0, layer_decay=1.0, weight_decay=weight_decay, frozen=()
        )
        self.optimiser = torch.optim.AdamW(groups, lr=schedule.rate, betas=betas)
        self.step = 0
        self.seconds = 0.0

    def update(self, pictures: UInt8[Tensor, "B 3 S S"]) -> dict[str, Any]:
        """One step, on this process's share of the pictures; what to log of it.

        Raises:
            FloatingPointError: if the loss or the gradient is not finite; the weights are as they
                were.
        """
        start = time.perf_counter()
        rate = self.schedule(self.step)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        hidden = self.hide(pictures, self.step)
        with autocast(pictures.device, self.precision):
            predicted = self.model(pictures, hidden)
        loss = reconstruction_loss(predicted, pictures, hidden) / self.processes.count
        self.optimiser.zero_grad()
        loss.backward()
        total = self.processes.sum(loss.detach())
        self._check(total, "the loss")  # after the sum: so all processes stop at once
        parameters = list(self.model.parameters())
        self.processes.sum_gradients(parameters)
        norm = nn.utils.clip_grad_norm_(parameters, self.clip)
        self._check(norm, "the gradient")
        self.optimiser.step()
        self.step += 1
        self.seconds += time.perf_counter() - start
        return {"step": self.step, "loss": total.item(), "norm": norm.item(), "rate": rate}

    def _check(self, value: Tensor, what: str) -> None:
        if not torch.isfinite(value):
            raise FloatingPointError(f"step {self.step}: {what} is not finite")

    def hide(self, pictures: UInt8[Tensor, "B 3 S S"], step: int) -> Bool[Tensor, "B u u"]:
        """What is hidden of this process's pictures at a step, whenever that is."""
        rng = np.random.default_rng((self.seed, step))
        count, index = len(pictures), self.processes.index
        side = pictures.shape[-1] // UNIT
        hidden = draw_hidden(rng, count * self.processes.count, side, ratio=self.ratio)
        return hidden[index * count : (index + 1) * count].to(pictures.device)

    @torch.no_grad()
    def draw(self, pictures: UInt8[Tensor, "B 3 S S"]) -> UInt8[Tensor, "3 H W"]:
        """For the eye: what is seen of pictures, what is filled in, and what is there."""
        hidden = self.hide(pictures, 0)
        return reconstruct(self.model(pictures, hidden), pictures, hidden).cpu()

    def save(self, out: Path, drawn: UInt8[Tensor, "3 H W"]) -> None:
        """Write the checkpoint, the trunk and a picture, each whole or not at all.

        Raises:
            NotSaved: if the disk is full, say; the files before are as they were.
        """
        state = {
            "model": self.model.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
            "settings": self.settings,
        }
        facts = {"steps": str(self.step), "hours": f"{self.seconds / 3600:.2f}"}
        image = Image.fromarray(drawn.permute(1, 2, 0).numpy())
        with saving(self.step, out):
            save_state(state, out / LAST)
            save_trunk(self.model.trunk, out / WEIGHTS, self.variant, facts)
            write_whole(out / PICTURE, lambda file: image.save(file, format="PNG"))

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
        self.optimiser.load_state_dict(stored["optimiser"])
        self.step, self.seconds = stored["step"], stored["seconds"]
        return self.step


def pretrain(
    trainer: Pretrainer,
    batches: Iterable[UInt8[Tensor, "B 3 S S"]],
    out: Path,
    *,
    sample: UInt8[Tensor, "B 3 S S"],
    save_every: int,
) -> None:
    """Train to the last step.

    Args:
        trainer: where the run is.
        batches: this process's, from the trainer's step up to the last.
        out: the run's folder, which exists.
        sample: what the pictures show.
        save_every: steps between checkpoints.

    Raises:
        FloatingPointError: if the loss is not finite; it says where.
        NotSaved: if a checkpoint cannot be written.
        KeyboardInterrupt: after Ctrl-C or SIGTERM; the step is saved.
    """
    steps, main = trainer.schedule.steps, trainer.processes.main
    bar = tqdm(total=steps, initial=trainer.step, unit="step", disable=not main)
    with Stopping() as stopping, bar, RunLog(out, trainer.step) if main else nullcontext() as log:
        for pictures in batches:
            entry = trainer.update(pictures)
            done = trainer.step >= steps
            stop = trainer.processes.any(stopping.asked)
            bar.update()
            bar.set_postfix(loss=f"{entry['loss']:.4f}")
            if log is not None:
                log.write(entry, group="mae")
                if stop or done or trainer.step % save_every == 0:
                    drawn = trainer.draw(sample)
                    log.board.add_image("reconstruction", drawn, trainer.step)
                    trainer.save(out, drawn)
            if stop and not done:
                raise stopped(trainer.step, steps, out)
