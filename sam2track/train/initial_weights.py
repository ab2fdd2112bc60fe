"""The first weights of training, if no checkpoint of a whole model is given."""

from __future__ import annotations

from typing import cast

import torch
from torch import nn

from ..model.memory_attention import MemoryAttentionLayer
from ..model.memory_encoder import ConvNeXtBlock
from ..model.sam2 import SAM2
from ..model.weights import load_trunk
from .masked_autoencoder import MaskedAutoencoder

RESIDUAL = 0.1  # scale of the memory encoder's ConvNeXt branches
FEATURE_SCALE = 0.3  # features of the ImageNet trunk after a new neck have a deviation of 3
APPEARANCE_SHARE = 0.75  # fraction of a memory token's channels for the appearance
MASK_SCALE = 4.0  # brings the mask's embedding to the scale of the features
SHARPNESS = 2.0  # of the matching: a perfect match then has more weight than a thousand others


def initialise_trunk(model: SAM2 | MaskedAutoencoder, source: str, variant: str) -> None:
    """Load the first weights of a model's trunk.

    Args:
        source: ``scratch``, ``imagenet`` (for nano's trunk), or a file: what ``sam2track pretrain``
            saved, or a whole checkpoint of any layout, of which the trunk is taken.
        variant: the model's name.

    Raises:
        ValueError: if no ImageNet weights are known for the trunk, or they are not found.
        CheckpointError: if there is no such file, or it holds another trunk.
    """
    backbone = model.variant.trunk
    if source == "scratch":
        backbone.initialise(model.trunk)
    elif source == "imagenet":
        weights, name = backbone.imagenet_weights(), type(model.trunk).__name__
        if weights is None:
            raise ValueError(f"no ImageNet weights are known for a {name} trunk")
        model.trunk.load_state_dict(weights)
    else:
        load_trunk(model.trunk, source, variant)


@torch.no_grad()
def match_features(model: SAM2) -> None:
    """Initialise memory attention so that it matches features (as in STM, 1904.00607).

    Features are scaled to unit variance. The channels of a memory token are divided in two:
    ``APPEARANCE_SHARE`` of them hold the features, projected by an orthonormal matrix; the others
    hold the mask. Queries and keys compare appearance, values carry the mask. So a position gets
    the mask of the positions with similar features.
    """
    for module in model.neck.modules():
        if isinstance(module, nn.Conv2d):
            for parameter in module.parameters():
                parameter.mul_(FEATURE_SCALE)
    encoder = model.memory_encoder
    width, narrow = encoder.out_proj.in_channels, encoder.out_proj.out_channels
    basis = torch.empty(narrow, width)
    nn.init.orthogonal_(basis)
    split = round(APPEARANCE_SHARE * narrow)
    appearance, mask = basis[:split], basis[split:]  # of orthogonal subspaces
    encoder.out_proj.weight.copy_(basis[..., None, None])
    encoder.pix_feat_proj.weight.copy_((appearance.T @ appearance)[..., None, None])
    last = cast(nn.Conv2d, cast(nn.Sequential, encoder.mask_downsampler.encoder)[-1])
    onto_mask = MASK_SCALE * mask.T @ mask
    last.weight.copy_((onto_mask @ last.weight[..., 0, 0])[..., None, None])
    _bias(last).copy_(onto_mask @ _bias(last))
    for convolution in (encoder.pix_feat_proj, encoder.out_proj):
        _bias(convolution).zero_()
    for block in cast(nn.Sequential, encoder.fuser.layers):
        cast(ConvNeXtBlock, block).gamma.fill_(RESIDUAL)
    for layer in model.memory_attention.layers:
        attention = cast(MemoryAttentionLayer, layer).cross_attn_image
        attention.q_proj.weight.copy_(SHARPNESS * appearance.T @ appearance)
        attention.k_proj.weight.copy_(torch.cat((appearance, torch.zeros_like(mask))).T)
        attention.v_proj.weight.copy_(torch.cat((torch.zeros_like(appearance), mask)).T)
        attention.out_proj.weight.copy_(torch.eye(width))
        for linear in (attention.q_proj, attention.k_proj, attention.v_proj, attention.out_proj):
            _bias(linear).zero_()


def _bias(module: nn.Conv2d | nn.Linear) -> nn.Parameter:
    """The bias of a layer that has one."""
    return cast(nn.Parameter, module.bias)
