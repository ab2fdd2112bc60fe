"""Estimates the device memory that ``sam2track train recipe=finetune`` takes, without a GPU.

    python scripts/training_memory.py

Every part of the network runs once on tensors without contents, in bf16, at full size, while the
bytes that autograd keeps are counted; attention counts as a fused kernel's. A clip has 8 frames, 3
objects and the most prompts: two anchors with seven corrections each, so 22 passes of the decoder.
With checkpointing the inputs of all parts are kept, and one part at a time is computed again.
Weights, gradients, AdamW's two moments and the averaged weights are fp32. Add about 1 GB for CUDA.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sam2track.model.sam2 import SAM2
from sam2track.model.variants import find_variant
from sam2track.train.losses import prediction_losses
from sam2track.types import FrameFeatures, MemoryFrame, Recall, Resolved

FRAMES, OBJECTS, ANCHORS, CLICKS = 8, 3, 2, 7
PASSES = ANCHORS * (1 + CLICKS) + FRAMES - ANCHORS
KIND = torch.bfloat16
GB = 1e9


class _Fused(torch.autograd.Function):
    """Attention that keeps what a fused kernel keeps: queries, keys, values and the result."""

    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        out = q.new_empty(*q.shape[:-1], v.shape[-1])
        ctx.save_for_backward(q, k, v, out)
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        raise NotImplementedError("nothing is computed here")


def kept(model: SAM2, part: Callable[..., Any], *args: Any, **kwargs: Any) -> tuple[float, Any]:
    """Bytes that autograd keeps of a part, weights not counted, and what the part gives."""
    weights = {parameter.untyped_storage()._cdata for parameter in model.parameters()}
    sizes: dict[int, int] = {}
    alive = []

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in weights:
            sizes[storage._cdata] = storage.nbytes()
            alive.append(storage)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        result = part(*args, **kwargs)
    return sum(sizes.values()), result


def estimate(name: str) -> dict[str, float]:
    """Gigabytes, by way of training."""
    variant = find_variant(name)
    with torch.device("meta"):
        model = SAM2(variant).to(KIND).train()
        for module in model.modules():
            if isinstance(module, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
                module.register_forward_pre_hook(_cast)  # as autocast does
        side, width, grid = variant.image_size, variant.width, variant.grid
        image = torch.empty(1, 3, side, side, dtype=KIND)
        encode, one = kept(model, model.encode, image)
        model.trunk.requires_grad_(False)
        neck, _ = kept(model, model.encode, image)
        model.trunk.requires_grad_(True)
        rows = FrameFeatures(
            *(
                t.to(KIND).expand(OBJECTS, -1, -1, -1).clone()
                for t in (one.stride16, one.stride8, one.stride4)
            )
        )
        tokens = torch.empty(grid * grid, variant.memory_width, dtype=KIND)
        pointer = torch.empty(width, dtype=KIND)
        recall = _recall(tokens, pointer)
        attend, conditioned = kept(model, model.attend, rows, [recall] * OBJECTS)
        decode, candidates = kept(model, model.decode, conditioned, rows)
        truth = torch.empty(OBJECTS, side, side, dtype=torch.bool)
        loss, _ = kept(model, prediction_losses, candidates, truth, stride=1)
        resolved = Resolved(
            candidates.masks[:, :1],
            pointer.expand(OBJECTS, -1),
            torch.empty(OBJECTS),
            candidates.presence,
        )
        memorise, _ = kept(model, model.memorise, rows, resolved, index=0, from_prompt=False)
    parts = {
        "encode": (encode, FRAMES),
        "attend": (attend, FRAMES - ANCHORS),
        "decode": (decode, PASSES),
        "loss": (loss, PASSES),
        "memorise": (memorise, FRAMES),
    }
    shared = sum(_bytes(t) for t in (one.stride16, one.stride8, one.stride4, image))
    inputs = FRAMES * (shared * (1 + OBJECTS) + _bytes(conditioned) + OBJECTS * _bytes(tokens))
    inputs += PASSES * (2 * _bytes(candidates.masks) + _bytes(candidates.tokens))
    numbers = sum(parameter.numel() for parameter in model.parameters())
    trunk = sum(parameter.numel() for parameter in model.trunk.parameters())
    state, frozen = 4 * 5 * numbers, 4 * (5 * numbers - 3 * trunk)
    largest = max(size for size, _ in parts.values())
    small = max(neck, attend, decode, loss, memorise)
    return {
        "weights and optimiser": state / GB,
        "everything kept": (state + sum(size * count for size, count in parts.values())) / GB,
        "checkpointing": (state + inputs + largest) / GB,
        "checkpointing, trunk frozen": (frozen + inputs + small) / GB,
    }


def _recall(tokens: Tensor, pointer: Tensor) -> Recall:
    """What a row recalls once its memory is full."""
    count, scalar = 6 + ANCHORS, torch.empty(())
    memory = MemoryFrame(0, tokens, pointer, scalar, scalar)
    offsets = tuple(range(1, count + 1))
    return Recall((memory,) * count, (*range(6), 6, 6), (pointer,) * count, offsets)


def _cast(_: nn.Module, args: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return (args[0].to(KIND), *args[1:])


def _bytes(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()


def main() -> None:
    F.scaled_dot_product_attention = lambda q, k, v, **_: _Fused.apply(q, k, v)
    for size in ("tiny", "small", "base_plus", "large"):
        name = f"sam2.1_hiera_{size}"
        shown = "  ".join(f"{what} {value:5.1f}" for what, value in estimate(name).items())
        print(f"{name:22} GB: {shown}")


if __name__ == "__main__":
    main()
