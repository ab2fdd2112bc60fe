"""Image encoders' backbones: one file each. ``protocol.py`` says what a backbone must tell."""

from .efficientnet import EfficientNetSpec
from .hiera import HieraSpec
from .protocol import Backbone

__all__ = ["Backbone", "EfficientNetSpec", "HieraSpec"]
