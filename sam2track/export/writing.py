"""Writes a model as graphs for other runtimes: ONNX, or programs of ``torch.export``.

In: a model and a folder. Out: a file for each graph, and ``model.json``, which describes them and
holds the constants that the host needs (docs/export.md). The metadata of ONNX files hold it too.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from ..files import whole_folder, write_text
from ..model import SAM2
from ..model.exported import DESCRIPTION
from ..model.sam2 import ABSENT
from ..types import ANCHOR_SLOT
from .signatures import Graph, Sizes, graphs_of

FORMATS = {"onnx": ".onnx", "torch": ".pt2"}
PRECISIONS = ("fp32", "fp16", "int8")
MOST = 4096  # of a size that is not fixed


def write_model(
    model: SAM2,
    name: str,
    folder: str | Path,
    *,
    to: str = "onnx",
    precision: str = "fp32",
    sizes: Sizes | None = None,
) -> None:
    """Write a model into a new folder, whole or not at all.

    Args:
        model: in fp32, on the CPU.
        name: of its variant.
        to: ``onnx``, or ``torch`` for programs of ``torch.export``.
        precision: of stored weights, for ONNX: ``fp32``, ``fp16`` (computed in fp32), or ``int8``
            (matrix products in whole numbers, :mod:`.onnx_files`).
        sizes: that are fixed; default: none is.

    Raises:
        ValueError: an unknown format or precision, a model that cannot be exported, missing
            packages, or a folder that is not empty.
    """
    if to not in FORMATS or precision not in PRECISIONS:
        raise ValueError(
            f"to={to}, precision={precision}: choose to= of {', '.join(FORMATS)} and precision= of "
            f"{', '.join(PRECISIONS)}"
        )
    if to == "torch" and precision != "fp32":
        raise ValueError(f"precision={precision} is for to=onnx; to=torch writes fp32")
    if to == "onnx":
        _need_onnx()
    graphs = graphs_of(model, sizes or Sizes())
    about = describe(model, name, graphs, to, precision)
    with whole_folder(folder) as temporary:
        for part, graph in graphs.items():
            program = trace(graph)
            path = temporary / about["graphs"][part]["file"]
            if to == "torch":
                torch.export.save(program, path)
            else:
                from .onnx_files import write_onnx

                write_onnx(program, graph, path, {**about, "graph": part}, precision)
        write_text(temporary / DESCRIPTION, json.dumps(about, indent=1))


def _need_onnx() -> None:
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise ValueError(f"to=onnx: {error}; pip install 'sam2track[onnx]'") from None


def trace(graph: Graph) -> torch.export.ExportedProgram:
    """A graph's module as a program of PyTorch operations."""
    example = {"rows": 2, "memories": 3, "pointers": 5, "points": 4}
    inputs, dynamic = [], []
    for value in graph.inputs.values():
        shape = [example[d] if isinstance(d, str) else d for d in value.shape]
        inputs.append(torch.zeros(shape, dtype=getattr(torch, value.dtype)))
        named = {place: d for place, d in enumerate(value.shape) if isinstance(d, str)}
        dynamic.append({k: torch.export.Dim(d, min=1, max=MOST) for k, d in named.items()})
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of PyTorch, for its own programmers
        return torch.export.export(
            graph.module, tuple(inputs), dynamic_shapes=tuple(dynamic), strict=False
        )


def describe(
    model: SAM2, name: str, graphs: Mapping[str, Graph], to: str, precision: str
) -> dict[str, Any]:
    """The content of ``model.json``."""
    variant = model.variant
    kernel = model.mask_downsample
    return {
        "format": to,
        "model": name,
        "precision": precision,
        "weights_sha256": weights_hash(model),
        "made_by": f"sam2track {version('sam2track')}, torch {torch.__version__}",
        "image_size": variant.image_size,
        "mean": variant.mean,
        "std": variant.std,
        "anchor_slot": variant.slots + ANCHOR_SLOT,
        "span": 16,
        "stability_delta": 0.05,
        "stability_threshold": 0.98,
        "box_reach": variant.box_reach,
        "recalls_given": variant.recalls_given,
        "absent_logit": ABSENT,
        "no_memory": model.no_memory.flatten().tolist(),
        "no_pointer": model.no_pointer.flatten().tolist(),
        "mask_kernel": kernel.weight[0, 0].tolist(),
        "mask_bias": 0.0 if kernel.bias is None else kernel.bias.item(),
        "graphs": {
            part: {"file": part + FORMATS[to], **_plain(graph)} for part, graph in graphs.items()
        },
    }


def _plain(graph: Graph) -> dict[str, dict[str, Any]]:
    sides = {"inputs": graph.inputs, "outputs": graph.outputs}
    return {side: {k: asdict(v) for k, v in values.items()} for side, values in sides.items()}


def weights_hash(model: SAM2) -> str:
    """SHA-256 of the names, shapes and values of all weights."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(f"{name} {tuple(tensor.shape)}".encode())
        digest.update(tensor.float().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
