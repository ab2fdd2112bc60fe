"""Exchange of annotations with other tools: :func:`write`, :func:`read`, the table of formats."""

from .exchange import read, write
from .formats import FORMATS, Format
from .losses import FEATURES, Loss, Losses
from .sink import ExchangeSink

__all__ = ["FEATURES", "FORMATS", "ExchangeSink", "Format", "Loss", "Losses", "read", "write"]
