"""The networks, and the table of their variants. docs/architecture.md says where new parts go."""

from .image_model import ImageModel
from .image_transform import ImageTransform
from .loading import load_image_model, load_model
from .sam import SAM
from .sam2 import SAM2
from .variants import (
    IMAGE_VARIANTS,
    VARIANTS,
    ImageVariant,
    Variant,
    find_image_variant,
    find_variant,
)
from .weights import CheckpointError

__all__ = [
    "IMAGE_VARIANTS",
    "SAM",
    "SAM2",
    "VARIANTS",
    "CheckpointError",
    "ImageModel",
    "ImageTransform",
    "ImageVariant",
    "Variant",
    "find_image_variant",
    "find_variant",
    "load_image_model",
    "load_model",
]
