"""How masks are made up for a user: holes, specks and edges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from .guided_filter import sharpen
from .regions import fill_holes
from .upscaling import VideoMasks, upscale

# Low-resolution pixels: holes up to this are filled also after the guided filter, which makes new
# ones; larger ones are more often real.
NEW_HOLES = 2


@dataclass(frozen=True, slots=True)
class Finish:
    """What is done to masks on their way to the picture's size.

    Attributes:
        hole_area: holes of up to that many low-resolution pixels are filled; 0 = none. Those that
            sharpening makes are filled up to :data:`NEW_HOLES`, if that is less.
        speck_area: parts of up to that many low-resolution pixels (or a fraction of one), beside a
            larger part, are removed; 0 = none.
        sharp: whether edges are fitted to the picture's (:func:`sam2track.masks.sharpen`).
    """

    hole_area: int = 0
    speck_area: float = 0.0
    sharp: bool = False

    @property
    def on_host(self) -> bool:
        """Whether the masks are made on the host, wherever the logits are."""
        return self.sharp or self.speck_area > 0

    def draw(
        self,
        logits: Float[Tensor, "N h w"],
        picture: UInt8[np.ndarray, "H W 3"],
        *,
        onto: VideoMasks | None = None,
        rows: Sequence[int] | None = None,
    ) -> VideoMasks:
        """The masks of logits that cover a picture exactly, at its size.

        Args:
            logits: above 0 on the object.
            picture: RGB, 0..255.
            onto, rows: see :func:`sam2track.masks.upscaling.combine`.
        """
        logits = logits.float().cpu() if self.on_host else logits  # filling is faster there
        with torch.inference_mode():  # it is faster
            filled = fill_holes(logits, self.hole_area)
        if self.sharp:
            holes = min(self.hole_area, NEW_HOLES)
            return sharpen(filled, picture, self.speck_area, holes, onto=onto, rows=rows)
        size = (picture.shape[0], picture.shape[1])
        return upscale(filled, size, self.speck_area, onto=onto, rows=rows)


PLAIN = Finish()
# What suits models with fine masks: what the official code fills.
FINE = Finish(hole_area=8)
# And coarse masks, as nano's. Thin things break into larger parts than such specks, which are as
# often right as wrong.
COARSE = Finish(hole_area=20, speck_area=0.3, sharp=True)
