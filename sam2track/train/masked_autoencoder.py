"""Masked autoencoding: a trunk learns from pictures without labels, by predicting hidden parts.

Pictures and a map of hidden units go in; predicted pixels and their error come out. MAE
(2111.06377), the same for every trunk. A unit is a square of 32 x 32 pixels, as for Hiera
(2306.00989, section 3), so that it covers whole cells at all strides. Before any convolution wider
than one pixel, its input is set to zero at hidden units, as in SparK (2301.03580, section 3.1). At
visible positions a convolutional trunk then computes the same as sparse convolutions. At each
hidden position Hiera and ViT get their patch embedding's bias and the position: a learned mask
token, as in SimMIM (2111.09886). The trunk itself is not changed, so the tracker can use it
directly.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, UInt8
from PIL import Image
from torch import Tensor, nn

from ..files import write_whole
from ..model.layers import LayerNorm2d, sine_position_2d
from ..model.variants import ImageVariant
from ..model.weights import save_trunk
from .training_run import WEIGHTS, TrainingRun

HIDDEN_UNIT = 32  # side of a hidden square, pixels
PATCH = 16  # side of a predicted square, pixels
DECODER_HEAD = 32  # channels of an attention head in the decoder


def draw_hidden(
    rng: np.random.Generator, pictures: int, side: int, *, ratio: float
) -> Bool[Tensor, "B side side"]:
    """Random hidden units, the same number in each picture.

    A picture has ``side`` x ``side`` units. ``ratio``, the hidden fraction (0..1), is rounded
    to whole units, but never to none or all of them.
    """
    count = min(max(round(ratio * side**2), 1), side**2 - 1)
    order = rng.random((pictures, side**2)).argsort(axis=1)
    return torch.from_numpy(order < count).reshape(pictures, side, side)


class MaskedAutoencoder(nn.Module):
    """A trunk and a small decoder, which is not needed afterwards.

    The trunk's maps (four, or one of a plain ViT) are brought to stride 16 and summed, as in
    Hiera's pre-training; a few transformer layers follow.

    Args:
        variant: gives the trunk, and the normalisation of its pictures.
        width: channels of the decoder, a multiple of 32.
        layers: transformer layers in it.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, variant: ImageVariant, *, width: int = 128, layers: int = 2) -> None:
        super().__init__()
        self.variant = variant
        self.trunk = variant.trunk.build()
        self.strides = tuple(variant.trunk.channels)
        sizes = [(n, max(PATCH // stride, 1)) for stride, n in variant.trunk.channels.items()]
        self.narrow = nn.ModuleList(nn.Conv2d(n, width, size, stride=size) for n, size in sizes)
        self.norm = LayerNorm2d(width)
        self.hidden = nn.Parameter(torch.zeros(width, 1, 1))  # marks hidden positions
        nn.init.trunc_normal_(self.hidden, std=0.02)
        layer = nn.TransformerEncoderLayer(
            width,
            width // DECODER_HEAD,
            4 * width,
            dropout=0.0,
            activation=F.gelu,
            batch_first=True,
            norm_first=True,
        )
        self.decoder = nn.TransformerEncoder(
            layer, layers, norm=nn.LayerNorm(width), enable_nested_tensor=False
        )
        self.pixels = nn.Linear(width, 3 * PATCH * PATCH)
        for name in ("mean", "std"):
            values = torch.tensor(getattr(variant, name))[:, None, None]
            self.register_buffer(name, values, persistent=False)

    def forward(
        self, pictures: UInt8[Tensor, "B 3 S S"], hidden: Bool[Tensor, "B u u"]
    ) -> Float[Tensor, "B P 3*16*16"]:
        """The pixels of each 16 x 16 patch, normalised by patch (:func:`targets`).

        Pictures are RGB, S is a multiple of 32. The trunk gets no ``hidden`` units.
        """
        images = (pictures.float() / 255 - self.mean) / self.std
        with hiding(self.trunk, hidden):
            maps = self.trunk(images)
        narrow = [conv(x) for conv, x in zip(self.narrow, maps, strict=True)]
        x = sum(own for own, stride in zip(narrow, self.strides, strict=True) if stride <= PATCH)
        if self.strides[-1] > PATCH:
            x = x + F.interpolate(narrow[-1], scale_factor=2.0, mode="nearest")
        x = self.norm(x)
        x = x + _spread(hidden, x.shape[-1])[:, None] * self.hidden
        x = x + sine_position_2d(*x.shape[1:]).to(x)
        return self.pixels(self.decoder(x.flatten(2).transpose(1, 2)))


@contextmanager
def hiding(trunk: nn.Module, hidden: Bool[Tensor, "B u u"]) -> Iterator[None]:
    """In this context, the input of wider convolutions of the trunk is zero at hidden units."""

    def hide(module: nn.Module, inputs: tuple[Tensor, ...]) -> Tensor:
        (x,) = inputs
        return x * ~_spread(hidden, x.shape[-1])[:, None]

    hooks = [
        module.register_forward_pre_hook(hide)
        for module in trunk.modules()
        if isinstance(module, nn.Conv2d) and max(module.kernel_size) > 1
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _spread(hidden: Bool[Tensor, "B u u"], side: int) -> Bool[Tensor, "B side side"]:
    """Hidden units at the resolution of a map."""
    scale = side // hidden.shape[-1]
    return hidden.repeat_interleave(scale, 1).repeat_interleave(scale, 2)


def patches(images: Float[Tensor, "B 3 S S"]) -> Float[Tensor, "B P 3*16*16"]:
    """Patches of 16 x 16, row by row; in each the channel varies slowest."""
    return F.unfold(images, PATCH, stride=PATCH).transpose(1, 2)


def targets(pictures: UInt8[Tensor, "B 3 S S"]) -> Float[Tensor, "B P 3*16*16"]:
    """The pixels to predict: patches, each with mean 0 and variance 1 (MAE, section 4.1)."""
    pixels = patches(pictures.float() / 255)
    return (pixels - pixels.mean(2, keepdim=True)) / _deviation(pixels)


def _deviation(pixels: Float[Tensor, "B P _"]) -> Float[Tensor, "B P 1"]:
    return (pixels.var(2, keepdim=True, correction=0) + 1e-6).sqrt()


def reconstruction_loss(
    predicted: Float[Tensor, "B P 3*16*16"],
    pictures: UInt8[Tensor, "B 3 S S"],
    hidden: Bool[Tensor, "B u u"],
) -> Float[Tensor, ""]:
    """Mean squared error over the pixels of hidden patches; predicting the mean gives 1."""
    errors = (predicted.float() - targets(pictures)).square().mean(2)  # (B, P)
    return errors[_spread(hidden, pictures.shape[-1] // PATCH).flatten(1)].mean()


@torch.no_grad()
def reconstruct(
    predicted: Float[Tensor, "B P 3*16*16"],
    pictures: UInt8[Tensor, "B 3 S S"],
    hidden: Bool[Tensor, "B u u"],
) -> UInt8[Tensor, "3 B*S 3*S"]:
    """An image with one row per picture: visible part, prediction, and original.

    Predictions get the true mean and contrast of their patch, as in MAE's figures.
    """
    true = pictures.float() / 255
    pixels = patches(true)
    guessed = predicted.float() * _deviation(pixels) + pixels.mean(2, keepdim=True)
    guessed = F.fold(guessed.transpose(1, 2), true.shape[-2:], PATCH, stride=PATCH)
    masked = _spread(hidden, true.shape[-1])[:, None]
    seen = torch.where(masked, 0.5, true)
    filled = torch.where(masked, guessed, true)
    rows = torch.cat((seen, filled, true), dim=3).clamp(0, 1)  # (B, 3, S, 3 S)
    return (rows * 255).round().to(torch.uint8).permute(1, 0, 2, 3).flatten(1, 2)


@dataclass(eq=False)
class AutoencodingUpdate:
    """Masked autoencoding, as an :class:`sam2track.train.loop.Update`.

    Attributes:
        run: the autoencoder in training.
        sample: pictures for ``reconstruction.png``.
        variant: the model whose trunk it is.
        ratio: fraction of each picture that is hidden.
        seed: of the hidden units.
    """

    run: TrainingRun[MaskedAutoencoder]
    sample: UInt8[Tensor, "B 3 S S"]
    variant: str
    ratio: float = 0.6
    seed: int = 0

    def step(self, batch: UInt8[Tensor, "B 3 S S"]) -> dict[str, Any]:
        """One step on this process's pictures."""
        run, rate = self.run, self.run.begin_step()
        hidden = self._draw_hidden(batch, run.step)
        with run.autocast():
            predicted = run.model(batch, hidden)
        loss = reconstruction_loss(predicted, batch, hidden)
        loss.backward()
        mean = run.processes.sum(loss.detach()) / run.processes.count
        run.check_finite(mean, "the loss")  # the mean, so that all processes stop at the same step
        norm = run.end_step(run.processes.count)
        return {"step": run.step, "loss": mean.item(), "norm": norm, "rate": rate}

    @torch.no_grad()
    def picture(self) -> UInt8[np.ndarray, "H W 3"]:
        """For each sample picture: visible part, prediction, and original."""
        hidden = self._draw_hidden(self.sample, 0)
        drawn = reconstruct(self.run.model(self.sample, hidden), self.sample, hidden)
        return drawn.permute(1, 2, 0).cpu().numpy()

    def write_results(self, out: Path) -> None:
        """Write the trunk and the picture."""
        save_trunk(self.run.model.trunk, out / WEIGHTS, self.variant, self.run.metadata())
        image = Image.fromarray(self.picture())
        write_whole(out / "reconstruction.png", lambda file: image.save(file, format="PNG"))

    def _draw_hidden(self, pictures: UInt8[Tensor, "B 3 S S"], step: int) -> Bool[Tensor, "B u u"]:
        """The hidden units of this process's pictures; they depend only on seed and step."""
        rng, run = np.random.default_rng((self.seed, step)), self.run.processes
        side = pictures.shape[-1] // HIDDEN_UNIT
        hidden = draw_hidden(rng, len(pictures) * run.count, side, ratio=self.ratio)
        return hidden.chunk(run.count)[run.index].to(pictures.device)
