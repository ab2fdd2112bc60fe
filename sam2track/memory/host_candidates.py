"""The candidate masks as a policy sees them before it chooses: on the device, and on the host.

In: the decoder's :class:`sam2track.types.Candidates`. Out: the same, and NumPy copies on demand.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ..types import Candidates


@dataclass(frozen=True, slots=True, eq=False)
class HostCandidates:
    """One row's candidates on the host.

    Attributes:
        masks: at stride 4, True on the object.
        scores: predicted IoU of each mask, 0..1.
        presence: logit that the object is in the frame.
    """

    masks: Bool[np.ndarray, "M H W"]
    scores: Float[np.ndarray, " M"]
    presence: float


class FrameCandidates:
    """The candidates of one frame: of all objects, or of one (:meth:`rows`).

    The first read of :attr:`on_host` waits for the device and copies the candidates of all objects
    in one transfer. A policy that only reads :attr:`on_device` never makes the host wait.
    """

    def __init__(
        self, on_device: Candidates, *, whole: FrameCandidates | None = None, start: int = 0
    ) -> None:
        self.on_device = on_device
        self.whole = whole
        self.start = start

    def rows(self, start: int, stop: int) -> FrameCandidates:
        """The candidates of some rows: one object's."""
        return FrameCandidates(self.on_device.rows(start, stop), whole=self, start=start)

    @cached_property
    def on_host(self) -> list[HostCandidates]:
        """The candidates of each row."""
        if self.whole is not None:
            return self.whole.on_host[self.start : self.start + len(self.on_device.scores)]
        candidates = self.on_device
        rows, count, height, width = candidates.masks.shape
        parts = [
            (candidates.masks > 0).to(torch.uint8).flatten(1),
            _as_bytes(candidates.scores),
            _as_bytes(candidates.presence),
        ]
        lengths = [part.shape[1] for part in parts]
        pixels, scores, presence = torch.cat(parts, dim=1).cpu().split(lengths, dim=1)
        return [
            HostCandidates(
                pixels[row].view(count, height, width).bool().numpy(),
                scores[row].clone().view(torch.float32).numpy(),
                float(presence[row].clone().view(torch.float32)),
            )
            for row in range(rows)
        ]


def _as_bytes(values: Float[Tensor, "R n"]) -> Tensor:
    return values.float().contiguous().view(torch.uint8)
