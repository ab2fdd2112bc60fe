"""Masked autoencoding, one step at a time: pictures go in, the weights of a trunk come out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, UInt8
from PIL import Image
from torch import Tensor

from ..files import write_whole
from ..model.weights import save_trunk
from .checkpoints import WEIGHTS
from .masked_autoencoder import (
    HIDDEN_UNIT,
    MaskedAutoencoder,
    draw_hidden,
    reconstruct,
    reconstruction_loss,
)
from .training_run import TrainingRun


class AutoencodingUpdate:
    """Masked autoencoding, as an :class:`sam2track.train.loop.Update`.

    Args:
        run: the autoencoder in training.
        sample: pictures for ``reconstruction.png``.
        variant: the model whose trunk it is.
        ratio: share of each picture that is hidden.
        seed: of what is hidden.
    """

    def __init__(
        self,
        run: TrainingRun[MaskedAutoencoder],
        sample: UInt8[Tensor, "B 3 S S"],
        *,
        variant: str,
        ratio: float = 0.6,
        seed: int = 0,
    ) -> None:
        self.run, self.sample, self.variant = run, sample, variant
        self.ratio, self.seed = ratio, seed

    def step(self, batch: UInt8[Tensor, "B 3 S S"]) -> dict[str, Any]:
        """One step on this process's pictures."""
        run, rate = self.run, self.run.begin_step()
        hidden = self._draw_hidden(batch, run.step)
        with run.autocast():
            predicted = run.model(batch, hidden)
        loss = reconstruction_loss(predicted, batch, hidden)
        loss.backward()
        mean = run.processes.sum(loss.detach()) / run.processes.count
        run.check_finite(mean, "the loss")  # the mean: so that all processes stop at once
        norm = run.end_step(run.processes.count)
        return {"step": run.step, "loss": mean.item(), "norm": norm, "rate": rate}

    @torch.no_grad()
    def picture(self) -> UInt8[np.ndarray, "H W 3"]:
        """Of each picture of the sample: what is seen, what is filled in, and what is there."""
        hidden = self._draw_hidden(self.sample, 0)
        drawn = reconstruct(self.run.model(self.sample, hidden), self.sample, hidden)
        return drawn.permute(1, 2, 0).cpu().numpy()

    def write_results(self, out: Path) -> None:
        """Write the trunk alone, and the picture."""
        save_trunk(self.run.model.trunk, out / WEIGHTS, self.variant, self.run.metadata())
        image = Image.fromarray(self.picture())
        write_whole(out / "reconstruction.png", lambda file: image.save(file, format="PNG"))

    def _draw_hidden(self, pictures: UInt8[Tensor, "B 3 S S"], step: int) -> Bool[Tensor, "B u u"]:
        """The hidden units of this process's pictures; they depend on seed and step alone."""
        rng, run = np.random.default_rng((self.seed, step)), self.run.processes
        side = pictures.shape[-1] // HIDDEN_UNIT
        hidden = draw_hidden(rng, len(pictures) * run.count, side, ratio=self.ratio)
        return hidden.chunk(run.count)[run.index].to(pictures.device)
