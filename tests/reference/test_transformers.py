"""Ours against ``transformers``' ``Sam2VideoModel``, live, with the same weights in its layout.

Left out is what it does otherwise than the official predictor: it takes a mask prompt's pointer
from the best of three candidates, binarises every object's memory where one is prompted, and a
correction neither makes an anchor nor sees the earlier mask.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from reference.recorded import keep_mask, mask_iou
from reference.replay import build, play
from reference.scenarios import Ask, Clip, Outcome, Step, clip, length, scenario
from reference.small import SMALL, Small
from sam2track.model.sam2 import SAM2
from sam2track.model.weights.names import from_layout, huggingface_name

transformers = pytest.importorskip("transformers")
pytestmark = pytest.mark.reference
PLAYED = ("click", "clicks", "box", "box_clicks", "reverse", "both_ways", "long")


def widened(name: str) -> Small:
    """A scaled-down model whose memory is as wide as theirs always is."""
    return replace(SMALL[name], width=128, memory_width=64)


def settings(small: Small) -> dict[str, Any]:
    """What configures the parts that all of their models have."""
    grid, width = small.image_size // 16, small.width
    stages = [small.trunk_width * 2**stage for stage in range(4)]
    backbone = {
        "model_type": "sam2_hiera_det_model",
        "hidden_size": small.trunk_width,
        "num_attention_heads": small.heads,
        "image_size": [small.image_size] * 2,
        "window_positional_embedding_background_size": [small.background] * 2,
        "blocks_per_stage": list(small.depths),
        "embed_dim_per_stage": stages,
        "num_attention_heads_per_stage": [small.heads * 2**stage for stage in range(4)],
        "window_size_per_stage": list(small.windows),
        "global_attention_blocks": list(small.global_blocks),
    }
    vision = {
        "model_type": "sam2_vision_model",
        "backbone_config": backbone,
        "backbone_channel_list": stages[::-1],
        "backbone_feature_sizes": [[grid * scale] * 2 for scale in (4, 2, 1)],
        "fpn_hidden_size": width,
    }
    sam2_1 = small.variant().sam2_1_embeddings
    return {
        "vision_config": vision,
        "prompt_encoder_config": {"hidden_size": width, "image_size": small.image_size},
        "mask_decoder_config": {"hidden_size": width},
        "image_size": small.image_size,
        "enable_occlusion_spatial_embedding": sam2_1,
        "enable_temporal_pos_encoding_for_object_pointers": sam2_1,
        "memory_attention_hidden_size": width,
        "memory_attention_num_layers": small.memory_layers,
        "memory_attention_rope_feat_sizes": [grid, grid],
        "memory_encoder_hidden_size": width,
        "memory_encoder_output_channels": small.memory_width,
        "mask_downsampler_embed_dim": width,
        "memory_fuser_embed_dim": width,
        "memory_fuser_intermediate_dim": 4 * width,
    }


@cache
def both(name: str) -> tuple[transformers.Sam2VideoModel, SAM2]:
    """The two models with the same seeded weights."""
    small = widened(name)
    ours = build(small.variant(), seed=small.seed, presence_bias=small.presence_bias)
    config = transformers.Sam2VideoConfig(
        **settings(small), memory_attention_feed_forward_hidden_size=small.memory_mlp
    )
    theirs = transformers.Sam2VideoModel(config).eval()
    theirs.load_state_dict(in_their_layout(ours.state_dict()), strict=True)
    return theirs, ours


def in_their_layout(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Our weights as ``transformers`` lays them out, with the tensors that only it has."""
    points = "prompt_encoder.point_embeddings."
    theirs = {
        huggingface_name(name): tensor
        for name, tensor in state.items()
        if not name.startswith(points)
    }
    theirs["prompt_encoder.point_embed.weight"] = torch.cat(
        [state[f"{points}{kind}.weight"] for kind in range(4)]
    )
    theirs["shared_image_embedding.positional_embedding"] = theirs[
        "prompt_encoder.shared_embedding.positional_embedding"
    ]
    theirs["no_memory_positional_encoding"] = torch.zeros_like(theirs["no_memory_embedding"])
    return theirs


def their_play(
    model: torch.nn.Module,
    images: Tensor,
    shown: Clip,
    steps: tuple[Step, ...],
    new_session: Callable = transformers.Sam2VideoInferenceSession,
) -> list[Outcome]:
    """Play a scenario on prepared frames ``(T, 3, S, S)``."""
    session = new_session(
        video=images,
        video_height=shown.images.shape[1],
        video_width=shown.images.shape[2],
        dtype=torch.float32,
    )
    outcomes = []
    for step in steps:
        if isinstance(step, Ask):
            index = session.obj_id_to_idx(step.object_id)
            session.add_point_inputs(index, step.frame, their_points(step, images.shape[-1]))
            session.obj_with_new_inputs = [step.object_id]
            model(inference_session=session, frame_idx=step.frame)
            continue
        for frame in step.frames():
            output = model(inference_session=session, frame_idx=frame, reverse=step.direction < 0)
            logits = output.pred_masks[0, 0]
            full = torch.nn.functional.interpolate(
                logits[None, None], shown.images.shape[1:3], mode="bilinear"
            )
            presence = float(output.object_score_logits)
            outcomes.append(Outcome(frame, step_object(output), logits, full[0, 0] > 0, presence))
    return outcomes


def step_object(output: transformers.models.sam2_video.modeling_sam2_video.ModelOutput) -> int:
    """The only object of an output."""
    (object_id,) = output.object_ids
    return object_id


def their_points(ask: Ask, side: int) -> dict[str, Tensor]:
    """A prompt in model pixels; a box is two points labelled 2 and 3, ahead of the clicks."""
    coords, labels = ask.points(side, side), ask.labels()
    corners = ask.corners(side, side)
    if corners is not None:
        coords = np.concatenate((corners.reshape(2, 2), coords))
        labels = np.concatenate((np.array([2, 3], np.int32), labels))
    return {
        "point_coords": torch.from_numpy(coords)[None, None],
        "point_labels": torch.from_numpy(labels)[None, None],
    }


@pytest.mark.parametrize("name", SMALL)
def test_weights_come_back_from_their_layout(name: str) -> None:
    theirs, ours = both(name)
    state = ours.state_dict()
    back = from_layout(theirs.state_dict(), state)
    assert back.keys() == state.keys()
    for key, tensor in state.items():
        assert torch.equal(back[key], tensor), key


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("played", PLAYED)
def test_transformers_ends_the_same(name: str, played: str) -> None:
    ends_the_same(*both(name), played, transformers.Sam2VideoInferenceSession)


def ends_the_same(theirs: torch.nn.Module, ours: SAM2, played: str, new_session: Callable) -> None:
    """Fail unless a scenario has the same outcomes on both sides."""
    side = ours.variant.image_size
    shown = clip(length(played), side, side)
    steps = scenario(played)
    images = torch.cat([ours.prepare(torch.from_numpy(image)) for image in shown.images])
    expected = their_play(theirs, images, shown, steps, new_session)
    got = play(ours, shown, steps)
    for a, b in zip(expected, got, strict=True):
        where = f"object {a.object_id} on frame {a.frame}"
        assert (a.frame, a.object_id) == (b.frame, b.object_id)
        assert b.presence == pytest.approx(a.presence, abs=1e-2), where
        assert float((a.logits - b.logits).abs().max()) <= 1e-2, where
        assert mask_iou(keep_mask(b.mask), keep_mask(a.mask)) >= 0.999, where
