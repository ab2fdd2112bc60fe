"""Where the training of a small model begins.

Room: TRAIN. A fresh model enters and leaves with ImageNet's trunk, and with a memory that reads.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import nn

from ..model.backbones import Backbone
from ..model.memory_attention import MemoryAttentionLayer
from ..model.memory_encoder import ConvNeXtBlock
from ..model.sam2 import SAM2

RESIDUAL = 0.1  # scale of the memory encoder's ConvNeXt branches
FEATURE_SCALE = 0.3  # the ImageNet trunk's features through a fresh neck have a deviation of 3
LOOK = 0.75  # share of a memory token's channels that hold what the image looks like
MASK_SCALE = 4.0  # brings the mask's embedding to the scale of the features
SHARPNESS = 2.0  # of the matching: a perfect match then outweighs a thousand others


def load_imagenet(backbone: Backbone, trunk: nn.Module) -> None:
    """ImageNet weights for a trunk.

    Raises:
        ValueError: if none are known for this backbone, or they are not on this machine.
    """
    weights = backbone.imagenet_weights()
    if weights is None:
        raise ValueError(f"no ImageNet weights are known for a {type(trunk).__name__} trunk")
    trunk.load_state_dict(weights)


@torch.no_grad()
def match_features(model: SAM2) -> None:
    """Let memory reading begin as feature matching instead of noise (as in STM, 1904.00607).

    Features are brought to unit variance. A memory token holds two things apart: what the image
    looks like there (``LOOK`` of its channels: the features, narrowed by an orthonormal matrix)
    and where the mask is (the other channels). Queries and keys compare looks, values carry the
    mask: a place reads the mask of the places that looked like it.
    """
    model.neck.apply(_shrink_features)
    encoder = model.memory_encoder
    width, narrow = encoder.out_proj.in_channels, encoder.out_proj.out_channels
    basis = torch.empty(narrow, width)
    nn.init.orthogonal_(basis)
    looks = round(LOOK * narrow)
    look, mask = basis[:looks], basis[looks:]  # of orthogonal subspaces
    encoder.out_proj.weight.copy_(basis[..., None, None])
    encoder.pix_feat_proj.weight.copy_((look.T @ look)[..., None, None])
    last = cast(nn.Conv2d, encoder.mask_downsampler.encoder[-1])
    onto_mask = MASK_SCALE * mask.T @ mask
    last.weight.copy_((onto_mask @ last.weight[..., 0, 0])[..., None, None])
    _bias(last).copy_(onto_mask @ _bias(last))
    for convolution in (encoder.pix_feat_proj, encoder.out_proj):
        _bias(convolution).zero_()
    for block in encoder.fuser.layers:
        cast(ConvNeXtBlock, block).gamma.fill_(RESIDUAL)
    for layer in model.memory_attention.layers:
        attention = cast(MemoryAttentionLayer, layer).cross_attn_image
        attention.q_proj.weight.copy_(SHARPNESS * look.T @ look)
        attention.k_proj.weight.copy_(torch.cat((look, torch.zeros_like(mask))).T)
        attention.v_proj.weight.copy_(torch.cat((torch.zeros_like(look), mask)).T)
        attention.out_proj.weight.copy_(torch.eye(width))
        for linear in (attention.q_proj, attention.k_proj, attention.v_proj, attention.out_proj):
            _bias(linear).zero_()


def _shrink_features(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        module.weight.mul_(FEATURE_SCALE)
        _bias(module).mul_(FEATURE_SCALE)


def _bias(module: nn.Conv2d | nn.Linear) -> nn.Parameter:
    """That of a layer which has one."""
    return cast(nn.Parameter, module.bias)
