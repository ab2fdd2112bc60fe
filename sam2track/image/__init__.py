"""A single picture: prompts in, masks out."""

from .embedding import EncodedImage
from .image_masks import ImageMasks
from .predictor import ImagePredictor
from .prompt_rows import PromptRows
from .reading import Picture, read_image

__all__ = ["EncodedImage", "ImageMasks", "ImagePredictor", "Picture", "PromptRows", "read_image"]
