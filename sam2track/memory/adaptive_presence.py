"""BANK: a chooser that believes in an object only as far as it has learnt to."""

from __future__ import annotations

from .chooser import Chosen
from .evidence import Evidence


class WaryChooser:
    """Takes the best mask, and the object for gone where its presence falls far below its usual.

    A network that has seldom seen an object leave calls most things present: it is the fall of the
    logit that tells, not its sign. The usual presence is a running mean over the frames on which
    the object was taken to be there. This project's own.

    Args:
        share: of the usual presence that a frame must reach, 0..1; 0 = above zero, as SAM 2.
        pace: weight of a new frame in the running mean, 0..1.
    """

    def __init__(self, *, share: float = 0.5, pace: float = 0.3) -> None:
        self.share = share
        self.pace = pace
        self.usual: float | None = None  # logit

    def choose(self, evidence: Evidence, index: int, direction: int) -> Chosen:
        sighting = evidence.sightings[0]
        presence = sighting.presence
        present = presence > 0 and presence >= self.share * (self.usual or 0.0)
        if present:
            usual = presence if self.usual is None else self.usual
            self.usual = usual + self.pace * (presence - usual)
        return Chosen(sighting, int(sighting.scores.argmax()), present)
