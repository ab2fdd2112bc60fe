"""Weights in and out.

Three layouts hold the same tensors: ours (safetensors, with the variant in the metadata), the
official release (``sam2*_hiera_*.pt``) and that of ``transformers``' ``Sam2VideoModel``
(``model.safetensors`` in the ``facebook/sam2*`` repositories). Loading is strict, and nothing in
a file is ever executed.
"""

from __future__ import annotations

import os
import pickle
import re
from collections.abc import Iterable
from contextlib import suppress
from importlib.resources import files
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from ..device import pick_device, pick_precision
from .hiera import HieraSpec
from .sam2 import SAM2
from .variants import VARIANTS, find_variant

# Roots that are named otherwise in the official release: (ours, theirs).
OFFICIAL_ROOTS = (
    ("trunk.", "image_encoder.trunk."),
    ("neck.", "image_encoder.neck."),
    ("prompt_encoder.", "sam_prompt_encoder."),
    ("mask_decoder.", "sam_mask_decoder."),
    ("memory_tokens.temporal", "maskmem_tpos_enc"),
    ("memory_tokens.pointer_position.", "obj_ptr_tpos_proj."),
    ("pointer_projection.", "obj_ptr_proj."),
    ("no_memory", "no_mem_embed"),
    ("no_pointer", "no_obj_ptr"),
    ("absent_memory", "no_obj_embed_spatial"),
)

# In transformers, after the roots above are undone: (pattern in our name, theirs), in this order.
HUGGINGFACE_PATTERNS = (
    (r"^trunk\.patch_embed\.proj\.", "trunk.patch_embed.projection."),
    (r"^trunk\.", "vision_encoder.backbone."),
    (r"^neck\.convs\.(\d)\.conv\.", r"vision_encoder.neck.convs.\1."),
    (r"^memory_tokens\.temporal$", "memory_temporal_positional_encoding"),
    (r"^memory_tokens\.pointer_position\.", "temporal_positional_encoding_projection_layer."),
    (r"^pointer_projection\.", "object_pointer_proj."),
    (r"^no_memory$", "no_memory_embedding"),
    (r"^no_pointer$", "no_object_pointer"),
    (r"^absent_memory$", "occlusion_spatial_embedding_parameter"),
    (r"^prompt_encoder\.pe_layer\..*", "prompt_encoder.shared_embedding.positional_embedding"),
    (r"^prompt_encoder\.mask_downscaling\.0\.", "prompt_encoder.mask_embed.conv1."),
    (r"^prompt_encoder\.mask_downscaling\.1\.", "prompt_encoder.mask_embed.layer_norm1."),
    (r"^prompt_encoder\.mask_downscaling\.3\.", "prompt_encoder.mask_embed.conv2."),
    (r"^prompt_encoder\.mask_downscaling\.4\.", "prompt_encoder.mask_embed.layer_norm2."),
    (r"^prompt_encoder\.mask_downscaling\.6\.", "prompt_encoder.mask_embed.conv3."),
    (r"^mask_decoder\.output_upscaling\.0\.", "mask_decoder.upscale_conv1."),
    (r"^mask_decoder\.output_upscaling\.1\.", "mask_decoder.upscale_layer_norm."),
    (r"^mask_decoder\.output_upscaling\.3\.", "mask_decoder.upscale_conv2."),
    (
        r"^memory_encoder\.mask_downsampler\.encoder\.12\.",
        "memory_encoder.mask_downsampler.final_conv.",
    ),
    (r"^memory_encoder\.pix_feat_proj\.", "memory_encoder.feature_projection."),
    (r"^memory_encoder\.out_proj\.", "memory_encoder.projection."),
    (r"^memory_encoder\.fuser\.", "memory_encoder.memory_fuser."),
    (r"\.gamma$", ".scale"),
    (r"\.dwconv\.", ".depthwise_conv."),
    (r"\.pwconv(\d)\.", r".pointwise_conv\1."),
    (r"\.norm_final_attn\.", ".layer_norm_final_attn."),
    (r"\.norm(\d?)\.", r".layer_norm\1."),
    (r"\.out_proj\.", ".o_proj."),
    # An MLP of two layers is proj_in, proj_out there; one of three has layers.0 between them.
    (r"(\.mlp)\.layers\.1\.", r"\1.proj_out."),
    (r"(\.mlp|_mlps\.\d|_head|object_pointer_proj)\.layers\.0\.", r"\1.proj_in."),
    (r"(_mlps\.\d|_head|object_pointer_proj)\.layers\.1\.", r"\1.layers.0."),
    (r"(_mlps\.\d|_head|object_pointer_proj)\.layers\.2\.", r"\1.proj_out."),
)

