"""A network of every part, small enough to run in milliseconds, whose masks are not trivial."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from sam2track import Frame
from sam2track.model.backbones import HieraSpec
from sam2track.model.sam2 import SAM2
from sam2track.model.variants import Variant

TINY = Variant(
    HieraSpec(16, 1, (1, 1, 2, 1), (3,), windows=(4, 2, 2, 2), background=4),
    image_size=64,
    width=32,
    memory_width=16,
    memory_layers=1,
    memory_mlp=32,
    decoder_heads=2,
    decoder_mlp=32,
    score_mlp=16,
    dropout=0.0,
)
SIZE = (48, 64)


def tiny_model(*, seed: int = 1, presence: float = 4.0, **changes) -> SAM2:
    """Seeded random weights, perturbed so that every parameter matters.

    Masks cover some of the picture and depend on what was remembered. ``presence`` shifts the
    presence logit: 4 = always there.
    """
    torch.manual_seed(seed)
    model = SAM2(replace(TINY, **changes)).eval().requires_grad_(False)
    for parameter in model.parameters():
        parameter.add_(0.3 * torch.randn_like(parameter) * (parameter.std(correction=0) + 0.1))
    model.mask_decoder.pred_obj_score_head.layers[-1].bias.fill_(presence)
    for mlp in model.mask_decoder.output_hypernetworks_mlps:
        mlp.layers[-1].weight.mul_(8)
        mlp.layers[-1].bias.zero_()
    for layer in model.memory_attention.layers:
        layer.cross_attn_image.out_proj.weight.mul_(12)
    model.memory_encoder.mask_downsampler.encoder[-1].weight.mul_(4)
    return model


def noise_frames(count: int, *, size: tuple[int, int] = SIZE, seed: int = 0) -> list[Frame]:
    """Frames with coarse random texture, each a little different from the one before."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (count + 8, size[0] // 8, size[1] // 8, 3))
    frames = []
    for index in range(count):
        mean = coarse[index : index + 8].mean(0).astype(np.uint8)
        frames.append(Frame(index, np.ascontiguousarray(mean.repeat(8, 0).repeat(8, 1))))
    return frames


def square_mask(size: tuple[int, int] = SIZE) -> np.ndarray:
    """A mask with a square in it."""
    mask = np.zeros(size, bool)
    mask[10:30, 12:40] = True
    return mask
