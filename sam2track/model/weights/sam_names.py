"""Names of SAM's tensors in every layout that holds them.

Ours, the official release's (``sam_vit_*.pth``), and those of ``transformers``' ``SamModel``
(``model.safetensors`` in the ``facebook/sam-vit-*`` repositories).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from torch import Tensor

# (pattern in ours, the official release's name); the first that fits counts for the root.
OFFICIAL = (
    (r"^trunk\.", "image_encoder."),
    (r"^neck\.", "image_encoder.neck."),
    (r"(blocks|transformer\.layers)\.(\d+)\.mlp\.layers\.0\.", r"\1.\2.mlp.lin1."),
    (r"(blocks|transformer\.layers)\.(\d+)\.mlp\.layers\.1\.", r"\1.\2.mlp.lin2."),
)

# (pattern in the official names, transformers') of SAM and SAM 2: what changes a mask's size.
RESIZING = (
    (r"^prompt_encoder\.mask_downscaling\.0\.", "prompt_encoder.mask_embed.conv1."),
    (r"^prompt_encoder\.mask_downscaling\.1\.", "prompt_encoder.mask_embed.layer_norm1."),
    (r"^prompt_encoder\.mask_downscaling\.3\.", "prompt_encoder.mask_embed.conv2."),
    (r"^prompt_encoder\.mask_downscaling\.4\.", "prompt_encoder.mask_embed.layer_norm2."),
    (r"^prompt_encoder\.mask_downscaling\.6\.", "prompt_encoder.mask_embed.conv3."),
    (r"^mask_decoder\.output_upscaling\.0\.", "mask_decoder.upscale_conv1."),
    (r"^mask_decoder\.output_upscaling\.1\.", "mask_decoder.upscale_layer_norm."),
    (r"^mask_decoder\.output_upscaling\.3\.", "mask_decoder.upscale_conv2."),
)

# (pattern in the official names, transformers'), in this order.
TRANSFORMERS = (
    (r"^image_encoder\.patch_embed\.proj\.", "vision_encoder.patch_embed.projection."),
    (r"^image_encoder\.blocks\.", "vision_encoder.layers."),
    (r"^image_encoder\.neck\.0\.", "vision_encoder.neck.conv1."),
    (r"^image_encoder\.neck\.1\.", "vision_encoder.neck.layer_norm1."),
    (r"^image_encoder\.neck\.2\.", "vision_encoder.neck.conv2."),
    (r"^image_encoder\.neck\.3\.", "vision_encoder.neck.layer_norm2."),
    (r"^image_encoder\.", "vision_encoder."),
    (r"^prompt_encoder\.pe_layer\..*", "shared_image_embedding.positional_embedding"),
    (r"^prompt_encoder\.point_embeddings\.", "prompt_encoder.point_embed."),
    *RESIZING,
    (r"\.norm_final_attn\.", ".layer_norm_final_attn."),
    (r"\.norm(\d)\.", r".layer_norm\1."),
    (r"(_mlps\.\d|_head)\.layers\.0\.", r"\1.proj_in."),
    (r"(_mlps\.\d|_head)\.layers\.1\.", r"\1.layers.0."),
    (r"(_mlps\.\d|_head)\.layers\.2\.", r"\1.proj_out."),
)

COPY = "prompt_encoder.shared_embedding.positional_embedding"  # of the shared image embedding


def sam_official_name(ours: str) -> str:
    """The official release's name of one of our tensors."""
    return _rename(ours, OFFICIAL)


def sam_transformers_name(ours: str) -> str:
    """The name of one of our tensors in ``transformers``."""
    return _rename(sam_official_name(ours), TRANSFORMERS)


def is_sam(state: dict[str, Tensor]) -> bool:
    """Whether these are SAM's tensors in one of the layouts of others."""
    begin = ("image_encoder.blocks.", "vision_encoder.layers.")
    return any(name.startswith(begin) for name in state)


def from_sam_layout(state: dict[str, Tensor], names: Iterable[str]) -> dict[str, Tensor]:
    """A state dict of either layout under our names; a tensor that fits no name keeps its own."""
    theirs = "vision_encoder.pos_embed" in state
    names_of = sam_transformers_name if theirs else sam_official_name
    rename = {names_of(name): name for name in names}
    return {rename.get(name, name): tensor for name, tensor in state.items() if name != COPY}


def _rename(name: str, patterns: Iterable[tuple[str, str]]) -> str:
    for pattern, theirs in patterns:
        name = re.sub(pattern, theirs, name)
    return name
