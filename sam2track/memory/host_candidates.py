"""The candidate masks as a policy sees them before it chooses: on the device, and on the host.

In: the decoder's :class:`sam2track.types.Candidates`. Out: the same, and NumPy copies on demand.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float

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


@dataclass(eq=False)
class FrameCandidates:
    """The candidates of one frame: of all objects, or of one (:meth:`rows`).

    The first read of :attr:`on_host` waits for the device and copies those of all objects. A policy
    that only reads :attr:`on_device` never makes the host wait.
    """

    on_device: Candidates
    whole: FrameCandidates | None = None
    start: int = 0

    def rows(self, start: int, stop: int) -> FrameCandidates:
        """The candidates of some rows: one object's."""
        return FrameCandidates(self.on_device.rows(start, stop), self, start)

    @cached_property
    def on_host(self) -> list[HostCandidates]:
        """The candidates of each row."""
        if self.whole is not None:
            return self.whole.on_host[self.start : self.start + len(self.on_device.scores)]
        found = self.on_device
        masks = (found.masks > 0).cpu().numpy()
        scores = found.scores.detach().float().cpu().numpy()
        presence = found.presence[:, 0].tolist()
        return [HostCandidates(*row) for row in zip(masks, scores, presence, strict=True)]
