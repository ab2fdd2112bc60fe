"""Exchange of annotations with other tools: :func:`write`, :func:`read`, the table of formats."""

from .exchange import read, write
from .formats import FORMATS, Format
from .losses import FEATURES, Loss, Losses
from .rings import edge_ring, fill_edges
from .run_lengths import encode_brush
from .sink import ExchangeSink
from .untrusted import parse_xml

__all__ = [
    "FEATURES",
    "FORMATS",
    "ExchangeSink",
    "Format",
    "Loss",
    "Losses",
    "edge_ring",
    "encode_brush",
    "fill_edges",
    "parse_xml",
    "read",
    "write",
]
