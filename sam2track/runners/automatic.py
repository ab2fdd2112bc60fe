"""Makes the generator of automatic masks from settings, the same for ``image`` and ``track``."""

from __future__ import annotations

import numpy as np
from omegaconf import DictConfig

from ..image import AutomaticMaskGenerator, AutomaticSettings, ImagePredictor
from ..model import ImageModel, load_image_model
from ..prompts import Prompt
from ..track.automatic_prompts import AutomaticPrompts
from .compose import plain


def make_generator(model: ImageModel, config: DictConfig) -> AutomaticMaskGenerator:
    """The generator that ``automatic`` and ``sharpen`` of a configuration describe."""
    settings = AutomaticSettings(**plain(config.automatic), sharpen=config.sharpen)
    return AutomaticMaskGenerator(ImagePredictor(model), settings)


def make_automatic_prompts(model: ImageModel, config: DictConfig) -> AutomaticPrompts:
    """The user of ``prompts=auto``; ``image_model`` finds the masks if there is one.

    Args:
        model: the tracker's.
        config: ``configs/track.yaml``, composed.
    """
    if config.image_model is not None:
        options = {"device": config.device, "precision": config.precision}
        model = load_image_model(config.image_model, config.image_checkpoint, **options)
    generator = make_generator(model, config)

    def find(picture: np.ndarray, where: np.ndarray) -> list[Prompt]:
        found = sorted(generator.generate(picture, where=where), key=lambda own: -own.score)
        return [Prompt.from_mask(own.mask()) for own in found]

    return AutomaticPrompts(find, every=config.auto_every, max_objects=config.max_objects)