# Tensors of the other layouts that no computation reads: a SAM 2 frame without memories skips
# attention, so the position of its "no memory" token is unused; the second is a copy.
UNUSED = {
    "no_mem_pos_enc",
    "no_memory_positional_encoding",
    "shared_image_embedding.positional_embedding",
}


TRUNK = "trunk"  # what the metadata calls a file without the rest of the model


HUB_TIMEOUT = 5.0  # seconds in which the Hugging Face hub must answer


class CheckpointError(ValueError):
    """A file does not hold the weights that were asked for."""


def official_name(ours: str) -> str:
    """The official release's name of one of our tensors."""
    for mine, theirs in OFFICIAL_ROOTS:
        if ours.startswith(mine):
            return theirs + ours[len(mine) :]
    return ours


def huggingface_name(ours: str) -> str:
    """The name of one of our tensors in ``transformers``."""
    # The mask downsampler's (convolution, norm, activation) triples are modules of their own.
    match = re.match(r"^memory_encoder\.mask_downsampler\.encoder\.(\d+)\.(.*)", ours)
    if match and int(match[1]) < 12:
        layer, part = divmod(int(match[1]), 3)
        kind = "conv" if part == 0 else "layer_norm"
        return f"memory_encoder.mask_downsampler.layers.{layer}.{kind}.{match[2]}"
    for pattern, theirs in HUGGINGFACE_PATTERNS:
        ours = re.sub(pattern, theirs, ours)
    return ours


def to_official(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Our state dict under the official names, complete for their strict loading."""
    official = {official_name(name): tensor for name, tensor in state.items()}
    official["no_mem_pos_enc"] = torch.zeros_like(official["no_mem_embed"])
    return official


def from_layout(state: dict[str, Tensor], names: Iterable[str]) -> dict[str, Tensor]:
    """A state dict of any layout under our names; what fits no name keeps its own."""
    state = {name: tensor for name, tensor in state.items() if name not in UNUSED}
    if any(name.startswith("vision_encoder.") for name in state):
        rename = {huggingface_name(name): name for name in names}
        kinds = state.pop("prompt_encoder.point_embed.weight", None)
        for kind, row in enumerate([] if kinds is None else kinds):
            state[f"prompt_encoder.point_embeddings.{kind}.weight"] = row[None]
    else:
        rename = {official_name(name): name for name in names}
    return {rename.get(name, name): tensor for name, tensor in state.items()}


def read_state(path: str | Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and metadata of a ``.safetensors`` file or a PyTorch checkpoint.

    Raises:
        CheckpointError: if there is no such file, or it is neither.
    """
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
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError):
        raise CheckpointError(
            f"{path} is not a PyTorch checkpoint of plain tensors; it was not executed. "
            "Give an official sam2*.pt or a .safetensors file"
        ) from None
    state = content.get("model", content) if isinstance(content, dict) else content
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()):
        raise CheckpointError(f"{path} holds no state dict, neither itself nor under 'model'")
    return state, {}


def infer_variant(state: dict[str, Tensor]) -> str | None:
    """The name of the official variant whose weights these are (our names), if it is one."""
    blocks = len({name.split(".")[2] for name in state if name.startswith("trunk.blocks.")})
    patch = state.get("trunk.patch_embed.proj.weight")
    for name, variant in VARIANTS.items():
        trunk = variant.trunk
        if (
            isinstance(trunk, HieraSpec)
            and patch is not None
            and (len(patch), blocks) == (trunk.width, sum(trunk.depths))
            and variant.knows_absence == ("absent_memory" in state)
        ):
            return name
    return None


def load_weights(model: SAM2, path: str | Path, name: str = "") -> None:
    """Load a checkpoint of any layout into a model, strictly.

    Args:
        name: the variant's name, for messages.

    Raises:
        CheckpointError: saying what disagrees.
    """
    state, metadata = read_state(path)
    expected = model.state_dict()
    state = from_layout(state, expected)
    holds = metadata.get("variant") or infer_variant(state)
    if metadata.get("part") == TRUNK:
        raise CheckpointError(
            f"{path} holds the trunk of {holds} alone; give a whole model's checkpoint, "
            "or train one from it: sam2track train trunk=FILE"
        )
    if name and holds and holds != name:
        raise CheckpointError(
            f"{path} holds {holds}, but model={name} was asked for; use model={holds}"
        )
    _check_fit(state, expected, str(path), name or "the model")
    model.load_state_dict({key: tensor.float() for key, tensor in state.items()})


def load_trunk(trunk: nn.Module, path: str | Path, name: str = "") -> None:
    """Load an image encoder's trunk, strictly, from a file of it alone or of a whole model.

    Args:
        name: of the variant that the trunk belongs to, for messages.

    Raises:
        CheckpointError: saying what disagrees.
    """
    state, metadata = read_state(path)
    expected = {f"trunk.{key}": tensor for key, tensor in trunk.state_dict().items()}
    state = from_layout(state, expected)
    state = {key: tensor for key, tensor in state.items() if key.startswith("trunk.")}
    source = f"{path} (of {metadata['variant']})" if "variant" in metadata else str(path)
    _check_fit(state, expected, source, f"the trunk of {name or 'the model'}")
    trunk.load_state_dict({key[len("trunk.") :]: value.float() for key, value in state.items()})


