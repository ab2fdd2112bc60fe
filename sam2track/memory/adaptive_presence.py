"""A selector whose presence threshold adapts to what is usual for the object."""

from __future__ import annotations

from dataclasses import dataclass, field

from .candidate_selection import FrameCandidates, Selection


@dataclass(kw_only=True, eq=False)
class AdaptivePresenceSelector:
    """Takes the mask with the highest predicted IoU; absent if presence is far below usual.

    A network trained on few objects that leave predicts most objects as present: a decrease of
    the presence logit tells more than its sign. The usual presence is a running mean over the
    frames on which the object counted as present. It is of this project.

    Args:
        share: of the usual presence that a frame must reach, 0..1; 0 = above zero, as in SAM 2.
        pace: weight of a new frame in the running mean, 0..1.
    """

    share: float = 0.5
    pace: float = 0.3
    usual: float | None = field(default=None, init=False)  # logit

    def select(self, candidates: FrameCandidates, index: int, direction: int) -> Selection:
        row = candidates.on_host[0]
        presence = row.presence
        present = presence > 0 and presence >= self.share * (self.usual or 0.0)
        if present:
            usual = presence if self.usual is None else self.usual
            self.usual = usual + self.pace * (presence - usual)
        return Selection(row, int(row.scores.argmax()), present)
