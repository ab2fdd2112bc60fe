"""A tracker whose computations run as exported graphs, in ONNX Runtime or as PyTorch programs.

In: a folder that ``sam2track convert`` has written. Out: a model for
:class:`sam2track.TrackingSession`. Only the graphs' own work is done by them; what memory recalls,
and the choice among masks, are as in :class:`SAM2`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn, TypeGuard

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from ..types import Candidates, FrameFeatures, PromptTokens, Recall, Resolved
from .sam2 import SAM2
from .variants import Variant, find_variant
from .weights import CheckpointError

DESCRIPTION = "model.json"  # of the graphs in a folder
UNUSED = -2  # label of a point that is not there
FILLINGS = {"labels": UNUSED, "memory_mask": -torch.inf, "pointer_mask": -torch.inf}
Run = Callable[[Mapping[str, Tensor]], Sequence[Tensor]]  # a graph


class ExportedSAM2(SAM2):
    """SAM 2 with graphs in the place of its parts. It has no weights of its own.

    Args:
        about: the content of ``model.json``.
        variant: with the exported ``image_size``.
        graphs: by name.
    """

    def __init__(
        self, about: Mapping[str, Any], variant: Variant, graphs: Mapping[str, Run]
    ) -> None:
        with torch.device("meta"):  # without memory
            super().__init__(variant)
        for part in ("trunk", "neck", "memory_tokens", "memory_attention", "prompt_encoder"):
            delattr(self, part)
        for part in ("mask_decoder", "memory_encoder", "compression", "absent_memory"):
            delattr(self, part)
        self.about, self.graphs = about, graphs
        self.no_memory = _constant(about["no_memory"], 1, 1, -1)
        self.no_pointer = _constant(about["no_pointer"], 1, -1)
        self.mask_downsample = nn.Conv2d(1, 1, kernel_size=4, stride=4)
        self.mask_downsample.weight = _constant(about["mask_kernel"], 1, 1, 4, 4)
        self.mask_downsample.bias = _constant(about["mask_bias"], 1)
        self.pointer_projection = nn.Identity()  # the graph's tokens are pointers
        self.mean = torch.tensor(variant.mean)[:, None, None]
        self.std = torch.tensor(variant.std)[:, None, None]
        self.eval().requires_grad_(False)

    @property
    def rows_at_once(self) -> int | None:
        return 1 if self._size("mask_decoder", "labels", 0) == 1 else super().rows_at_once

    def lower(self, precision: torch.dtype) -> None:
        if precision != torch.float32:
            _refuse("computes in the precision of its files; leave precision= out")

    def pool_memory(self, side: int) -> None:
        if side != 1:
            _refuse("attends to all memory tokens; leave memory.pool= out")

    def compile_parts(self) -> None:
        _refuse("is not compiled; leave compile= out")

    def encode(self, image: Float[Tensor, "B 3 S S"]) -> FrameFeatures:
        return FrameFeatures(*self._run("image_encoder", {"image": image}))

    def begin(self, features: FrameFeatures) -> FrameFeatures:
        return features  # the graph of memory attention begins itself

    def condition(
        self, features: FrameFeatures, recalls: Sequence[Recall]
    ) -> Float[Tensor, "R C h w"]:
        rows = len(recalls)
        stride16, most = features.stride16.expand(rows, -1, -1, -1), self.rows_at_once or rows
        starts = range(0, rows, most)
        parts = [(stride16[i : i + most], recalls[i : i + most]) for i in starts]
        return torch.cat([self._attended(*part) for part in parts])

    def _attended(
        self, stride16: Float[Tensor, "R C h w"], recalls: Sequence[Recall]
    ) -> Float[Tensor, "R C h w"]:
        """Memory attention of as many rows as its graph takes."""
        rows, (memories, pointers) = len(recalls), recalls[0].shape
        features = torch.stack([m.features for own in recalls for m in own.memories])
        weights = [own.weights or (1.0,) * memories for own in recalls]
        spatial = {
            "memories": features.float().unflatten(0, (rows, memories)),
            "slots": torch.tensor([own.slots for own in recalls]) % self.variant.slots,
            "weights": torch.tensor(weights),
            "memory_mask": torch.zeros(rows, memories),
        }
        temporal = {
            "pointers": torch.zeros(rows, pointers, self.variant.width),
            "distances": torch.zeros(rows, pointers),
            "pointer_mask": torch.zeros(rows, pointers),
        }
        if pointers:
            temporal["pointers"] = torch.stack([torch.stack(own.pointers) for own in recalls])
            ago = [[offset / (own.span - 1) for offset in own.offsets] for own in recalls]
            temporal["distances"] = torch.tensor(ago)
        spatial = self._filled("memory_attention", "memories", spatial)
        temporal = self._filled("memory_attention", "pointers", temporal)
        given = {"stride16": stride16, **spatial, **temporal}
        return self._run("memory_attention", given)[0]

    def predict(
        self, conditioned: Float[Tensor, "R C h w"], features: FrameFeatures, prompts: PromptTokens
    ) -> Candidates:
        rows, side, mask = len(prompts.labels), 4 * self.variant.grid, prompts.mask
        points = {"coords": prompts.coords.float(), "labels": prompts.labels.long()}
        given = {
            "conditioned": conditioned,
            **self._filled("mask_decoder", "labels", points),
            "mask": torch.zeros(rows, 1, side, side) if mask is None else mask,
            "mask_given": torch.full((rows,), float(mask is not None)),
        }
        skips = {"stride8": features.stride8, "stride4": features.stride4}
        given |= {k: x.expand(rows, -1, -1, -1) for k, x in skips.items() if x is not None}
        masks, scores, pointers, presence = self._run("mask_decoder", given)
        return Candidates(masks, scores, pointers, presence)

    def predict_unprompted(
        self, conditioned: Float[Tensor, "R C h w"], features: FrameFeatures
    ) -> Candidates:
        return self.predict(conditioned, features, self.no_prompts(len(conditioned)))

    def spatial_memory(
        self, stride16: Float[Tensor, "#R C h w"], resolved: Resolved, from_prompt: bool
    ) -> Float[Tensor, "R T D"]:
        rows = len(resolved.scores)
        given = {
            "stride16": stride16.expand(rows, -1, -1, -1),
            "logits": resolved.logits,
            "presence": resolved.presence,
            "from_prompt": torch.full((rows,), float(from_prompt)),
        }
        return self._run("memory_encoder", given)[0]

    def _run(self, name: str, given: Mapping[str, Tensor]) -> Sequence[Tensor]:
        """The outputs of a graph; row by row if it takes one only."""
        rows = len(next(iter(given.values())))
        if rows == 1 or self._size(name, next(iter(given)), 0) != 1:
            return self.graphs[name](given)
        parts = [
            self.graphs[name]({k: x[i : i + 1] for k, x in given.items()}) for i in range(rows)
        ]
        return [torch.cat(own) for own in zip(*parts, strict=True)]

    def _size(self, graph: str, name: str, axis: int) -> int | None:
        """A fixed size of an input; None = it is not fixed."""
        size = self.about["graphs"][graph]["inputs"][name]["shape"][axis]
        return size if isinstance(size, int) else None

    def _filled(self, graph: str, name: str, given: dict[str, Tensor]) -> dict[str, Tensor]:
        """Inputs with masked entries on their second axis: as many as the graph takes, from one.

        Args:
            name: of the one that tells how many there are.

        Raises:
            ValueError: if there are more than the graph takes.
        """
        count, fixed = given[name].shape[1], self._size(graph, name, 1)
        if fixed is not None and count > fixed:
            kind = "points" if name == "labels" else name
            raise ValueError(
                f"the exported model takes {fixed} {kind}, but there are {count}; export it with "
                f"{kind}={count}, or without {kind}= for any number"
            )
        lacking = max(fixed or 1, count) - count
        return {
            key: F.pad(x, (*(0, 0) * (x.dim() - 2), 0, lacking), value=FILLINGS.get(key, 0))
            for key, x in given.items()
        }


def _constant(values: object, *shape: int) -> nn.Parameter:
    return nn.Parameter(torch.tensor(values).reshape(shape))


def _refuse(what: str) -> NoReturn:
    raise ValueError(f"an exported model {what}")


def is_exported(path: str | Path | None) -> TypeGuard[str | Path]:
    """Whether a path leads to a folder with an exported model."""
    if not isinstance(path, (str, os.PathLike)) or not str(path):
        return False
    return (Path(path).expanduser() / DESCRIPTION).is_file()


def load_exported(
    folder: str | Path, name: str, *, device: torch.device, trusted: bool = False
) -> ExportedSAM2:
    """A model of a folder that ``sam2track convert`` has written.

    Args:
        name: the variant's name.
        device: that the graphs run on; tensors between them are on the CPU.
        trusted: programs of ``torch.export`` too, which hold pickles: these run code when they are
            loaded. Graphs of ONNX hold none.

    Raises:
        CheckpointError: if it holds another model, programs that are not trusted, or a file is
            missing, damaged or no graph.
        ValueError: if the runtime, or its part for the device, is missing.
    """
    folder = Path(folder).expanduser()
    about = _read_description(folder / DESCRIPTION)
    if about["model"] != name:
        raise CheckpointError(
            f"{folder} holds {about['model']}, but model={name} was asked for; "
            f"use model={about['model']}"
        )
    if about["format"] != "onnx" and not trusted:
        raise CheckpointError(
            f"{folder} holds programs of torch.export, which may run code when they are loaded; "
            "give graphs of ONNX (sam2track convert to=onnx)"
        )
    variant = replace(
        find_variant(name), image_size=about["image_size"], box_reach=about.get("box_reach")
    )
    model = ExportedSAM2(about, variant, {})
    threads = 1 if model.small_on_cpu else torch.get_num_threads()
    files = {part: folder / graph["file"] for part, graph in about["graphs"].items()}
    for path in files.values():
        if not path.is_file():
            raise CheckpointError(f"no such file: {path}; export the model again")
    if about["format"] == "onnx":
        model.graphs = {part: _onnx_graph(path, device, threads) for part, path in files.items()}
    else:
        model.graphs = {part: _torch_graph(path, device) for part, path in files.items()}
    return model


def _read_description(path: Path) -> dict[str, Any]:
    """The content of ``model.json``."""
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise CheckpointError(f"{path} is damaged: {error}; export the model again") from None
    needed = {"format", "model", "image_size", "graphs"}
    needed |= {"no_memory", "no_pointer", "mask_kernel", "mask_bias"}
    if not isinstance(about, dict) or not needed <= about.keys():
        raise CheckpointError(f"{path} does not describe a model of sam2track convert")
    return about


def _onnx_graph(path: Path, device: torch.device, threads: int) -> Run:
    """A graph in ONNX Runtime."""
    try:
        import onnxruntime
    except ImportError:
        raise ValueError(f"{path} needs onnxruntime; pip install 'sam2track[onnx]'") from None
    provider = "CUDAExecutionProvider" if device.type == "cuda" else "CPUExecutionProvider"
    if provider not in onnxruntime.get_available_providers():
        raise ValueError(
            f"device={device}: ONNX Runtime has no {provider}; install onnxruntime-gpu"
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    try:
        session = onnxruntime.InferenceSession(path, options, [provider])
    except Exception as error:  # of ONNX Runtime's own classes
        raise CheckpointError(f"{path} cannot be loaded: {error}") from None

    def run(given: Mapping[str, Tensor]) -> Sequence[Tensor]:
        arrays = {name: x.contiguous().numpy() for name, x in given.items()}
        return [torch.from_numpy(x) for x in session.run(None, arrays)]

    return run


def _torch_graph(path: Path, device: torch.device) -> Run:
    """A program of ``torch.export``."""
    if device.type != "cpu":
        raise ValueError(f"device={device}: programs of torch.export run on the CPU")
    try:
        program = torch.export.load(path).module()
    except Exception as error:  # of many classes
        raise CheckpointError(f"{path} cannot be loaded: {error}") from None
    return lambda given: program(*given.values())
