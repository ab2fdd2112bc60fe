"""The official predictors of EdgeTAM and EfficientTAM, built for any of our variants.

Needs PyPI's ``edgetam-dimos`` or ``efficient-track-anything``, one at a time, since both call their
package ``sam2``; EdgeTAM also needs ``timm``. Each may be built with any sizes.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import reference_official as official  # makes the package ``reference`` of the tests importable
import torch
from hydra.utils import instantiate
from reference.seeded import seeded_state
from sam2.sam2_video_predictor import SAM2VideoPredictor
from torch import Tensor

from sam2track.model.backbones import RepViTSpec
from sam2track.model.variants import Variant

__all__ = ["build", "config", "official", "shapes"]


def build(variant: Variant, *, seed: int, presence_bias: float) -> SAM2VideoPredictor:
    """An official predictor of these sizes with seeded weights."""
    predictor = instantiate(config(variant))
    state = seeded_state(shapes(predictor), seed, presence_bias=presence_bias)
    predictor.load_state_dict(state)
    perceiver = getattr(predictor, "spatial_perceiver", None)
    if perceiver is not None:
        perceiver.forward = _row_by_row(perceiver.forward)
    return predictor.eval()


def _row_by_row(forward: Callable) -> Callable:
    """A call of EdgeTAM's perceiver for each row, since it fails for several."""

    def rows(x: Tensor, pos: Tensor) -> tuple[Tensor, Tensor]:
        found = [forward(x[row : row + 1], pos[row : row + 1]) for row in range(len(x))]
        return torch.cat([tokens for tokens, _ in found]), torch.cat([place for _, place in found])

    return rows


def shapes(predictor: SAM2VideoPredictor) -> dict[str, list[int]]:
    """The names and shapes of its tensors."""
    return {name: list(value.shape) for name, value in predictor.state_dict().items()}


FLAGS = (  # all true
    "use_mask_input_as_output_without_sam",
    "directly_add_no_mem_embed",
    "multimask_output_in_sam",
    "multimask_output_for_tracking",
    "use_multimask_token_for_obj_ptr",
    "iou_prediction_use_sigmoid",
    "use_obj_ptrs_in_encoder",
    "use_mlp_for_obj_ptr_proj",
    "only_obj_ptrs_in_the_past_for_eval",
    "pred_obj_scores",
    "pred_obj_scores_mlp",
    "fixed_no_obj_ptr",
    "binarize_mask_from_pts_for_mem_enc",
    "add_all_frames_to_correct_as_cond",
)
MODELING = "sam2.modeling"


def config(variant: Variant) -> dict[str, Any]:
    """What Hydra instantiates."""
    model = {
        "_target_": "sam2.sam2_video_predictor.SAM2VideoPredictor",
        "image_encoder": {
            "_target_": f"{MODELING}.backbones.image_encoder.ImageEncoder",
            "scalp": 0,
        },
        "memory_attention": _memory_attention(variant),
        "memory_encoder": _memory_encoder(variant),
        "image_size": variant.image_size,
        "num_maskmem": variant.slots,
        "sigmoid_scale_for_mem_enc": 20.0,
        "sigmoid_bias_for_mem_enc": -10.0,
        "sam_mask_decoder_extra_args": {
            "dynamic_multimask_via_stability": True,
            "dynamic_multimask_stability_delta": 0.05,
            "dynamic_multimask_stability_thresh": 0.98,
        },
        "add_tpos_enc_to_obj_ptrs": False,
        "multimask_min_pt_num": 0,
        "multimask_max_pt_num": 1,
        **dict.fromkeys(FLAGS, True),
    }
    (_edgetam if isinstance(variant.trunk, RepViTSpec) else _efficienttam)(model, variant)
    return model


def _memory_attention(variant: Variant) -> dict[str, Any]:
    width, memory_width, grid = variant.width, variant.memory_width, variant.grid
    attention = {
        "_target_": f"{MODELING}.sam.transformer.RoPEAttention",
        "feat_sizes": [grid, grid],
        "embedding_dim": width,
        "num_heads": 1,
        "downsample_rate": 1,
        "dropout": 0.1,
    }
    layer = {
        "_target_": f"{MODELING}.memory_attention.MemoryAttentionLayer",
        "activation": "relu",
        "d_model": width,
        "dim_feedforward": variant.memory_mlp,
        "dropout": 0.1,
        "pos_enc_at_attn": False,
        "pos_enc_at_cross_attn_keys": True,
        "pos_enc_at_cross_attn_queries": False,
        "self_attention": attention,
        "cross_attention": attention | {"rope_k_repeat": True, "kv_in_dim": memory_width},
    }
    return {
        "_target_": f"{MODELING}.memory_attention.MemoryAttention",
        "d_model": width,
        "pos_enc_at_input": True,
        "layer": layer,
        "num_layers": variant.memory_layers,
    }


