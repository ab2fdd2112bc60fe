"""A single picture: prompts in, masks out."""

from .automatic import AutomaticMaskGenerator
from .automatic_mask import AutomaticMask
from .automatic_settings import AutomaticSettings
from .embedding import EncodedImage
from .image_masks import ImageMasks
from .predictor import ImagePredictor
from .prompt_rows import PromptRows
from .reading import Picture, read_image

__all__ = [
    "AutomaticMask",
    "AutomaticMaskGenerator",
    "AutomaticSettings",
    "EncodedImage",
    "ImageMasks",
    "ImagePredictor",
    "Picture",
    "PromptRows",
    "read_image",
]
