"""The mask decoder: features and prompt tokens become candidate masks.

SAM's mask decoder (2304.02643, appendix A) with SAM 2's additions (2408.00714, appendix D.1), which
a model may lack: a presence token, and skip connections from strides 8 and 4 where the backbone has
those maps.
"""

from __future__ import annotations

from dataclasses import replace

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from ..device import is_eager
from ..types import Candidates, FrameFeatures, PromptTokens
from . import many_prompts
from .attention import Attention
from .layers import MLP
from .mask_upscaling import predict_masks, upscaling

CANDIDATES = 3  # whole, part, subpart: what one click may mean
PRESENT = 10.0  # presence logit of a decoder that does not predict it: the object is there
CELL = 4  # pixels of the input
BEYOND_BOX = -10.0  # largest mask logit there: as sure as the user is (see CERTAIN in .sam2)


class TwoWayBlock(nn.Module):
    """Tokens attend to each other and to the image; then the image attends to the tokens."""

    def __init__(self, width: int, heads: int, mlp_width: int, first: bool) -> None:
        super().__init__()
        self.first = first
        self.self_attn = Attention(width, heads)
        self.norm1 = nn.LayerNorm(width)
        self.cross_attn_token_to_image = Attention(width, heads, inner=width // 2)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = MLP(width, mlp_width, width)
        self.norm3 = nn.LayerNorm(width)
        self.cross_attn_image_to_token = Attention(width, heads, inner=width // 2)
        self.norm4 = nn.LayerNorm(width)

    def forward(
        self,
        tokens: Float[Tensor, "R L C"],
        image: Float[Tensor, "R hw C"],
        token_position: Float[Tensor, "R L C"],
        image_position: Float[Tensor, "1 hw C"],
        bias: Float[Tensor, "R L"] | None = None,
    ) -> tuple[Float[Tensor, "R L C"], Float[Tensor, "R hw C"]]:
        if self.first:  # here the tokens are still equal to their positions
            tokens = self.norm1(self.self_attn(tokens, tokens, tokens, bias=bias))
        else:
            q = tokens + token_position
            tokens = self.norm1(tokens + self.self_attn(q, q, tokens, bias=bias))
        placed = image + image_position
        found = self.cross_attn_token_to_image(tokens + token_position, placed, image)
        tokens = self.norm2(tokens + found)
        tokens = self.norm3(tokens + self.mlp(tokens))
        found = self.cross_attn_image_to_token(placed, tokens + token_position, tokens, bias=bias)
        return tokens, self.norm4(image + found)


class TwoWayTransformer(nn.Module):
    """Two such blocks; at last the tokens attend to the image once more."""

    def __init__(self, width: int, heads: int, mlp_width: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            TwoWayBlock(width, heads, mlp_width, first=index == 0) for index in range(2)
        )
        self.final_attn_token_to_image = Attention(width, heads, inner=width // 2)
        self.norm_final_attn = nn.LayerNorm(width)

    def forward(
        self,
        tokens: Float[Tensor, "R L C"],
        image: Float[Tensor, "R hw C"],
        image_position: Float[Tensor, "1 hw C"],
        bias: Float[Tensor, "R L"] | None = None,
    ) -> tuple[Float[Tensor, "R L C"], Float[Tensor, "R hw C"]]:
        position = tokens
        for layer in self.layers:
            tokens, image = layer(tokens, image, position, image_position, bias)
        attended = self.final_attn_token_to_image(tokens + position, image + image_position, image)
        return self.norm_final_attn(tokens + attended), image


class MaskDecoder(nn.Module):
    """Predicts four masks: one for a clear prompt, and three for an ambiguous one.

    Args:
        width: channels of tokens and features.
        heads: attention heads.
        mlp_width: hidden channels of the transformer's MLPs.
        score_width: hidden channels of the predicted-IoU head.
        skips: whether it has skip connections from strides 8 and 4 (SAM has none).
        presence: whether it predicts presence (SAM does not).
        score_activation: after the predicted-IoU head; SAM has none.
    """

    def __init__(
        self,
        width: int,
        heads: int,
        mlp_width: int,
        score_width: int,
        *,
        skips: bool = True,
        presence: bool = True,
        score_activation: type[nn.Module] = nn.Sigmoid,
    ) -> None:
        super().__init__()
        masks = 1 + CANDIDATES
        self.transformer = TwoWayTransformer(width, heads, mlp_width)
        self.obj_score_token = nn.Embedding(1, width) if presence else None
        self.iou_token = nn.Embedding(1, width)
        self.mask_tokens = nn.Embedding(masks, width)
        self.conv_s0 = nn.Conv2d(width, width // 8, kernel_size=1) if skips else None
        self.conv_s1 = nn.Conv2d(width, width // 4, kernel_size=1) if skips else None
        self.output_upscaling = upscaling(width)
        self.output_hypernetworks_mlps = nn.ModuleList(
            MLP(width, width, width, width // 8) for _ in range(masks)
        )
        self.iou_prediction_head = MLP(width, score_width, score_width, masks)
        self.pred_obj_score_head = MLP(width, width, width, 1) if presence else None
        self.score_activation = score_activation()

    @property
    def skips(self) -> dict[int, nn.Conv2d]:
        """The convolutions that project the neck's maps for the skip connections, by stride."""
        if self.conv_s0 is None or self.conv_s1 is None:
            return {}
        return {8: self.conv_s1, 4: self.conv_s0}

    def forward(
        self,
        conditioned: Float[Tensor, "R C h w"],
        features: FrameFeatures,
        sparse: Float[Tensor, "R P C"],
        dense: Float[Tensor, "R C #h #w"],
        position: Float[Tensor, "1 C h w"],
        *,
        unused: Bool[Tensor, "R P"] | None = None,
    ) -> Candidates:
        """All four masks; the first is the one for a clear prompt.

        Args:
            conditioned: stride 16, after memory attention.
            features: where the skip connections are read.
            sparse, dense, position: from the prompt encoder.
            unused: tokens of ``sparse`` that nothing attends to: a model that is exported with a
                fixed number of points has them. None = all are used.
        """
        tokens = self.tokens(sparse)
        bias = None
        if unused is not None:
            bias = tokens.new_zeros(unused.shape).masked_fill(unused, -torch.inf)
            bias = F.pad(bias, (tokens.shape[1] - sparse.shape[1], 0))
        grid = conditioned.shape[-2:]
        eager = is_eager()
        # Not asked of a model that is exported, which would be bound to its number of rows.
        same = eager and all(map(many_prompts.same_in_all_rows, (conditioned, dense)))
        if eager and bias is None and (same or conditioned.device.type == "cpu"):
            image = conditioned[:1] + dense[:1] if same else conditioned + dense
            begun = many_prompts.begin(self.transformer, tokens)
            cells = (as_cells(own) for own in (image, position))
            tokens, image = many_prompts.transform(self.transformer, begun, *cells)
        else:
            tokens, image = self.transformer(
                tokens,
                (conditioned + dense).flatten(2).transpose(1, 2),
                position.flatten(2).transpose(1, 2),
                bias,
            )
        return self.candidates(tokens, image, grid, features)

    def tokens(self, sparse: Float[Tensor, "R P C"]) -> Float[Tensor, "R L C"]:
        """The decoder's own tokens and those of the prompts."""
        own = [self.iou_token.weight, self.mask_tokens.weight]
        if self.obj_score_token is not None:
            own.insert(0, self.obj_score_token.weight)
        return torch.cat((torch.cat(own).expand(sparse.shape[0], -1, -1), sparse), dim=1)

    def candidates(
        self,
        tokens: Float[Tensor, "R L C"],
        image: Float[Tensor, "R h*w C"],
        grid: torch.Size,
        features: FrameFeatures,
    ) -> Candidates:
        """The candidates of what the transformer made."""
        presence = tokens.new_full((tokens.shape[0], 1), PRESENT)
        if self.pred_obj_score_head is not None:
            presence, tokens = self.pred_obj_score_head(tokens[:, 0]), tokens[:, 1:]
        score, masks = tokens[:, 0], tokens[:, 1 : 1 + 1 + CANDIDATES]
        layers, mlps = self.output_upscaling, self.output_hypernetworks_mlps
        return Candidates(
            masks=predict_masks(layers, mlps, image, masks, grid, features),
            scores=self.score_activation(self.iou_prediction_head(score)),
            tokens=masks,
            presence=presence,
        )


def as_cells(x: Float[Tensor, "B C h w"]) -> Float[Tensor, "B h*w C"]:
    """A map as its cells, row by row, each cell's channels next to each other."""
    return x.flatten(2).transpose(1, 2).contiguous()


def inside_boxes(candidates: Candidates, prompts: PromptTokens, reach: float) -> Candidates:
    """The candidates without what lies outside of the boxes that were given.

    A mask may reach out of the box, and of the clicks on the object, by the fraction ``reach`` of
    their sides, and by a cell of the mask: a thin box may have no cell's centre in it. Rows without
    a box stay as they are.
    """
    if prompts.labels.shape[1] < 2:  # a box has two corners
        return candidates
    labels, masks = prompts.labels[..., None], candidates.masks
    shown = labels > 0
    low = prompts.coords.masked_fill(~shown, torch.inf).amin(1)[..., None]  # (R, 2, 1)
    high = prompts.coords.masked_fill(~shown, -torch.inf).amax(1)[..., None]
    margin = (reach * (high - low)).clamp(min=CELL)
    centres = CELL * torch.arange(masks.shape[-1], device=masks.device) + (CELL - 1) / 2
    within = (low - margin <= centres) & (centres <= high + margin)  # (R, 2, 4*w)
    inside = within[:, 1, :, None] & within[:, 0, None, :]
    outside = (labels == 2).any(1)[..., None] & ~inside
    return replace(
        candidates, masks=torch.where(outside[:, None], masks.clamp(max=BEYOND_BOX), masks)
    )


def ambiguous(candidates: Candidates) -> Candidates:
    """The three masks for an ambiguous prompt, of all four."""
    masks, scores, tokens = candidates.masks, candidates.scores, candidates.tokens
    return Candidates(masks[:, 1:], scores[:, 1:], tokens[:, 1:], candidates.presence)


def clear_or_best(
    candidates: Candidates, stability_delta: float, stability_threshold: float
) -> Candidates:
    """The mask for a clear prompt, or the best of the others if that one is unstable.

    Stability is the IoU of the masks at thresholds +delta and -delta (SAM, 2304.02643, section 5);
    below ``stability_threshold`` the candidate with the highest predicted IoU is taken. The token
    stays that of the clear mask, since the pointer was trained with it. ``stability_threshold``
    = 0 always takes the clear mask.
    """
    clear = candidates.masks[:, :1]
    inner = (clear > stability_delta).sum((-1, -2)).float()
    outer = (clear > -stability_delta).sum((-1, -2)).float()
    stable = torch.where(outer > 0, inner / outer, 1.0) >= stability_threshold  # (R, 1)
    best = candidates.scores[:, 1:].argmax(1, keepdim=True)  # (R, 1)
    take = torch.where(stable, 0, best + 1)  # (R, 1)
    return Candidates(
        candidates.masks.take_along_dim(take[..., None, None], dim=1),
        candidates.scores.take_along_dim(take, dim=1),
        candidates.tokens[:, :1],
        candidates.presence,
    )
