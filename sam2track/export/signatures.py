"""What goes into each exported graph and what comes out: names, shapes, types and meanings.

In: a model, and the sizes that are fixed. Out: a :class:`Graph` for each of the four parts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

from torch import nn

from ..model import SAM2
from .graphs import ImageEncoder, MaskDecoder, MemoryAttention, MemoryEncoder


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many rows, memories, pointers and points the graphs take; None = any number from 1."""

    rows: int | None = None
    memories: int | None = None
    pointers: int | None = None
    points: int | None = None


@dataclass(frozen=True, slots=True)
class Value:
    """What goes into a graph or comes out."""

    shape: tuple[int | str, ...]  # numbers, and names of Sizes
    meaning: str
    dtype: str = "float32"  # NumPy's name


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """A module with what goes in, in the order of its arguments, and what comes out."""

    module: nn.Module
    inputs: Mapping[str, Value]
    outputs: Mapping[str, Value]


def graphs_of(model: SAM2, sizes: Sizes) -> dict[str, Graph]:
    """The graphs of a model by name, with the sizes that are fixed in the shapes.

    Raises:
        ValueError: if the model averages memory tokens; whether a memory is averaged depends on the
            number of memories.
    """
    if model.variant.pooling.side > 1:
        raise ValueError("a model that averages memory tokens (pooling) cannot be exported")
    fixed = {name: size for name, size in asdict(sizes).items() if size is not None}

    def shaped(values: Mapping[str, Value]) -> dict[str, Value]:
        return {
            name: replace(value, shape=tuple(fixed.get(str(d), d) for d in value.shape))
            for name, value in values.items()
        }

    return {
        name: replace(graph, inputs=shaped(graph.inputs), outputs=shaped(graph.outputs))
        for name, graph in _graphs(model).items()
    }


def _graphs(model: SAM2) -> dict[str, Graph]:
    variant = model.variant
    width, side, size = variant.width, variant.grid, variant.image_size
    low, tokens = 4 * side, len(model.compression.places)
    stride16 = Value(("rows", width, side, side), "features of the frame at stride 16")
    skips = {}
    if model.mask_decoder.conv_s0 is not None:
        skips = {
            "stride8": Value(("rows", width // 4, 2 * side, 2 * side), "features at stride 8"),
            "stride4": Value(("rows", width // 8, low, low), "features at stride 4"),
        }
    encoded = {"stride16": stride16, **skips}
    return {
        "image_encoder": Graph(
            ImageEncoder(model),
            {"image": Value((1, 3, size, size), "RGB of 0..1, minus mean, divided by std")},
            {name: replace(x, shape=(1, *x.shape[1:])) for name, x in encoded.items()},
        ),
        "memory_attention": _memory_attention(model, stride16),
        "mask_decoder": _mask_decoder(model, stride16, skips),
        "memory_encoder": Graph(
            MemoryEncoder(model),
            {
                "stride16": stride16,
                "logits": Value(("rows", 1, low, low), "mask logits at stride 4"),
                "presence": Value(("rows", 1), "logit: above 0 the object is in the frame"),
                "from_prompt": Value(("rows",), "1 = the mask is of a prompt, 0 = tracked"),
            },
            {"memory": Value(("rows", tokens, variant.memory_width), "tokens of the memory")},
        ),
    }


def _memory_attention(model: SAM2, stride16: Value) -> Graph:
    variant, tokens = model.variant, len(model.compression.places)
    memories, pointers = ("rows", "memories"), ("rows", "pointers")
    slots = (
        "0 = memory of the frame before, 1 = of the one before that, ...; "
        f"{variant.slots - 1} = of a prompted frame"
    )
    return Graph(
        MemoryAttention(model),
        {
            "stride16": stride16,
            "memories": Value((*memories, tokens, variant.memory_width), "tokens of each memory"),
            "slots": Value(memories, slots, "int64"),
            "weights": Value(memories, "factor of the memory's keys; usually 1"),
            "memory_mask": Value(memories, "0 = used, -inf = not there"),
            "pointers": Value((*pointers, variant.width), "pointers of the object"),
            "distances": Value(pointers, "frames since each pointer, divided by span - 1"),
            "pointer_mask": Value(pointers, "0 = used, -inf = not there"),
        },
        {"conditioned": Value(stride16.shape, "features conditioned on memories")},
    )


def _mask_decoder(model: SAM2, stride16: Value, skips: Mapping[str, Value]) -> Graph:
    width, low = model.variant.width, 4 * model.variant.grid
    labels = (
        "1 and 0 = click on and off the object, 2 and 3 = corners of a box, -1 = no prompt, "
        "-2 = not there"
    )
    return Graph(
        MaskDecoder(model),
        {
            "conditioned": Value(stride16.shape, "features conditioned on memories"),
            "coords": Value(("rows", "points", 2), "(x, y) in pixels of the square input"),
            "labels": Value(("rows", "points"), labels, "int64"),
            "mask": Value(("rows", 1, low, low), "logits of an earlier mask"),
            "mask_given": Value(("rows",), "1 = the mask is used, 0 = it is not"),
            **skips,
        },
        {
            "masks": Value(("rows", 4, low, low), "logits of four masks"),
            "scores": Value(("rows", 4), "predicted IoU of each mask, 0..1"),
            "pointers": Value(("rows", 4, width), "pointer of each mask"),
            "presence": Value(("rows", 1), "logit: above 0 the object is in the frame"),
        },
    )
