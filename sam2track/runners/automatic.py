"""Makes the generator of automatic masks from settings, the same for all verbs that use it."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool
from omegaconf import DictConfig

from ..image import AutomaticMaskGenerator, AutomaticSettings, ImagePredictor
from ..model import ImageModel, load_image_model
from ..prompts import Prompt
from ..track import AutomaticPrompts, Find, Proposal
from ..types import Frame
from .compose import plain


def make_generator(model: ImageModel, config: DictConfig) -> AutomaticMaskGenerator:
    """The generator that ``automatic`` and ``sharpen`` of a configuration describe."""
    settings = AutomaticSettings(**plain(config.automatic), sharpen=config.sharpen)
    return AutomaticMaskGenerator(ImagePredictor(model), settings)


def make_find(model: ImageModel, config: DictConfig) -> Find:
    """Finds automatic masks on frames; ``image_model`` does if there is one.

    Args:
        model: the tracker's.
        config: ``configs/track.yaml`` or ``configs/annotate.yaml``, composed.
    """
    if config.image_model is not None:
        options = {"device": config.device, "precision": config.precision}
        model = load_image_model(config.image_model, config.image_checkpoint, **options)
    generator = make_generator(model, config)

    def find(frame: Frame, where: Bool[np.ndarray, "H W"]) -> list[Proposal]:
        found = sorted(generator.generate(frame.image, where=where), key=lambda own: -own.score)
        return [Proposal(Prompt.from_mask(own.mask())) for own in found]

    return find


def make_automatic_prompts(model: ImageModel, config: DictConfig) -> AutomaticPrompts:
    """The user of ``prompts=auto`` of ``track``; the arguments of :func:`make_find`."""
    find = make_find(model, config)
    return AutomaticPrompts(find, every=config.auto_every, max_objects=config.max_objects)
