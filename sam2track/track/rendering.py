"""From the model's logits to masks at the video's size. Nothing here reaches the memory."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from ..masks import VideoMasks, concatenate, fill_holes, sharpen, upscale
from ..model import SAM2
from ..types import Frame, FrameOutcome, FrameResult
from .workers import Workers


@dataclass(frozen=True, slots=True)
class Rendering:
    """How masks are made for the user.

    Attributes:
        fill_hole_area: holes of up to that many low-resolution pixels are filled; 0 = none.
        remove_specks: parts whose area is up to that many low-resolution pixels (or a fraction of
            one), beside a larger part, are removed; 0 = none; None = as suits the model.
        sharpen: whether edges are fitted to the picture's (:func:`sam2track.masks.sharpen`); None =
            as suits the model: coarse masks, such as nano's, gain by it.
    """

    fill_hole_area: int = 8
    remove_specks: float | None = None
    sharpen: bool | None = None


# Low-resolution pixels; what ``remove_specks=None`` means for coarse masks. Thin things break into
# larger parts, which are as often right as wrong.
SPECK_AREA = 0.3


class Renderer:
    """Makes results of outcomes.

    Args:
        rendering: what the user chose.
        model: which made the outcomes.
        workers: threads that objects are shared out among.
    """

    def __init__(self, rendering: Rendering, model: SAM2, workers: Workers) -> None:
        specks, sharp, coarse = rendering.remove_specks, rendering.sharpen, model.variant.coarse
        self.fill_hole_area = rendering.fill_hole_area
        usual = SPECK_AREA if coarse else 0.0
        self.speck_area = usual if specks is None else specks
        self.sharpen = coarse if sharp is None else sharp
        self.transform, self.workers = model.transform, workers

    # Not in inference mode: users may change the tensors that they get.
    @torch.inference_mode(False)
    @torch.no_grad()
    def render(self, outcome: FrameOutcome, frame: Frame) -> FrameResult:
        """The outcome of a frame at the size of its picture.

        Raises:
            ValueError: if the frame is another one.
        """
        if outcome.index != frame.index:
            raise ValueError(f"the outcome of frame {outcome.index} is not of frame {frame.index}")
        drawn = self._draw_all(outcome.logits, frame)
        return FrameResult(
            outcome.index,
            outcome.object_ids,
            drawn.masks,
            drawn.owner,
            outcome.scores.clone(),
            outcome.presence.clone(),
            outcome.logits.clone(),
        )

    def _draw_all(self, logits: Float[Tensor, "N h w"], frame: Frame) -> VideoMasks:
        if not len(logits):
            masks = torch.zeros(0, *frame.size, dtype=torch.bool, device=logits.device)
            owner = torch.full(frame.size, -1, dtype=torch.int16, device=logits.device)
            return VideoMasks(masks, owner, torch.zeros(frame.size, device=logits.device))
        shares = logits.chunk(self.workers.count(len(logits)))
        return concatenate(self.workers.map(partial(self._draw, picture=frame.image), shares))

    @torch.no_grad()  # which is a thread's own
    def _draw(
        self, logits: Float[Tensor, "N h w"], *, picture: UInt8[np.ndarray, "H W 3"]
    ) -> VideoMasks:
        logits = self.transform.to_frame(logits, (picture.shape[0], picture.shape[1]))
        filled = fill_holes(logits, self.fill_hole_area)
        if self.sharpen:
            return sharpen(filled, picture, self.speck_area)
        return upscale(filled, (picture.shape[0], picture.shape[1]), self.speck_area)
