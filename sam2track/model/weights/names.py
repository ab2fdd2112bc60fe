"""Names of the model's tensors in every layout that holds them.

Ours (the state dict's), the official release's (``sam2*_hiera_*.pt``), and those of
``transformers``' ``Sam2VideoModel`` (``model.safetensors`` in the ``facebook/sam2*`` repositories).
Those of SAM are in :mod:`sam2track.model.weights.sam_names`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

import torch
from torch import Tensor

from ..backbones import Backbone
from ..variants import IMAGE_VARIANTS, VARIANTS
from .sam_names import from_sam_layout, is_sam

# Names that begin otherwise: (ours, the official release's, transformers').
ROOTS = (
    ("trunk.", "image_encoder.trunk.", "vision_encoder.backbone."),
    ("neck.", "image_encoder.neck.", "vision_encoder.neck."),
    ("prompt_encoder.", "sam_prompt_encoder.", "prompt_encoder."),
    ("mask_decoder.", "sam_mask_decoder.", "mask_decoder."),
    ("memory_tokens.temporal", "maskmem_tpos_enc", "memory_temporal_positional_encoding"),
    (
        "memory_tokens.pointer_position.",
        "obj_ptr_tpos_proj.",
        "temporal_positional_encoding_projection_layer.",
    ),
    ("pointer_projection.", "obj_ptr_proj.", "object_pointer_proj."),
    ("no_memory", "no_mem_embed", "no_memory_embedding"),
    ("no_pointer", "no_obj_ptr", "no_object_pointer"),
    ("absent_memory", "no_obj_embed_spatial", "occlusion_spatial_embedding_parameter"),
)

# What else differs in transformers: (pattern, theirs), in this order; the backbones' before the
# roots are replaced, the others after.
BACKBONE_PATTERNS = dict.fromkeys(
    pattern for variant in VARIANTS.values() for pattern in variant.trunk.transformers_names()
)
HUGGINGFACE_PATTERNS = (
    (r"(neck\.convs\.\d)\.conv\.", r"\1."),
    # The mask downsampler's (convolution, norm, activation) triples are modules of their own.
    *((rf"\.encoder\.{3 * k}\.", f".layers.{k}.conv.") for k in range(4)),
    *((rf"\.encoder\.{3 * k + 1}\.", f".layers.{k}.layer_norm.") for k in range(4)),
    (r"\.encoder\.12\.", ".final_conv."),
    (r"^prompt_encoder\.pe_layer\..*", "prompt_encoder.shared_embedding.positional_embedding"),
    (r"^prompt_encoder\.mask_downscaling\.0\.", "prompt_encoder.mask_embed.conv1."),
    (r"^prompt_encoder\.mask_downscaling\.1\.", "prompt_encoder.mask_embed.layer_norm1."),
    (r"^prompt_encoder\.mask_downscaling\.3\.", "prompt_encoder.mask_embed.conv2."),
    (r"^prompt_encoder\.mask_downscaling\.4\.", "prompt_encoder.mask_embed.layer_norm2."),
    (r"^prompt_encoder\.mask_downscaling\.6\.", "prompt_encoder.mask_embed.conv3."),
    (r"^mask_decoder\.output_upscaling\.0\.", "mask_decoder.upscale_conv1."),
    (r"^mask_decoder\.output_upscaling\.1\.", "mask_decoder.upscale_layer_norm."),
    (r"^mask_decoder\.output_upscaling\.3\.", "mask_decoder.upscale_conv2."),
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
# attention, so the position of its "no memory" token is unused; the third is a copy.
UNUSED = {
    "no_mem_pos_enc",
    "no_memory_positional_encoding",
    "shared_image_embedding.positional_embedding",
}

# What DistributedDataParallel and torch.compile put before names.
WRAPPERS = re.compile(r"(?:^|(?<=\.))(?:(?:module|_orig_mod)\.)+")


def official_name(ours: str) -> str:
    """The official release's name of one of our tensors."""
    return _replace_root(ours, 1)


def huggingface_name(ours: str) -> str:
    """The name of one of our tensors in ``transformers``."""
    for pattern, theirs in BACKBONE_PATTERNS:
        ours = re.sub(pattern, theirs, ours)
    ours = _replace_root(ours, 2)
    for pattern, theirs in HUGGINGFACE_PATTERNS:
        ours = re.sub(pattern, theirs, ours)
    return ours


def _replace_root(ours: str, layout: int) -> str:
    root = next((row for row in ROOTS if ours.startswith(row[0])), None)
    return root[layout] + ours[len(root[0]) :] if root else ours


def to_official(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Our state dict under the official names, complete for their strict loading."""
    official = {official_name(name): tensor for name, tensor in state.items()}
    official["no_mem_pos_enc"] = torch.zeros_like(official["no_mem_embed"])
    return official


def from_layout(state: dict[str, Tensor], names: Iterable[str]) -> dict[str, Tensor]:
    """A state dict of any layout under our names; a tensor that fits no name keeps its own."""
    state = {WRAPPERS.sub("", name): tensor for name, tensor in state.items()}
    if is_sam(state):
        return from_sam_layout(state, names)
    state = {name: tensor for name, tensor in state.items() if name not in UNUSED}
    if any(name.startswith("vision_encoder.") for name in state):
        rename = {huggingface_name(name): name for name in names}
        for kind, row in enumerate(state.pop("prompt_encoder.point_embed.weight", ())):
            state[f"prompt_encoder.point_embeddings.{kind}.weight"] = row[None]
    else:
        rename = {official_name(name): name for name in names}
    return {rename.get(name, name): tensor for name, tensor in state.items()}


def infer_variant(state: dict[str, Tensor]) -> str | None:
    """The name of the variant whose weights these are (our names), by the shapes of its trunk."""
    trunk = {name: tensor.shape for name, tensor in state.items() if name.startswith("trunk.")}
    for name, variant in VARIANTS.items():
        same_version = ("absent_memory" in state) == variant.sam2_1_embeddings
        if same_version and trunk == trunk_shapes(variant.trunk):
            return name
    return next((k for k, v in IMAGE_VARIANTS.items() if trunk == trunk_shapes(v.trunk)), None)


@cache
def trunk_shapes(backbone: Backbone) -> dict[str, torch.Size]:
    """The shapes of a backbone's tensors, by our names."""
    with torch.device("meta"):
        network = backbone.build()
    return {f"trunk.{name}": tensor.shape for name, tensor in network.state_dict().items()}
