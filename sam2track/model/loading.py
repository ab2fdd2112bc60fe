"""Loads a model ready to use, by its name."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import torch

from ..device import pick_device, pick_precision
from .exported import is_exported, load_exported
from .sam import SAM
from .sam2 import SAM2
from .variants import Variant, find_image_variant, find_variant
from .weights import fetch_weights, load_weights, packaged_weights

M = TypeVar("M", SAM2, SAM)


def load_model(
    name: str = "nano",
    checkpoint: str | Path | None = None,
    *,
    device: str | torch.device = "auto",
    precision: str = "auto",
    compile: bool = False,
    memory_pool: int | None = None,
) -> SAM2:
    """A model ready to track.

    Args:
        name: one of :data:`sam2track.model.variants.VARIANTS`: ``nano`` and ``micro``, which come
            with the package, ``sam2.1_hiera_{tiny,small,base_plus,large}``, ``sam2_hiera_...``,
            ``edgetam``, ``efficienttam_{ti,s}``, and these with ``_1``, ``_2`` or ``_512x512``.
        checkpoint: an official ``.pt``, a ``.safetensors`` of ``transformers`` or of ours, or a
            folder of ONNX graphs that ``sam2track convert`` has written (docs/export.md);
            default: the packaged weights, or the released ones from the Hugging Face hub.
        device: ``auto`` (CUDA if there is one), ``cpu``, ``cuda``, ``cuda:1``, ...
        precision: ``auto`` (bf16 on CUDA and on CPUs with AMX or AVX512_BF16, else fp32), ``fp32``,
            ``bf16`` or ``fp16``. Weights are stored in it: for more than tracking use ``fp32``.
        compile: compile the network's parts with ``torch.compile``; the first frames are slow.
        memory_pool: average memory tokens over squares of this side before they are attended to,
            which is faster; 1 = none, None = as the model was trained (:meth:`SAM2.pool_memory`).

    Raises:
        ValueError: unknown model, device or precision, or a memory that cannot be pooled so.
        CheckpointError: the weights cannot be found, or belong to another model.
    """
    variant = find_variant(name)
    if is_exported(checkpoint):
        return _ready_exported(name, checkpoint, device, precision, compile, memory_pool)
    model = SAM2(variant)
    if memory_pool is not None:
        model.pool_memory(memory_pool)
    return _ready(model, name, checkpoint, device, precision, compile)


def load_image_model(
    name: str = "nano",
    checkpoint: str | Path | None = None,
    *,
    device: str | torch.device = "auto",
    precision: str = "auto",
    compile: bool = False,
) -> SAM2 | SAM:
    """A model for single images: a tracker's, or SAM.

    Args:
        name: as for :func:`load_model`, or ``sam_vit_b``, ``sam_vit_l``, ``sam_vit_h``.
        checkpoint: as for :func:`load_model`; also an official ``sam_vit_*.pth``.
        device, precision, compile: as for :func:`load_model`.

    Raises:
        ValueError, CheckpointError: as :func:`load_model`.
    """
    variant = find_image_variant(name)
    if isinstance(variant, Variant) and is_exported(checkpoint):
        return _ready_exported(name, checkpoint, device, precision, compile, None)
    if isinstance(variant, Variant):
        return _ready(SAM2(variant), name, checkpoint, device, precision, compile)
    return _ready(SAM(variant), name, checkpoint, device, precision, compile)


def _ready_exported(
    name: str,
    folder: str | Path,
    device: str | torch.device,
    precision: str,
    compile: bool,
    memory_pool: int | None,
) -> SAM2:
    """An exported model, unless it is asked for what its graphs cannot do."""
    target = torch.device("cpu") if str(device) == "auto" else pick_device(device)
    model = load_exported(folder, name, device=target)
    if memory_pool is not None:
        model.pool_memory(memory_pool)
    if precision != "auto":
        model.lower(pick_precision(precision, target))
    if compile:
        model.compile_parts()
    return model


def _ready(
    model: M,
    name: str,
    checkpoint: str | Path | None,
    device: str | torch.device,
    precision: str,
    compile: bool,
) -> M:
    """A model with its weights, on its device, in its precision."""
    target = pick_device(device)
    dtype = pick_precision(precision, target)
    path = packaged_weights(name) or fetch_weights(name) if checkpoint is None else checkpoint
    load_weights(model.eval(), path, name)
    model = model.to(target).requires_grad_(False)
    model.lower(dtype)
    if compile:
        model.compile_parts()
    return model
