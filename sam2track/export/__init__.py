"""Models as files for other runtimes. :mod:`sam2track.model.exported` loads them."""

from .signatures import Sizes
from .writing import FORMATS, PRECISIONS, write_model

__all__ = ["FORMATS", "PRECISIONS", "Sizes", "write_model"]
