"""The mask decoder where no row has a prompt, as in tracking.

What the lack of a prompt makes (the tokens, the decoder's first step with them, the positions of
the grid's cells) depends on weights alone: it is computed once and kept.
"""

from __future__ import annotations

from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor

from ..types import Candidates, FrameFeatures, PromptTokens
from . import onednn
from .derived import derived, parameters_of
from .many_prompts import Begun, begin, transform
from .mask_decoder import MaskDecoder, TwoWayBlock, as_cells
from .prompt_encoder import NOT_A_POINT, PromptEncoder


def predict(
    encoder: PromptEncoder,
    decoder: MaskDecoder,
    conditioned: Float[Tensor, "R C h w"],
    features: FrameFeatures,
) -> Candidates:
    """All four candidate masks; for inference on a CPU."""

    def make() -> tuple[Begun, Tensor, Tensor]:
        device = conditioned.device
        labels = torch.full((1, 1), NOT_A_POINT, device=device)
        nothing = PromptTokens(torch.zeros(1, 1, 2, device=device), labels)
        sparse, dense, position = encoder(nothing)
        return begin(decoder.transformer, decoder.tokens(sparse)), dense, as_cells(position)

    layer = cast(TwoWayBlock, decoder.transformer.layers[0])
    parts = (encoder.not_a_point_embed, encoder.no_mask_embed, decoder.iou_token)
    parts = (*parts, decoder.mask_tokens, decoder.obj_score_token, layer.self_attn, layer.norm1)
    sources = [encoder.pe_layer.positional_encoding_gaussian_matrix]
    sources += [own for part in parts if part is not None for own in parameters_of(part)]
    begun, dense, position = derived(decoder, sources, make, onednn.computed_in(conditioned))
    image = as_cells(conditioned + dense)
    tokens, image = transform(decoder.transformer, begun, image, position)
    return decoder.candidates(tokens, image, conditioned.shape[-2:], features)
