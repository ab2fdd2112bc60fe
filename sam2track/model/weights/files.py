"""Weights in files: reads safetensors and PyTorch checkpoints of any layout, writes safetensors.

Our files hold fp16 tensors under our names, with the variant in the metadata. Loading is strict,
and no code in a file is executed.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from ...files import write_whole
from ..sam import SAM
from ..sam2 import SAM2
from .names import from_layout, infer_variants

TRUNK = "trunk"  # value of the metadata's "part" in a file without the rest of the model


class CheckpointError(ValueError):
    """A file does not hold the weights that were asked for."""


def read_state(path: str | Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The state dict and the metadata of a ``.safetensors`` file or a PyTorch checkpoint.

    Raises:
        CheckpointError: if there is no such file, or it is neither.
    """
    if not isinstance(path, (str, Path)) or not str(path):
        raise CheckpointError(f"the checkpoint is {path!r}; give a path, or None for the default")
    path = Path(path).expanduser()
    if not path.is_file():
        raise CheckpointError(f"no such checkpoint: {path}")
    if path.suffix == ".safetensors":
        try:
            with safe_open(path, framework="pt") as stored:
                return {name: stored.get_tensor(name) for name in stored.keys()}, (  # noqa: SIM118
                    stored.metadata() or {}
                )
        except SafetensorError as fault:
            raise CheckpointError(f"{path} is not a safetensors file: {fault}") from None
    try:
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=False)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError, OSError):
        raise CheckpointError(
            f"{path} is not a PyTorch checkpoint of plain tensors, or is cut off; it was not "
            "executed. Give an official .pt or .pth, or a .safetensors file"
        ) from None
    state = content.get("model", content) if isinstance(content, dict) else content
    if not isinstance(state, dict) or not all(
        isinstance(k, str) and isinstance(v, Tensor) and v.layout == torch.strided and not v.is_meta
        for k, v in state.items()
    ):
        raise CheckpointError(f"{path} holds no state dict of plain tensors, nor under 'model'")
    return state, {}


def load_weights(model: SAM2 | SAM, path: str | Path, name: str = "") -> None:
    """Load a checkpoint of any layout into a model, strictly.

    Args:
        name: the variant's name, for messages.

    Raises:
        CheckpointError: it says what differs.
    """
    stored, metadata = read_state(path)
    state = from_layout(stored, model.state_dict())
    known = [metadata["variant"]] if "variant" in metadata else infer_variants(state)
    holds = " or ".join(known)
    if metadata.get("part") == TRUNK:
        raise CheckpointError(
            f"{path} holds the trunk of {holds} alone; give a whole model's checkpoint, "
            "or train one from it: sam2track train trunk=FILE"
        )
    if name and known and name not in known:
        raise CheckpointError(
            f"{path} holds {holds}, but model={name} was asked for; use model={known[0]}"
        )
    _load(model, state, str(path), name or "the model")


def load_trunk(trunk: nn.Module, path: str | Path, name: str = "") -> None:
    """:func:`load_weights` for a trunk, from a file of the trunk only or of a whole model."""
    whole = nn.ModuleDict({"trunk": trunk})
    stored, metadata = read_state(path)
    state = from_layout(stored, whole.state_dict())
    state = {key: tensor for key, tensor in state.items() if key.startswith("trunk.")}
    source = f"{path} (of {metadata['variant']})" if "variant" in metadata else str(path)
    _load(whole, state, source, f"the trunk of {name or 'the model'}")


def _load(module: nn.Module, state: dict[str, Tensor], source: str, what: str) -> None:
    """Load tensors, unless they are not exactly those expected."""
    expected = module.state_dict()
    misshapen = [
        f"{key} is {tuple(state[key].shape)} instead of {tuple(expected[key].shape)}"
        for key in expected.keys() & state.keys()
        if state[key].shape != expected[key].shape
    ]
    lacking, surplus = expected.keys() - state.keys(), state.keys() - expected.keys()
    for verb, found in (("lacks", lacking), ("also holds", surplus), ("", misshapen)):
        if found:
            more = f" and {len(found) - 3} more" if len(found) > 3 else ""
            listed = ", ".join(sorted(found)[:3]) + more
            raise CheckpointError(f"{source} does not fit {what}: {verb} {listed}")
    module.load_state_dict({key: tensor.float() for key, tensor in state.items()})


def save_weights(
    model: nn.Module, path: str | Path, variant: str, metadata: Mapping[str, str] = {}
) -> None:
    """Save as fp16 safetensors under our names; the file is written completely or not at all."""
    state = model.state_dict()
    state = {key: value.half().cpu().contiguous() for key, value in state.items()}
    stored = save(state, metadata={**metadata, "variant": variant})
    write_whole(Path(path), lambda file: file.write(stored))


def save_trunk(
    trunk: nn.Module, path: str | Path, variant: str, metadata: Mapping[str, str] = {}
) -> None:
    """Save only a trunk, as :func:`save_weights` does; for :func:`load_trunk`."""
    whole = nn.ModuleDict({"trunk": trunk})
    save_weights(whole, path, variant, {**metadata, "part": TRUNK})
