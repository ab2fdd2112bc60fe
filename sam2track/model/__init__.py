"""The networks, and the table of their variants. docs/architecture.md says where new parts go."""

from .image_model import ImageModel
from .image_transform import ImageTransform
from .loading import load_model
from .sam2 import SAM2
from .variants import VARIANTS, Variant, find_variant
from .weights import CheckpointError

__all__ = [
    "SAM2",
    "VARIANTS",
    "CheckpointError",
    "ImageModel",
    "ImageTransform",
    "Variant",
    "find_variant",
    "load_model",
]