def _check_fit(
    state: dict[str, Tensor], expected: dict[str, Tensor], source: str, what: str
) -> None:
    """Refuse tensors that are not exactly those expected."""
    missing = sorted(expected.keys() - state.keys())
    surplus = sorted(state.keys() - expected.keys())
    misshapen = [
        f"{key} is {tuple(state[key].shape)} instead of {tuple(expected[key].shape)}"
        for key in expected.keys() & state.keys()
        if state[key].shape != expected[key].shape
    ]
    for verb, found in (("lacks", missing), ("also holds", surplus), ("", misshapen)):
        if found:
            more = f" and {len(found) - 3} more" if len(found) > 3 else ""
            listed = ", ".join(found[:3]) + more
            raise CheckpointError(f"{source} does not fit {what}: {verb} {listed}")


def save_weights(
    model: SAM2, path: str | Path, variant: str, metadata: dict[str, str] | None = None
) -> None:
    """Save as fp16 safetensors under our names; the file appears whole or not at all."""
    _save(model.state_dict(), path, {**(metadata or {}), "variant": variant})


def save_trunk(
    trunk: nn.Module, path: str | Path, variant: str, metadata: dict[str, str] | None = None
) -> None:
    """Save a trunk alone, as :func:`save_weights` does; for :func:`load_trunk`."""
    state = {f"trunk.{key}": tensor for key, tensor in trunk.state_dict().items()}
    _save(state, path, {**(metadata or {}), "variant": variant, "part": TRUNK})


def _save(state: dict[str, Tensor], path: str | Path, metadata: dict[str, str]) -> None:
    path = Path(path)
    state = {name: tensor.detach().half().cpu().contiguous() for name, tensor in state.items()}
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_bytes(save(state, metadata=metadata))
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def packaged_weights(name: str) -> Path | None:
    """The weights that come with the package, if they do."""
    path = Path(str(files("sam2track"))) / "weights" / f"{name}.safetensors"
    return path if path.is_file() else None


def fetch_weights(name: str) -> Path:
    """The released weights from the Hugging Face hub's cache, or else from the hub.

    Raises:
        CheckpointError: without a network; it says which file to put where.
    """
    from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url
    from huggingface_hub.errors import LocalEntryNotFoundError

    repository, file = "facebook/" + name.replace("_", "-"), "model.safetensors"
    with suppress(LocalEntryNotFoundError):
        return Path(hf_hub_download(repository, file, local_files_only=True))
    url = hf_hub_url(repository, file)
    try:
        # One question first: the download itself asks for more than a minute before it gives up.
        get_hf_file_metadata(url, timeout=HUB_TIMEOUT)
        return Path(hf_hub_download(repository, file))
    except Exception:  # which, depends on the version of the hub's library
        raise CheckpointError(
            f"the weights of {name} are not on this machine and {url} can't be reached; "
            f"download that file (or the release's {name}.pt) elsewhere and give checkpoint=PATH"
        ) from None


def load_model(
    name: str = "nano",
    checkpoint: str | Path | None = None,
    *,
    device: str | torch.device = "auto",
    precision: str = "auto",
    compile: bool = False,
) -> SAM2:
    """A model ready to track.

    Args:
        name: one of :data:`sam2track.model.variants.VARIANTS`: ``nano``, which comes with the
            package, or ``sam2.1_hiera_{tiny,small,base_plus,large}`` or ``sam2_hiera_...``.
        checkpoint: an official ``.pt``, a ``.safetensors`` of ``transformers`` or of ours;
            default: the packaged weights, or the released ones from the Hugging Face hub.
        device: ``auto`` (CUDA if there is one), ``cpu``, ``cuda``, ``cuda:1``, ...
        precision: ``auto`` (bf16 on CUDA and on CPUs with AMX or AVX512_BF16, else fp32), ``fp32``,
            ``bf16`` or ``fp16``. Weights are kept in it: to do more than track, ask for ``fp32``.
        compile: compile the network's parts with ``torch.compile``; the first frames are slow.

    Raises:
        ValueError: unknown model, device or precision.
        CheckpointError: the weights can't be had, or are others.
    """
    variant = find_variant(name)
    target = pick_device(device)
    dtype = pick_precision(precision, target)
    path = checkpoint or packaged_weights(name) or fetch_weights(name)
    model = SAM2(variant).eval()
    load_weights(model, path, name)
    model = model.to(target).requires_grad_(False)
    model.lower(dtype)
    if compile:
        model.compile_parts()
    return model
