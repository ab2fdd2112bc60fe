"""Masks of prompts on a picture: at the model's resolution until the picture's is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

from ..masks import PLAIN, Finish
from ..masks.upscaling import resize_logits
from ..model import ImageTransform

PIXELS_AT_ONCE = 1 << 25  # of masks that are brought to the picture's size together


@dataclass(frozen=True, slots=True, eq=False)
class ImageMasks:
    """M candidate masks for each of R prompts, with their predicted IoU.

    :meth:`best`, :meth:`flat` and :meth:`select` filter at the model's resolution, which costs
    little; :meth:`masks` and :meth:`full_logits` make what is left at the picture's size.

    Attributes:
        logits: of the model's square, at stride 4; above 0 on the object. They can be fed back as
            ``previous=`` of :meth:`sam2track.image.ImagePredictor.predict`.
        scores: predicted IoU, in 0..1 for SAM 2; SAM's may lie a little outside.
        size: height and width of the picture, in pixels.
        transform: how the picture became the square.
    """

    logits: Float[Tensor, "R M 4*h 4*w"]
    scores: Float[Tensor, "R M"]
    size: tuple[int, int]
    transform: ImageTransform

    def __len__(self) -> int:
        return len(self.logits)

    def select(self, rows: Int[Tensor, " K"] | Bool[Tensor, " R"] | slice) -> ImageMasks:
        """Some of the rows."""
        return replace(self, logits=self.logits[rows], scores=self.scores[rows])

    def flat(self) -> ImageMasks:
        """Every candidate as a row of its own: R * M rows of one mask."""
        logits, scores = self.logits.flatten(0, 1)[:, None], self.scores.flatten()[:, None]
        return replace(self, logits=logits, scores=scores)

    def best(self) -> ImageMasks:
        """Of each row the mask with the highest predicted IoU."""
        pick = self.scores.argmax(1, keepdim=True)  # (R, 1)
        logits = self.logits.take_along_dim(pick[..., None, None], dim=1)
        return replace(self, logits=logits, scores=self.scores.take_along_dim(pick, dim=1))

    @torch.no_grad()
    def masks(self, threshold: float = 0.0) -> Bool[Tensor, "R M H W"]:
        """Masks at the picture's size, on the device of the logits.

        They take a byte a pixel: filter first, or go through :meth:`parts`.
        """
        made = [full > threshold for full in self.at_full_size()]
        return self._joined(made, torch.bool)

    @torch.no_grad()
    def full_logits(self) -> Float[Tensor, "R M H W"]:
        """Logits at the picture's size, on the device of the logits; four bytes a pixel."""
        return self._joined(list(self.at_full_size()), torch.float32)

    @torch.no_grad()
    def rendered(
        self, picture: UInt8[np.ndarray, "H W 3"], finish: Finish = PLAIN
    ) -> Bool[Tensor, "R H W"]:
        """:meth:`masks` made up for a user, as a tracker's are; of each row the first candidate.

        Args:
            picture: the image.
            finish: how; with ``PLAIN`` they are those of :meth:`masks`.
        """
        logits = self.transform.to_frame(self.logits[:, 0], self.size)
        return finish.draw(logits, picture).masks.to(logits.device)

    def parts(self, rows: int) -> Iterator[ImageMasks]:
        """The same in parts of so many rows."""
        for start in range(0, len(self), rows):
            yield self.select(slice(start, start + rows))

    @torch.no_grad()
    def at_full_size(self) -> Iterator[Float[Tensor, "n H W"]]:
        """The logits of every candidate at the picture's size, a few candidates at a time."""
        square = 16 * self.logits.shape[2] * self.logits.shape[3]  # which some transforms pass
        count = max(1, PIXELS_AT_ONCE // max(self.size[0] * self.size[1], square))
        for part in self.logits.flatten(0, 1).float().split(count):
            if len(part):
                yield resize_logits(self.transform.to_frame(part, self.size), self.size)

    def _joined(self, made: Sequence[Tensor], dtype: torch.dtype) -> Tensor:
        if not made:
            shape = (*self.logits.shape[:2], *self.size)
            return torch.zeros(shape, dtype=dtype, device=self.logits.device)
        return torch.cat(list(made)).unflatten(0, tuple(self.logits.shape[:2]))


def concatenate_rows(parts: Sequence[ImageMasks]) -> ImageMasks:
    """The rows of several parts, of one picture, one after the other."""
    logits = torch.cat([part.logits for part in parts])
    return replace(parts[0], logits=logits, scores=torch.cat([part.scores for part in parts]))
