"""Boxes around masks."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool


def mask_box(mask: Bool[np.ndarray, "H W"]) -> tuple[int, int, int, int] | None:
    """The tight box ``(x0, y0, x1, y1)`` of a mask, far edges exclusive; None if it is empty."""
    rows = np.flatnonzero(mask.any(axis=1))
    if not len(rows):
        return None
    y0, y1 = int(rows[0]), int(rows[-1]) + 1
    columns = np.flatnonzero(mask[y0:y1].any(axis=0))
    return int(columns[0]), y0, int(columns[-1]) + 1, y1
