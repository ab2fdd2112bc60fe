"""Mean J and F of a model on held-out video, during training.

Objects are prompted where they first appear, and tracked as in inference.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..data.readers.sequence import MaskSequence
from ..metrics import VOS_BENCHMARK, collect, score_frame
from ..model.sam2 import SAM2
from ..prompts.simulated_user import first_prompts
from ..track import TrackingSession, track
from .processes import Processes


@dataclass(frozen=True, slots=True)
class Score:
    """Means over the objects of all sequences, 0..1."""

    j: float
    f: float

    @property
    def j_and_f(self) -> float:
        """The mean of both, by which the best weights are chosen."""
        return (self.j + self.f) / 2


def check_sequences(sequences: Sequence[MaskSequence]) -> None:
    """Raise ValueError before training if the sequences cannot be scored."""
    if not sequences:
        raise ValueError("evaluate: the reader found no sequence")
    for sequence in sequences:
        if len(sequence.annotated) < 3:
            raise ValueError(
                f"evaluate: {sequence.name} has {len(sequence.annotated)} annotated frames; the "
                "first and the last are not scored, so it needs at least three"
            )


def score_sequences(
    model: SAM2,
    sequences: Sequence[MaskSequence],
    processes: Processes | None = None,
    *,
    prompt: str = "mask",
) -> Score:
    """Track and score; the model is in evaluation mode afterwards.

    Several processes share the sequences, and all get the score. For ``prompt`` see
    :func:`sam2track.prompts.simulated_user.first_prompt`.

    Raises:
        ValueError: if a file cannot be read, the message names it; or there is no such prompt.
    """
    own = sequences if processes is None else sequences[processes.index :: processes.count]
    model.eval()
    scores = [pair for sequence in own for pair in _track(model, sequence, prompt)]
    if processes is not None:
        scores = [pair for each in processes.gather(scores) for pair in each]
    return Score(*np.array(scores, np.float64).reshape(-1, 2).mean(0).tolist())


def _track(model: SAM2, sequence: MaskSequence, prompt: str) -> list[tuple[float, float]]:
    """J and F of each object of a sequence."""
    annotated = sequence.annotated
    placed = first_prompts(prompt, sequence.starts())
    session = TrackingSession(model, length=len(sequence))
    scores = [
        score_frame(result.label_map(), sequence.labels(frame.index), VOS_BENCHMARK)
        for frame, result in track(
            session, lambda: map(sequence.frame, range(annotated[-1] + 1)), placed
        )
        if frame.index in annotated
    ]
    return [(o.region.mean, o.boundary.mean) for o in collect(scores, VOS_BENCHMARK).values()]
