"""The official image predictors' side of a parity check: SAM's and SAM 2's.

It needs ``segment-anything==1.0`` and ``sam2==1.1.0`` and, from this repository, only the shared
parts in ``tests/reference``: cases, seeded weights, sizes of the scaled-down models.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np
import reference_official  # makes the package ``reference`` of the tests importable
import torch
from reference.image_cases import CASES, Answer, ImageCase
from reference.seeded import seeded_state
from reference.small import Small
from reference.small_sam import SmallSAM
from sam2.sam2_image_predictor import SAM2ImagePredictor
from segment_anything import SamPredictor
from segment_anything.modeling import (
    ImageEncoderViT,
    MaskDecoder,
    PromptEncoder,
    Sam,
    TwoWayTransformer,
)
from torch import Tensor


def build_small_sam(small: SmallSAM) -> Sam:
    """The official SAM at these sizes, with seeded weights."""
    grid = small.image_size // 16
    encoder = ImageEncoderViT(
        depth=small.depth,
        embed_dim=small.trunk_width,
        img_size=small.image_size,
        num_heads=small.heads,
        norm_layer=partial(torch.nn.LayerNorm, eps=1e-6),
        use_rel_pos=True,
        global_attn_indexes=small.global_blocks,
        window_size=small.window,
        out_chans=small.width,
    )
    prompts = PromptEncoder(small.width, (grid, grid), (small.image_size, small.image_size), 16)
    transformer = TwoWayTransformer(2, small.width, 8, small.decoder_mlp)
    decoder = MaskDecoder(
        transformer_dim=small.width,
        transformer=transformer,
        iou_head_hidden_dim=small.score_mlp,
    )
    return seeded(Sam(encoder, prompts, decoder), small.seed)


def seeded(model: Sam, seed: int) -> Sam:
    """The same model with seeded weights."""
    shapes = {name: value.shape for name, value in model.state_dict().items()}
    model.load_state_dict(seeded_state(shapes, seed))
    return model.eval()


def answer_sam(model: Sam, picture: np.ndarray) -> dict[str, Answer]:
    """Every case on one picture."""
    predictor = SamPredictor(model)
    predictor.set_image(picture)
    size = picture.shape[:2]

    def ask(case: ImageCase, logits: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        points, boxes = case.points(*size), case.corners(*size)
        labels = case.labels()
        if points is not None:
            points = torch.as_tensor(predictor.transform.apply_coords(points, size)).float()
        if boxes is not None:
            boxes = torch.as_tensor(predictor.transform.apply_boxes(boxes, size)).float()
        return predictor.predict_torch(
            points,
            None if labels is None else torch.as_tensor(labels),
            boxes,
            None if logits is None else logits[:, None],
            multimask_output=case.multimask,
        )

    return _all(ask)


def build_small_sam2(small: Small) -> torch.nn.Module:
    """The official SAM 2 at these sizes, with seeded weights."""
    return reference_official.build(
        small.official, small.overrides(), seed=small.seed, presence_bias=small.presence_bias
    )


def answer_sam2(model: torch.nn.Module, picture: np.ndarray) -> dict[str, Answer]:
    """Every case on one picture."""
    predictor = SAM2ImagePredictor(model)
    predictor._bb_feat_sizes = [(model.image_size // s, model.image_size // s) for s in (4, 8, 16)]
    predictor.set_image(picture)
    size = picture.shape[:2]

    def ask(case: ImageCase, logits: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        found = predictor.predict(
            case.points(*size),
            case.labels(),
            case.corners(*size),
            None if logits is None else logits.numpy(),
            multimask_output=case.multimask,
        )
        masks, scores, low = (torch.from_numpy(np.asarray(part)) for part in found)
        if masks.ndim == 3:  # they drop the dimension of a single row
            masks, scores, low = masks[None], scores[None], low[None]
        return masks > 0, scores, low

    return _all(ask)


@torch.inference_mode()
def _all(ask) -> Mapping[str, Answer]:
    answers: dict[str, Answer] = {}
    for name, case in CASES.items():
        logits = answers["click"].best().clone() if case.fed_back else None
        masks, scores, low = ask(case, logits)
        answers[name] = Answer(low, scores, masks)
    return answers
