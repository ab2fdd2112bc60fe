"""How what a script returns is kept on disk: its shape and type, and some of its values."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch

VALUES = 100  # of each array, evenly spaced
SCALE = 1024  # values as whole numbers of 1/1024
LIMIT = 30.0  # ... and clipped, -1024 being "absent"


def kept(returned: Iterable[tuple[str, Any]]) -> dict[str, np.ndarray]:
    """Arrays by name: of each that was returned its type and shape, some values, and, where there
    are two dimensions or more, which are above 0."""
    arrays: dict[str, np.ndarray] = {}
    for name, value in returned:
        array = value.detach().cpu().numpy() if isinstance(value, torch.Tensor) else value
        arrays[f"{name}|form"] = np.array([str(array.dtype), *map(str, array.shape)])
        flat = array.astype(np.float32).ravel()
        step = max(1, flat.size // VALUES) | 1
        some = flat[::step] if array.dtype != np.uint8 else flat[::step] / 255
        arrays[f"{name}|values"] = (some.clip(-LIMIT, LIMIT) * SCALE).round().astype(np.int16)
        if array.ndim >= 3 and array.dtype != np.uint8:
            arrays[f"{name}|above"] = np.packbits(flat > 0)
    return arrays
