"""Image encoders' backbones, one file each, and the protocol that the package uses.

A backbone is described by a frozen dataclass, its spec, which is a :class:`Backbone`. The table of
models (:mod:`sam2track.model.variants`) names the specs. The rest of the package does not depend on
the backbone.
"""

from .backbone import Backbone
from .efficientnet import EfficientNetSpec
from .hiera import HieraSpec
from .plain_vit import PlainViTSpec
from .repvit import RepViTSpec
from .vit import ViTSpec

__all__ = [
    "Backbone",
    "EfficientNetSpec",
    "HieraSpec",
    "PlainViTSpec",
    "RepViTSpec",
    "ViTSpec",
]
