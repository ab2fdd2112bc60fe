"""Seeded weights under the official names: what both sides of a parity check load.

In: the names and shapes of an official ``sam2`` state dict. Out: a state dict with random values
that depend on each parameter's name and the seed alone, so that they are the same under any version
of torch, in any order and on any machine.

Official initial values hide mistakes: positional embeddings start at 0, layer scales at 1e-6, norms
at 1 and 0. Here nothing stays there, attention is sharp enough to depend on its keys, and the heads
are scaled so that mask logits reach a few units and presence has a chance of both signs.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping

import numpy as np
import torch
from torch import Tensor

# Spread of the embeddings that are added to features of about unit size.
EMBEDDING_SPREAD = {
    "trunk.pos_embed": 0.5,
    "trunk.pos_embed_window": 0.5,
    "image_encoder.pos_embed": 0.5,
    "rel_pos": 0.3,
    "maskmem_tpos_enc": 1.0,
    "no_mem_embed": 0.5,
    "no_mem_pos_enc": 0.5,
    "no_obj_ptr": 1.0,
    "no_obj_embed_spatial": 1.0,
    "positional_encoding_gaussian_matrix": 1.0,
    "point_embeddings": 1.0,
    "not_a_point_embed": 1.0,
    "no_mask_embed": 0.5,
    "obj_score_token": 1.0,
    "iou_token": 1.0,
    "mask_tokens": 1.0,
}
MASK_SPREAD = 4.0  # sets how far mask logits spread, for any width
# Gain of a layer's weight over 1 / sqrt(fan in). High enough for attention to choose and for memory
# to matter; low enough for rounding errors to die out over the frames instead of growing.
# The first that fits a name counts.
GAINS = {
    "cross_attn_image.k_proj": 1.0,
    "cross_attn_image.out_proj": 3.0,
    "memory_encoder.out_proj": 0.6,
    "q_proj": 1.35,
    "k_proj": 1.35,
    "mask_downsampler": 3.0,
    "pred_obj_score_head": 1.8,
    "iou_prediction_head": 1.6,
    "obj_ptr_proj": 1.4,
}


def seeded_state(
    shapes: Mapping[str, Iterable[int]], seed: int, *, presence_bias: float = 0.0
) -> dict[str, Tensor]:
    """Random values for every parameter of an official SAM 2 model.

    Args:
        shapes: official parameter names with their shapes.
        seed: another seed, another model.
        presence_bias: bias of the presence head, in logits, set so that an object is both seen and
            lost over a clip.

    Returns:
        float32 tensors under the same names.
    """
    state = {name: _values(name, tuple(shape), seed) for name, shape in shapes.items()}
    presence = [name for name in state if name.startswith("sam_mask_decoder.pred_obj_score_head.")]
    biases = sorted(name for name in presence if name.endswith("bias"))
    for last in biases[-1:]:
        state[last] = torch.full_like(state[last], presence_bias)
    return state


def noise(name: str, shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Uniform noise of unit variance, float32: the same for a name and seed everywhere.

    Uniform, because it comes from the generator's bits alone: no mathematical library has a part
    in it.
    """
    bits = np.random.Generator(np.random.PCG64([seed, zlib.crc32(name.encode())]))
    return (bits.random(shape, dtype=np.float32) * 2 - 1) * np.float32(3**0.5)


def _values(name: str, shape: tuple[int, ...], seed: int) -> Tensor:
    """One parameter: noise, shaped by what the name says it is for."""
    values = noise(name, shape, seed)
    for part, spread in EMBEDDING_SPREAD.items():
        if part in name:
            return torch.from_numpy(values * np.float32(spread))
    if name.endswith("gamma"):  # layer scale
        return torch.from_numpy(np.float32(0.5) + values * np.float32(0.2))
    if name.endswith("bias"):
        return torch.from_numpy(values * np.float32(0.2))
    if len(shape) == 1:  # the weight of a norm
        return torch.from_numpy(np.float32(1) + values * np.float32(0.2))
    gain = next((gain for part, gain in GAINS.items() if part in name), 1.0)
    fan_in = int(np.prod(shape[1:]))
    if ".output_hypernetworks_mlps." in name and ".layers.2." in name:
        gain = MASK_SPREAD / shape[0] ** 0.5  # its outputs weigh so many channels of the picture
    if ".output_upscaling." in name:  # transposed: (in, out, 2, 2), no overlap
        fan_in = shape[0]
    return torch.from_numpy(values * np.float32(gain / fan_in**0.5))
