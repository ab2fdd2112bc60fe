"""Segments single pictures from prompts for the tools, as the command ``image`` does it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, UInt8

from ..image import EncodedImage, ImagePredictor, Picture, read_image
from ..masks import COARSE, FINE
from ..model import ImageModel
from ..model.sam2 import SAM2
from ..prompts import Prompt


@dataclass(frozen=True, slots=True, eq=False)
class EncodedPicture:
    """A picture with its embedding."""

    picture: UInt8[np.ndarray, "H W 3"]
    embedding: EncodedImage


class Segmenter:
    """Encodes a picture once, and makes masks of any number of prompts on it."""

    def __init__(self, model: ImageModel) -> None:
        self.predictor = ImagePredictor(model)
        coarse = isinstance(model, SAM2) and model.variant.coarse
        self.finish = COARSE if coarse else FINE

    def encode(self, picture: Picture) -> EncodedPicture:
        """Errors as for :func:`sam2track.image.read_image`."""
        pixels = read_image(picture)
        return EncodedPicture(pixels, self.predictor.encode(pixels))

    def mask(self, image: EncodedPicture, prompt: Prompt) -> tuple[Bool[np.ndarray, "H W"], float]:
        """The mask of a prompt and its predicted IoU; edges are sharpened if the model is coarse.

        Raises:
            ValueError: if the prompt is outside the picture.
        """
        found = self.predictor.segment(image.embedding, prompt)
        masks = found.rendered(image.picture, self.finish)
        return masks[0].cpu().numpy(), float(found.scores[0, 0])
