"""Names of the model's tensors in every layout that holds them.

Ours (the state dict's), the official releases' (``sam2*_hiera_*.pt``, ``edgetam.pt``,
``efficienttam_*.pt``), and those of ``transformers``' ``Sam2VideoModel`` and ``EdgeTamVideoModel``
(``model.safetensors`` in the ``facebook/sam2*`` repositories). Those of SAM are in
:mod:`sam2track.model.weights.sam_names`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

import torch
from torch import Tensor

from ..backbones import Backbone
from ..backbones.repvit import merge_branches
from ..variants import IMAGE_VARIANTS, VARIANTS
from .sam_names import RESIZING, from_sam_layout, is_sam

# Names that begin otherwise: (ours, the official release's, transformers').
ROOTS = (
    ("trunk.", "image_encoder.trunk.", "vision_encoder.backbone."),
    # EfficientTAM's neck; transformers has no such model.
    ("neck.0.", "image_encoder.neck.convs.0.conv_1x1.", "vision_encoder.neck.0."),
    ("neck.1.", "image_encoder.neck.convs.0.norm_0.", "vision_encoder.neck.1."),
    ("neck.2.", "image_encoder.neck.convs.0.conv_3x3.", "vision_encoder.neck.2."),
    ("neck.3.", "image_encoder.neck.convs.0.norm_1.", "vision_encoder.neck.3."),
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
    ("compression.", "spatial_perceiver.", "spatial_perceiver."),
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
    *RESIZING,
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

# EdgeTAM's latents in transformers: (pattern, theirs), before the patterns above.
PERCEIVER_PATTERNS = (
    (r"^spatial_perceiver\.latents$", "spatial_perceiver.latents_1d"),
    (r"^(spatial_perceiver.*)\.attn\.norm_x\.", r"\1.layer_norm_input."),
    (r"^(spatial_perceiver.*)\.attn\.norm_latents\.", r"\1.layer_norm_latents."),
    (r"^(spatial_perceiver.*)\.self_attn\.norm\.", r"\1.layer_norm_self."),
    (r"^(spatial_perceiver.*)\.attn\.", r"\1.cross_attention."),
    (r"^(spatial_perceiver.*)\.self_attn\.", r"\1.self_attention."),
    (r"^(spatial_perceiver.*)\.to_q\.", r"\1.q_proj."),
    (r"^(spatial_perceiver.*)\.to_kv\.", r"\1.kv_proj."),
    (r"^(spatial_perceiver.*)\.to_out\.", r"\1.o_proj."),
    (r"^(spatial_perceiver.*\.)(self_)?ff\.0\.", r"\1\2mlp.layer_norm."),
    (r"^(spatial_perceiver.*\.)(self_)?ff\.1\.", r"\1\2mlp.up_proj."),
    (r"^(spatial_perceiver.*\.)(self_)?ff\.3\.", r"\1\2mlp.down_proj."),
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
    """The official releases' name of one of our tensors."""
    return _replace_root(ours, 1)


def our_name(official: str) -> str:
    """Our name of one of the official releases' tensors."""
    root = next((row for row in ROOTS if official.startswith(row[1])), None)
    return root[0] + official[len(root[1]) :] if root else official


def huggingface_name(ours: str) -> str:
    """The name of one of our tensors in ``transformers``."""
    for pattern, theirs in BACKBONE_PATTERNS:
        ours = re.sub(pattern, theirs, ours)
    ours = _replace_root(ours, 2)
    for pattern, theirs in PERCEIVER_PATTERNS + HUGGINGFACE_PATTERNS:
        ours = re.sub(pattern, theirs, ours)
    return ours


def _replace_root(ours: str, layout: int) -> str:
    root = next((row for row in ROOTS if ours.startswith(row[0])), None)
    return root[layout] + ours[len(root[0]) :] if root else ours


def to_official(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Our state dict under the official names, complete for their strict loading.

    EdgeTAM's trunk is not: its branches were merged when it was loaded.
    """
    official = {official_name(name): tensor for name, tensor in state.items()}
    official["no_mem_pos_enc"] = torch.zeros_like(official["no_mem_embed"])
    return official


def from_layout(state: dict[str, Tensor], names: Iterable[str]) -> dict[str, Tensor]:
    """A state dict of any layout under our names; a tensor that fits no name keeps its own."""
    state = {WRAPPERS.sub("", name): tensor for name, tensor in state.items()}
    if is_sam(state):
        return from_sam_layout(state, names)
    state = {name: tensor for name, tensor in state.items() if name not in UNUSED}
    state = merge_branches(state)
    if any(name.startswith("vision_encoder.") for name in state):
        rename = {huggingface_name(name): name for name in names}
        for kind, row in enumerate(state.pop("prompt_encoder.point_embed.weight", ())):
            state[f"prompt_encoder.point_embeddings.{kind}.weight"] = row[None]
        state = _as_sam2(state)
    else:
        rename = {official_name(name): name for name in names}
        # What another model has is named too, so that it can be told which one it is.
        rename = {name: our_name(name) for name in state} | rename
    return {rename.get(name, name): tensor for name, tensor in state.items()}


def _as_sam2(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """What ``EdgeTamVideoModel`` names otherwise than ``Sam2VideoModel``, named as there.

    Its latents have one projection for keys and values, which is two there.
    """
    for name in [name for name in state if re.match(r"spatial_perceiver\..*\.k_proj\.", name)]:
        value = name.replace(".k_proj.", ".v_proj.")
        if value in state:
            both = torch.cat((state.pop(name), state.pop(value)))
            state[name.replace(".k_proj.", ".kv_proj.")] = both
    linear = {"up": "linear1", "down": "linear2"}
    pattern = re.compile(r"^(memory_attention\.layers\.\d+)\.mlp\.(up|down)_proj\.")
    return {
        pattern.sub(lambda found: f"{found[1]}.{linear[found[2]]}.", name): tensor
        for name, tensor in state.items()
    }


def infer_variants(state: dict[str, Tensor]) -> list[str]:
    """The names of the variants that these weights (our names) fit, by the shapes of their trunk.

    Variants that differ in the size of the input, or in how memory is attended to, have the same.
    """
    trunk = {name: tensor.shape for name, tensor in state.items() if name.startswith("trunk.")}
    found = [
        name
        for name, variant in VARIANTS.items()
        if ("absent_memory" in state) == variant.sam2_1_embeddings
        and trunk == trunk_shapes(variant.trunk)
    ]
    return found or [k for k, v in IMAGE_VARIANTS.items() if trunk == trunk_shapes(v.trunk)]


@cache
def trunk_shapes(backbone: Backbone) -> dict[str, torch.Size]:
    """The shapes of a backbone's tensors, by our names."""
    with torch.device("meta"):
        network = backbone.build()
    return {f"trunk.{name}": tensor.shape for name, tensor in network.state_dict().items()}
