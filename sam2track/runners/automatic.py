"""Makes the generator of automatic masks from settings, the same for all verbs that use it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Bool
from omegaconf import DictConfig

from ..image import AutomaticMaskGenerator, AutomaticSettings, ImagePredictor
from ..model import ImageModel, load_image_model
from ..prompts import Prompt
from ..track import AutomaticPrompts, Find, Proposal
from ..types import Frame
from .compose import plain

AUTO = "auto"  # prompts=auto: everything is followed


def make_generator(model: ImageModel, config: DictConfig) -> AutomaticMaskGenerator:
    """The generator that ``automatic`` and ``sharpen`` of a configuration describe."""
    return AutomaticMaskGenerator(ImagePredictor(model), _settings(config))


@dataclass(frozen=True, slots=True)
class AutomaticMasks:
    """How masks are found on frames; plain values, which go to workers too.

    Attributes:
        image_model, image_checkpoint: that find them; None = the tracker's model does.
        device, precision: of that model.
    """

    settings: AutomaticSettings
    image_model: str | None
    image_checkpoint: str | None
    device: str
    precision: str

    def find(self, model: ImageModel) -> Find:
        """Finds automatic masks on frames, with the tracker's model or an image model."""
        if self.image_model is not None:
            model = _image_model(
                self.image_model, self.image_checkpoint, self.device, self.precision
            )
        generator = AutomaticMaskGenerator(ImagePredictor(model), self.settings)

        def find(
            frame: Frame, where: Bool[np.ndarray, "H W"], pause: Callable[[], None] | None = None
        ) -> list[Proposal]:
            found = generator.generate(frame.image, where=where, pause=pause)
            found = sorted(found, key=lambda own: -own.score)
            return [Proposal(Prompt.from_mask(own.mask())) for own in found]

        return find


@lru_cache(maxsize=1)
def _image_model(name: str, checkpoint: str | None, device: str, precision: str) -> ImageModel:
    return load_image_model(name, checkpoint, device=device, precision=precision)


def automatic_masks(config: DictConfig) -> AutomaticMasks:
    """What ``configs/track.yaml`` or ``configs/annotate.yaml``, composed, says of them."""
    return AutomaticMasks(
        _settings(config),
        image_model=config.image_model,
        image_checkpoint=config.image_checkpoint,
        device=str(config.device),
        precision=config.precision,
    )


def _settings(config: DictConfig) -> AutomaticSettings:
    return AutomaticSettings(**plain(config.automatic), sharpen=config.sharpen)


def make_automatic_prompts(model: ImageModel, config: DictConfig) -> AutomaticPrompts:
    """The user of ``prompts=auto`` of ``track``; ``model`` is the tracker's."""
    find = automatic_masks(config).find(model)
    return AutomaticPrompts(find, every=config.auto_every, max_objects=config.max_objects)
