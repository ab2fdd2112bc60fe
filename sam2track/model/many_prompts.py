"""The mask decoder's transformer in inference, at half the cost, for any number of prompts.

It computes what :class:`~sam2track.model.mask_decoder.TwoWayTransformer` computes. Where rows have
the same image, it is projected once for all of them in the first layer. Where it differs between
rows, its many cells are not projected to queries, keys and values: the few tokens are projected
back instead, which gives the same products. Not for gradients.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from .attention import Attention

if TYPE_CHECKING:
    from .mask_decoder import TwoWayBlock, TwoWayTransformer

Tokens = Float[Tensor, "R T C"]
OneImage = Float[Tensor, "1 L C"]
Images = Float[Tensor, "R L C"]


def same_in_all_rows(x: Tensor) -> bool:
    """Whether a tensor of several rows holds one row that was expanded."""
    return len(x) > 1 and x.stride(0) == 0


@dataclass(frozen=True, slots=True, eq=False)
class Begun:
    """The transformer's beginning, which does not depend on the image."""

    places: Tokens  # the tokens that go in, which serve as positions
    tokens: Tokens  # after the first layer's self-attention


def begin(transformer: TwoWayTransformer, tokens: Tokens) -> Begun:
    """The beginning for these tokens. Here they are still equal to their positions."""
    layer = cast("TwoWayBlock", transformer.layers[0])
    return Begun(tokens, layer.norm1(layer.self_attn(tokens, tokens, tokens)))


def transform(
    transformer: TwoWayTransformer, begun: Begun, image: OneImage | Images, position: OneImage
) -> tuple[Tokens, Images]:
    """Tokens and images after every layer.

    Args:
        begun: of all rows, or of one which is that of all.
        image: of all rows, or of each one.
        position: of the image's cells.
    """
    places, tokens, rows = begun.places, begun.tokens, image
    for number, layer in enumerate(cast("list[TwoWayBlock]", transformer.layers)):
        if number:
            own = tokens + places
            tokens = layer.norm1(tokens + layer.self_attn(own, own, tokens))
        placed = rows + position
        found = _attend_to_cells(layer.cross_attn_token_to_image, tokens + places, placed, rows)
        tokens = layer.norm2(tokens + found)
        tokens = layer.norm3(tokens + layer.mlp(tokens))
        rows = layer.norm4(
            _add_attended_tokens(
                layer.cross_attn_image_to_token, rows, placed, tokens + places, tokens
            )
        )
    last = transformer.final_attn_token_to_image
    found = _attend_to_cells(last, tokens + places, rows + position, rows)
    return transformer.norm_final_attn(tokens + found), rows


def _attend_to_cells(
    attention: Attention,
    tokens: Tokens,
    placed: Float[Tensor, "B L C"],
    cells: Float[Tensor, "B L C"],
) -> Tokens:
    """Attention of tokens to an image's cells, of one image (B = 1) or one in each row."""
    heads, rows = attention.heads, len(tokens)
    q = attention.split(attention.q_proj(tokens))  # (R, heads, T, D)
    if rows > len(cells):
        k, v = (attention.split(own) for own in (attention.k_proj(placed), attention.v_proj(cells)))
        mixed = F.scaled_dot_product_attention(q.transpose(0, 1).flatten(1, 2)[None], k, v)
        mixed = mixed[0].unflatten(1, (rows, -1)).transpose(0, 1)
    else:
        # The keys' bias adds the same to all scores of a token, which changes no weight.
        back = (q * q.shape[3] ** -0.5) @ attention.k_proj.weight.unflatten(0, (heads, -1))
        weights = (back.flatten(1, 2) @ placed.transpose(1, 2)).softmax(-1)  # (R, heads * T, L)
        mixed = (weights @ cells).unflatten(1, (heads, -1))  # (R, heads, T, C)
        forth = attention.v_proj.weight.unflatten(0, (heads, -1)).transpose(1, 2)
        mixed = mixed @ forth + attention.v_proj.bias.unflatten(0, (heads, 1, -1))
    return attention.out_proj(mixed.transpose(1, 2).flatten(2))


def _add_attended_tokens(
    attention: Attention,
    cells: Float[Tensor, "B L C"],
    placed: Float[Tensor, "B L C"],
    keys: Tokens,
    values: Tokens,
) -> Images:
    """Cells plus what they find in each row's tokens; of one image (B = 1), or one in each row."""
    heads, (rows, count, _) = attention.heads, keys.shape
    k = attention.split(attention.k_proj(keys))  # (R, heads, T, D)
    k = k * k.shape[3] ** -0.5
    if rows > len(cells):
        q = attention.split(attention.q_proj(placed))[0]  # (heads, L, D)
        scores = k.transpose(0, 1).flatten(1, 2) @ q.transpose(1, 2)  # (heads, R * T, L)
        weights = scores.unflatten(1, (rows, count)).softmax(2).transpose(0, 1)
    else:
        back = k @ attention.q_proj.weight.unflatten(0, (heads, -1))  # (R, heads, T, C)
        bias = (k * attention.q_proj.bias.unflatten(0, (heads, 1, -1))).sum(-1)
        scores = back.flatten(1, 2) @ placed.transpose(1, 2) + bias.flatten(1)[..., None]
        weights = scores.unflatten(1, (heads, count)).softmax(2)  # (R, heads, T, L)
    v = attention.split(attention.v_proj(values))
    forth = attention.out_proj.weight.T.unflatten(0, (heads, -1))  # (heads, D, C)
    # The weights of a head sum to one, so that each head may add its part of the bias.
    found = v @ forth + attention.out_proj.bias / heads  # (R, heads, T, C)
    onto = cells.expand(rows, -1, -1)
    return torch.baddbmm(onto, weights.flatten(1, 2).transpose(1, 2), found.flatten(1, 2))
