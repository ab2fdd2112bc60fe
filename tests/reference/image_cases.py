"""Prompts on single pictures for a parity check; each side answers them with its own predictor.

Coordinates are fractions of the picture. A case has R rows, each with as many clicks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from .scenarios import clip

Click = tuple[float, float, int]


@dataclass(frozen=True)
class ImageCase:
    """What is asked about a picture."""

    clicks: tuple[tuple[Click, ...], ...] = ()
    boxes: tuple[tuple[float, float, float, float], ...] = ()
    multimask: bool = True
    fed_back: bool = False  # the best mask of the case "click" is input again

    def points(self, height: int, width: int) -> np.ndarray | None:
        """The clicks in pixels, ``(R, P, 2)``."""
        if not self.clicks:
            return None
        points = np.array([[c[:2] for c in row] for row in self.clicks], np.float32)
        return points * np.array([width, height], np.float32)

    def labels(self) -> np.ndarray | None:
        """``(R, P)``, 1 = on the object, 0 = off it."""
        labels = np.array([[c[2] for c in row] for row in self.clicks], np.int32)
        return labels if self.clicks else None

    def corners(self, height: int, width: int) -> np.ndarray | None:
        """The boxes in pixels, ``(R, 4)``."""
        if not self.boxes:
            return None
        return np.array(self.boxes, np.float32) * np.array([width, height] * 2, np.float32)


@dataclass(frozen=True)
class Answer:
    """What one side says: R rows of M masks."""

    logits: Tensor  # (R, M, 4h, 4w)
    scores: Tensor  # (R, M)
    masks: Tensor  # (R, M, H, W), bool

    def best(self) -> Tensor:
        """The logits of the best mask of the first row, ``(1, 4h, 4w)``."""
        return self.logits[0, self.scores[0].argmax()][None]


_CLICKS = ((0.42, 0.45, 1), (0.50, 0.55, 1), (0.15, 0.80, 0), (0.85, 0.20, 0))
_BOXES = ((0.25, 0.30, 0.62, 0.66), (0.55, 0.12, 0.93, 0.55), (0.0, 0.0, 0.5, 1.0))
CASES = {
    "click": ImageCase(clicks=(_CLICKS[:1],)),
    "click_clear": ImageCase(clicks=(_CLICKS[:1],), multimask=False),
    "clicks": ImageCase(clicks=(_CLICKS,), multimask=False),
    "many_clicks": ImageCase(clicks=tuple(((x / 5, y / 4, 1),) for x, y in ((1, 1), (4, 3)))),
    "box": ImageCase(boxes=_BOXES[:1], multimask=False),
    "boxes": ImageCase(boxes=_BOXES),
    "boxes_clicks": ImageCase(
        clicks=(_CLICKS[:2], _CLICKS[1:3], _CLICKS[2:]), boxes=_BOXES, multimask=False
    ),
    "fed_back": ImageCase(clicks=(_CLICKS[1:3],), multimask=False, fed_back=True),
    "fed_back_box": ImageCase(boxes=_BOXES[:1], fed_back=True),
    "mask_alone": ImageCase(fed_back=True),
}


def picture(name: str, side: int) -> np.ndarray:
    """RGB uint8: ``square``, which is not resized, or ``wide``, which is."""
    size = (side, side) if name == "square" else (side * 5 // 8, side * 7 // 8)
    return clip(1, *size, seed=3).images[0]


PICTURES = ("square", "wide")
SAM2_SEED = 11  # of the weights: those of the videos' scenarios give too many empty masks here
