"""Where a trunk's weights come from: nowhere, ImageNet, or an earlier training."""

from __future__ import annotations

from ..model import SAM2
from ..model.weights import load_trunk
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
    backbone = model.variant.trunk
    if source == "scratch":
        backbone.initialise(model.trunk)
    elif source == "imagenet":
        load_imagenet(backbone, model.trunk)
    else:
        load_trunk(model.trunk, source, variant)
