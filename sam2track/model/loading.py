"""Loads a model ready to use, by its name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch.overrides import TorchFunctionMode

from ..device import cpu_threads, pick_device, pick_precision
from .exported import is_exported, load_exported
from .sam import SAM
from .sam2 import SAM2
from .variants import Variant, find_image_variant, find_variant
from .weights import find_weights, load_weights

M = TypeVar("M", bound=SAM2 | SAM)


class _NoInitialValues(TorchFunctionMode):
    """Within it new layers have no random weights: a checkpoint's will replace them all."""

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if getattr(func, "__module__", "") == "torch.nn.init":
            return args[0] if args else (kwargs or {})["tensor"]
        return func(*args, **(kwargs or {}))


def load_model(
    name: str = "nano",
    checkpoint: str | Path | None = None,
    *,
    device: str | torch.device = "auto",
    precision: str = "auto",
    compile: bool = False,
    memory_pool: int | None = None,
    image_size: int | None = None,
) -> SAM2:
    """A model ready to track.

    Args:
        name: one of :data:`sam2track.model.variants.VARIANTS`: ``nano``, which comes with the
            package, ``sam2.1_hiera_{tiny,small,base_plus,large}``, ``sam2_hiera_...``, ``edgetam``,
            ``efficienttam_{ti,s}``, and these with ``_1``, ``_2`` or ``_512x512``.
        checkpoint: an official ``.pt``, a ``.safetensors`` of ``transformers`` or of ours, or a
            folder of ONNX graphs that ``sam2track convert`` has written (docs/export.md);
            default: the packaged weights, or the released ones from the Hugging Face hub.
        device: ``auto`` (CUDA if there is one), ``cpu``, ``cuda``, ``cuda:1``, ...
        precision: ``auto`` (bf16 on CUDA and on CPUs with AMX or AVX512_BF16, else fp32), ``fp32``,
            ``bf16`` or ``fp16``. Weights are stored in it: for more than tracking use ``fp32``.
        compile: compile the network's parts with ``torch.compile``; the first frames are slow.
        memory_pool: average memory tokens over squares of this side before they are attended to,
            which is faster; 1 = none, None = as the model was trained (:meth:`SAM2.pool_memory`).
        image_size: side in pixels of the square that frames are resized to, a multiple of 32; less
            is faster and less exact. None = as the model was trained.

    Raises:
        ValueError: unknown model, device or precision, a memory that cannot be pooled so, or a
            side that the model cannot have.
        CheckpointError: the weights cannot be found, or belong to another model.
    """
    variant = find_variant(name)
    if image_size is not None and image_size != variant.image_size:
        variant = _resized(name, checkpoint, image_size)
    if is_exported(checkpoint):
        target = torch.device("cpu") if str(device) == "auto" else pick_device(device)
        exported = load_exported(checkpoint, name, device=target)
        # It refuses what its graphs cannot do.
        if memory_pool is not None:
            exported.pool_memory(memory_pool)
        if precision != "auto":
            exported.lower(pick_precision(precision, target))
        if compile:
            exported.compile_parts()
        return exported
    with _NoInitialValues():
        model = SAM2(variant)
    if memory_pool is not None:
        model.pool_memory(memory_pool)
    return _ready(model, name, checkpoint, device, precision, compile)


def _resized(name: str, checkpoint: str | Path | None, image_size: int) -> Variant:
    """A variant with another side of its input."""
    if is_exported(checkpoint):
        raise ValueError(
            f"image_size={image_size}: {checkpoint} has graphs for one size; "
            f"sam2track convert image_size={image_size} writes others"
        )
    variant = find_variant(name)
    # EdgeTAM's two-dimensional latents lie on a grid of 16 x 16 cells.
    step = 32 if isinstance(variant.compression, type) else 256
    if not isinstance(image_size, int) or image_size < step or image_size % step:
        raise ValueError(f"image_size={image_size!r}: {name} takes multiples of {step}")
    return replace(variant, image_size=image_size)


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
    if isinstance(variant, Variant):
        return load_model(name, checkpoint, device=device, precision=precision, compile=compile)
    with _NoInitialValues():
        model = SAM(variant)
    return _ready(model, name, checkpoint, device, precision, compile)


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
    path = find_weights(name, checkpoint)
    # Many small tensors: cores that wait for each other would take several times as long.
    with cpu_threads(1):
        load_weights(model.eval(), path, name)
        model = model.to(target).requires_grad_(False)
        model.lower(dtype)
    if compile:
        model.compile_parts()
    return model
