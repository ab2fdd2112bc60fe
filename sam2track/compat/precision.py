"""The precision of the caller: that of ``torch.autocast`` around the call, else fp32."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from ..model import SAM, SAM2


@contextmanager
def callers_precision(model: SAM2 | SAM) -> Iterator[None]:
    """Compute as the official code does in the caller's place, without gradients.

    The model computes in the dtype of the autocast that the caller has entered, or else in its own
    precision. A model that was loaded in a lower precision keeps it.
    """
    own, kind = model.precision, model.device.type
    if own == torch.float32 and torch.is_autocast_enabled(kind):
        model.precision = torch.get_autocast_dtype(kind)
    try:
        with torch.no_grad():
            yield
    finally:
        model.precision = own
