"""Ours against ``transformers``' ``SamModel`` and ``Sam2Model``, live, with the same weights."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch
from torch import Tensor

from reference.image_cases import CASES, SAM2_SEED, ImageCase, picture
from reference.image_replay import answer, build_sam
from reference.replay import build
from reference.small_sam import SMALL_SAM
from reference.test_transformers import in_their_layout, settings, widened
from sam2track.model import ImageModel
from sam2track.model.weights.names import from_layout
from sam2track.model.weights.sam_names import sam_transformers_name

transformers = pytest.importorskip("transformers")
pytestmark = pytest.mark.reference
SIDE = 256


@cache
def sam() -> tuple[transformers.SamModel, ImageModel]:
    small, ours = SMALL_SAM, build_sam(SMALL_SAM.variant(), SMALL_SAM.seed)
    vision = {
        "hidden_size": small.trunk_width,
        "output_channels": small.width,
        "num_hidden_layers": small.depth,
        "num_attention_heads": small.heads,
        "image_size": small.image_size,
        "window_size": small.window,
        "global_attn_indexes": list(small.global_blocks),
        "num_pos_feats": small.width // 2,
        "mlp_dim": 4 * small.trunk_width,
    }
    prompts = {"hidden_size": small.width, "image_size": small.image_size}
    decoder = {
        "hidden_size": small.width,
        "mlp_dim": small.decoder_mlp,
        "iou_head_hidden_dim": small.score_mlp,
    }
    theirs = transformers.SamModel(
        transformers.SamConfig(
            vision_config=vision, prompt_encoder_config=prompts, mask_decoder_config=decoder
        )
    ).eval()
    state = {sam_transformers_name(name): value for name, value in ours.state_dict().items()}
    copy = state["shared_image_embedding.positional_embedding"]
    theirs.load_state_dict(
        state | {"prompt_encoder.shared_embedding.positional_embedding": copy}, strict=True
    )
    return theirs, ours


@cache
def sam2() -> tuple[transformers.Sam2Model, ImageModel]:
    small = widened("small_2.1")
    ours = build(small.variant(), seed=SAM2_SEED, presence_bias=small.presence_bias)
    video = transformers.Sam2VideoConfig(**settings(small))
    theirs = transformers.Sam2Model(
        transformers.Sam2Config(
            vision_config=video.vision_config,
            prompt_encoder_config=video.prompt_encoder_config,
            mask_decoder_config=video.mask_decoder_config,
        )
    ).eval()
    state, own = in_their_layout(ours.state_dict()), theirs.state_dict()
    theirs.load_state_dict({name: state[name] for name in own}, strict=True)
    return theirs, ours


def their_answer(
    model: transformers.SamModel | transformers.Sam2Model,
    image: Tensor,
    case: ImageCase,
    fed_back: Tensor,
) -> tuple[Tensor, Tensor]:
    """Low-resolution logits and scores for a prepared picture."""
    points, labels, boxes = case.points(SIDE, SIDE), case.labels(), case.corners(SIDE, SIDE)
    output = model(
        pixel_values=image,
        input_points=None if points is None else torch.from_numpy(points)[None],
        input_labels=None if labels is None else torch.from_numpy(labels)[None],
        input_boxes=None if boxes is None else torch.from_numpy(boxes)[None],
        input_masks=fed_back[None] if case.fed_back else None,
        multimask_output=case.multimask,
    )
    return output.pred_masks[0], output.iou_scores[0]


@pytest.mark.parametrize("both", [sam, sam2])
@pytest.mark.parametrize("name", [name for name in CASES if name != "mask_alone"])
@torch.no_grad()
def test_transformers_answers_the_same(both, name: str) -> None:
    theirs, ours = both()
    shown = picture("square", SIDE)
    answers = answer(ours, shown)
    image = ours.prepare_picture(torch.from_numpy(shown))
    fed_back = answers["click"].best().clamp(-32, 32) if both is sam2 else answers["click"].best()
    logits, scores = their_answer(theirs, image, CASES[name], fed_back)
    found = answers[name]
    assert found.logits.shape == logits.shape
    np.testing.assert_allclose(found.scores, scores, rtol=0, atol=1e-2)
    assert float((found.logits - logits).abs().max()) <= 1e-2


def test_sams_weights_come_back_from_their_layout() -> None:
    theirs, ours = sam()
    state = ours.state_dict()
    back = from_layout(theirs.state_dict(), state)
    assert back.keys() == state.keys()
    assert all(torch.equal(back[name], tensor) for name, tensor in state.items())
