"""Where a trunk's weights come from: nowhere, ImageNet, or an earlier training."""

from __future__ import annotations

import torch
from torch import nn

from ..model.checkpoint import load_trunk
from ..model.efficientnet import EfficientNet
from ..model.sam2 import SAM2
from .initialise import load_imagenet
from .mae import MaskedAutoencoder


def start_trunk(model: SAM2 | MaskedAutoencoder, source: str, variant: str) -> None:
    """Fill a model's trunk with the weights to begin with.

    Args:
        source: ``scratch``, ``imagenet`` (for nano's trunk), or a file: what ``recipe=mae`` saved,
            or a whole checkpoint of any layout, of which the trunk is taken.
        variant: the model's name.

    Raises:
        ValueError: if no ImageNet weights are known for the trunk, or can be found.
        CheckpointError: if there is no such file, or it holds another trunk.
    """
    if source == "scratch":
        if isinstance(model.trunk, EfficientNet):
            _keep_variance(model.trunk)
    elif source == "imagenet":
        load_imagenet(model)
    else:
        load_trunk(model.trunk, source, variant)


@torch.no_grad()
def _keep_variance(trunk: EfficientNet) -> None:
    """Let signals pass all of the trunk, which has no normalisation (He, 1502.01852).

    With PyTorch's own first weights what leaves would hardly depend on the picture.
    """
    for name, parameter in trunk.named_parameters():
        if name.endswith("bias"):
            nn.init.zeros_(parameter)
        else:
            follows = "linear" if name.endswith("project.weight") else "relu"
            nn.init.kaiming_normal_(parameter, nonlinearity=follows)