def _memory_encoder(variant: Variant) -> dict[str, Any]:
    width, memory_width = variant.width, variant.memory_width
    return {
        "_target_": f"{MODELING}.memory_encoder.MemoryEncoder",
        "in_dim": width,
        "out_dim": memory_width,
        "position_encoding": _sine(memory_width),
        "mask_downsampler": {
            "_target_": f"{MODELING}.memory_encoder.MaskDownSampler",
            "embed_dim": width,
            "kernel_size": 3,
            "stride": 2,
            "padding": 1,
        },
        "fuser": {
            "_target_": f"{MODELING}.memory_encoder.Fuser",
            "layer": {
                "_target_": f"{MODELING}.memory_encoder.CXBlock",
                "dim": width,
                "kernel_size": 7,
                "padding": 3,
                "layer_scale_init_value": 1e-6,
                "use_dwconv": True,
            },
            "num_layers": 2,
        },
    }


def _sine(channels: int) -> dict[str, Any]:
    target = "sam2.modeling.position_encoding.PositionEmbeddingSine"
    return {"_target_": target, "num_pos_feats": channels, "normalize": True, "scale": None}


def _edgetam(model: dict[str, Any], variant: Variant) -> None:
    trunk: Any = variant.trunk
    spec: Any = variant.compression
    timm = importlib.import_module("timm")
    module = importlib.import_module("sam2.modeling.backbones.timm")
    # Without pre-trained weights, and of our sizes.
    module.create_model = lambda name, **options: timm.create_model(
        name.partition(".")[0],
        **options | {"pretrained": False, "embed_dim": trunk.widths, "depth": trunk.depths},
    )
    model["image_encoder"] |= {
        "scalp": 1,
        "trunk": {
            "_target_": "sam2.modeling.backbones.timm.TimmBackbone",
            "name": "repvit_m1.dist_in1k",
            "features": [f"layer{index}" for index in range(4)],
        },
        "neck": {
            "_target_": "sam2.modeling.backbones.image_encoder.FpnNeck",
            "position_encoding": _sine(variant.width),
            "d_model": variant.width,
            "backbone_channel_list": list(trunk.widths[::-1]),
            "fpn_top_down_levels": [2, 3],
            "fpn_interp_model": "nearest",
        },
    }
    side = round(spec.latents_2d**0.5)
    cross = model["memory_attention"]["layer"]["cross_attention"]
    for key in ("feat_sizes", "rope_k_repeat"):
        del cross[key]
    cross |= {
        "_target_": "sam2.modeling.sam.transformer.RoPEAttentionv2",
        "q_sizes": [variant.grid] * 2,
        "k_sizes": [side] * 2,
    }
    model["spatial_perceiver"] = {
        "_target_": "sam2.modeling.perceiver.PerceiverResampler",
        "depth": spec.layers,
        "dim": variant.memory_width,
        "dim_head": variant.memory_width,
        "heads": 1,
        "ff_mult": 4,
        "hidden_dropout_p": 0.0,
        "attention_dropout_p": 0.0,
        "pos_enc_at_key_value": True,
        "concat_kv_latents": False,
        "num_latents": spec.latents,
        "num_latents_2d": spec.latents_2d,
        "position_encoding": _sine(variant.memory_width),
        "use_self_attn": True,
    }
    model["use_high_res_features_in_sam"] = True


def _efficienttam(model: dict[str, Any], variant: Variant) -> None:
    trunk: Any = variant.trunk
    model["image_encoder"] |= {
        "trunk": {
            "_target_": "sam2.modeling.backbones.vitdet.ViT",
            "patch_size": 16,
            "embed_dim": trunk.width,
            "depth": trunk.depth,
            "num_heads": trunk.heads,
            "window_size": trunk.window,
            "window_block_indexes": [
                index for index in range(trunk.depth) if index not in trunk.global_blocks
            ],
            "pretrain_img_size": 16 * trunk.pretrained,
        },
        "neck": {
            "_target_": "sam2.modeling.backbones.image_encoder.ViTDetNeck",
            "position_encoding": _sine(variant.width),
            "d_model": variant.width,
            "backbone_channel_list": [trunk.width],
            "neck_norm": "LN",
        },
    }
    if variant.pooling.side > 1:
        number = 2 if variant.pooling.shifts_keys else 1
        cross = model["memory_attention"]["layer"]["cross_attention"]
        cross["_target_"] = f"sam2.modeling.sam.transformer.EfficientRoPEAttention{number}"
    model["use_high_res_features_in_sam"] = False
