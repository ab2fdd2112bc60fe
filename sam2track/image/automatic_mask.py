"""A mask that nobody asked for, with what is known of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool

from ..masks import decode_runs, encode_runs, mask_box
from .crops import Box


@dataclass(frozen=True, slots=True, eq=False)
class AutomaticMask:
    """A mask of something in a picture.

    Attributes:
        runs: its COCO run lengths, at the picture's size (see :mod:`sam2track.masks.run_lengths`).
        area: in pixels.
        box: ``(x0, y0, x1, y1)`` in pixels, far edges exclusive.
        score: predicted IoU, in 0..1 for SAM 2; SAM's may lie a little outside.
        stability: IoU of the masks at a higher and a lower threshold, 0..1.
        point: ``(x, y)`` of the click that gave it, in pixels.
        crop: the part of the picture that it was seen in, as ``box``.
    """

    runs: dict[str, Any]
    area: int
    box: Box
    score: float
    stability: float
    point: tuple[float, float]
    crop: Box

    @classmethod
    def of(
        cls,
        mask: Bool[np.ndarray, "H W"],
        score: float,
        stability: float,
        point: tuple[float, float],
        crop: Box,
    ) -> AutomaticMask:
        """A mask that is not empty, and what is known of it."""
        area, box = int(np.count_nonzero(mask)), mask_box(mask)
        assert box is not None
        return cls(encode_runs(mask), area, box, score, stability, point, crop)

    def mask(self) -> Bool[np.ndarray, "H W"]:
        """True on the object."""
        return decode_runs(self.runs, "the automatic mask")

    def record(self, *, runs: bool = False) -> dict[str, Any]:
        """The mask under the keys, and in the units, of the official generators.

        ``segmentation`` is the mask, or its run lengths with ``runs=True``. ``bbox`` is ``[x, y,
        width, height]`` from the first to the last pixel, so that its width is one less than the
        number of columns. ``crop_box`` is ``[x, y, width, height]``.
        """
        (x0, y0, x1, y1), (left, top, right, bottom) = self.box, self.crop
        return {
            "segmentation": self.runs if runs else self.mask(),
            "area": self.area,
            "bbox": [x0, y0, x1 - 1 - x0, y1 - 1 - y0],
            "predicted_iou": self.score,
            "point_coords": [list(self.point)],
            "stability_score": self.stability,
            "crop_box": [left, top, right - left, bottom - top],
        }

    def annotation(self, number: int) -> dict[str, Any]:
        """:meth:`record` as an annotation of a file in COCO's layout, with that ``id``.

        There ``bbox`` covers whole pixels: its width is the number of columns.
        """
        x0, y0, x1, y1 = self.box
        box = [x0, y0, x1 - x0, y1 - y0]
        return {"id": number, **self.record(runs=True), "bbox": box}
