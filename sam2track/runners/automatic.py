"""Makes the generator of automatic masks from settings, the same for ``image`` and ``track``."""

from __future__ import annotations

from omegaconf import DictConfig

from ..image import AutomaticMaskGenerator, AutomaticSettings, ImagePredictor
from ..model import ImageModel
from .compose import plain


def make_generator(model: ImageModel, config: DictConfig) -> AutomaticMaskGenerator:
    """The generator that ``automatic`` and ``sharpen`` of a configuration describe."""
    settings = AutomaticSettings(**plain(config.automatic), sharpen=config.sharpen)
    return AutomaticMaskGenerator(ImagePredictor(model), settings)
