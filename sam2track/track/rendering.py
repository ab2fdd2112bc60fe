"""From the model's logits to masks at the video's size. Nothing here reaches the memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from ..masks import COARSE, FINE, Finish, VideoMasks, concatenate
from ..model import SAM2
from ..types import Frame, FrameOutcome, FrameResult, WindowBox
from .workers import Workers


@dataclass(frozen=True, slots=True)
class Rendering:
    """How masks are made for the user.

    Attributes:
        fill_hole_area: holes of up to that many low-resolution pixels (with ``sharpen`` once more,
            up to two) are filled; 0 = none; None = as suits the model: coarse masks, such as
            nano's, have larger ones.
        remove_specks: parts whose area is up to that many low-resolution pixels (or a fraction of
            one), beside a larger part, are removed; 0 = none; None = as suits the model: those of
            coarse masks.
        sharpen: whether edges are fitted to the picture's (:func:`sam2track.masks.sharpen`); None =
            as suits the model: coarse masks gain by it.
    """

    fill_hole_area: int | None = None
    remove_specks: float | None = None
    sharpen: bool | None = None

    def finish(self, *, coarse: bool) -> Finish:
        """The same with what suits a model instead of None.

        Args:
            coarse: whether its masks are coarse.
        """
        usual = COARSE if coarse else FINE
        holes, specks, sharp = self.fill_hole_area, self.remove_specks, self.sharpen
        return Finish(
            usual.hole_area if holes is None else holes,
            usual.speck_area if specks is None else specks,
            usual.sharp if sharp is None else sharp,
        )


class Renderer:
    """Makes results of outcomes.

    Args:
        rendering: what the user chose.
        model: which made the outcomes.
        workers: threads that objects are shared out among.
    """

    def __init__(self, rendering: Rendering, model: SAM2, workers: Workers) -> None:
        self.finish = rendering.finish(coarse=model.variant.coarse)
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
        windows = outcome.windows or (None,) * len(outcome.object_ids)
        drawn = self._draw_all(outcome.logits, windows, frame)
        return FrameResult(
            outcome.index,
            outcome.object_ids,
            drawn.masks,
            drawn.owner,
            outcome.scores.clone(),
            outcome.presence.clone(),
            outcome.logits.clone(),
            outcome.windows,
        )

    @torch.no_grad()
    def draw_part(
        self, logits: Float[Tensor, "N h w"], window: WindowBox | None, frame: Frame
    ) -> tuple[Bool[Tensor, "N y x"], WindowBox]:
        """Masks of objects that were seen through one window, without what lies around it.

        They are those of :meth:`render`; the part of the frame that they cover comes with them.
        """
        height, width = frame.size
        own = self.transform.to_frame(logits, frame.size) if window is None else logits
        x0, y0, x1, y1 = part = window or (0, 0, width, height)
        masks = self._empty(logits, (y1 - y0, x1 - x0))
        picture, drawn = frame.image[y0:y1, x0:x1], VideoMasks.over(masks)
        self.finish.draw(own, picture, onto=drawn, rows=range(len(logits)))
        return masks, part

    def _empty(
        self, logits: Float[Tensor, "N h w"], size: tuple[int, int]
    ) -> Bool[Tensor, "N H W"]:
        """Where masks are drawn."""
        device = "cpu" if self.finish.on_host else logits.device
        return torch.zeros(len(logits), *size, dtype=torch.bool, device=device)

    def _draw_all(
        self, logits: Float[Tensor, "N h w"], windows: Sequence[WindowBox | None], frame: Frame
    ) -> VideoMasks:
        masks = self._empty(logits, frame.size)
        if not len(logits):
            return VideoMasks.over(masks)
        shares, first = [], 0
        for part in logits.chunk(self.workers.count(len(logits))):
            rows = slice(first, first + len(part))
            shares.append((part, windows[rows], masks[rows]))
            first += len(part)
        draw = partial(self._draw_share, picture=frame.image)
        return concatenate(self.workers.map(draw, shares), masks)

    @torch.no_grad()  # which is a thread's own
    def _draw_share(
        self,
        share: tuple[Float[Tensor, "N h w"], Sequence[WindowBox | None], Bool[Tensor, "N H W"]],
        *,
        picture: UInt8[np.ndarray, "H W 3"],
    ) -> VideoMasks:
        """Some objects, those that were seen through one window together."""
        logits, windows, masks = share
        size, drawn = (picture.shape[0], picture.shape[1]), VideoMasks.over(masks)
        for window in dict.fromkeys(windows):
            rows = [row for row, own in enumerate(windows) if own == window]
            own = torch.stack([logits[row] for row in rows])  # a list as an index waits for a GPU
            own = self.transform.to_frame(own, size) if window is None else own
            x0, y0, x1, y1 = window or (0, 0, size[1], size[0])
            where = slice(y0, y1), slice(x0, x1)
            self.finish.draw(own, picture[where], onto=drawn.part(where), rows=rows)
        return drawn
