"""The data engine, simulated: how much work a user has to annotate a video, in three phases.

A sequence and a function that starts a session go in; what each phase cost and gave comes out, for
each object. The phases are those of SAM 2 (2408.00714, section 5.1 and table 1):

* ``image``: every frame is clicked, with the image model alone.
* ``mask``: clicks make a mask with the image model, and only the mask is propagated. A correction
  replaces the mask on a frame, from nothing, and propagation starts anew from it.
* ``full``: clicks are propagated, and corrective clicks add to what is known.

The user goes through the video once and edits an object wherever its IoU falls below 0.75, with
clicks until it is 0.85 or after eight. Then the masklet is verified. One that is not satisfactory
is returned: the user edits its worst frame, and all is tracked again. The user clicks and does not
draw. Frames without the object are never edited, but count when it is verified.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np

from ..data.readers.sequence import MaskSequence
from ..masks import decode_runs, encode_runs
from ..metrics import region
from ..track import Session, User, track
from ..types import FrameResult
from .datasets import Dataset
from .protocols import (
    Annotator,
    Mask,
    Starts,
    Watcher,
    WorstFrames,
    forget,
    frames_of,
    interactive_offline,
    interactive_online,
)
from .scoring import SequenceScorer
from .trackers import StartSession

PROTOCOLS = {
    "offline": interactive_offline,
    "online": partial(interactive_online, until_equal=True),
}
PHASES = ("image", "mask", "full")
MOST_CLICKS = 8  # on an object on a frame
ENOUGH = 0.85  # the user is satisfied with a mask from this IoU on
ALIGNED = 0.75  # a mask agrees with another above this IoU
SATISFACTORY = 0.9  # the share of a masklet's frames that must agree with the truth
RETURNS = 2  # how often a masklet is returned before it is rejected
SIZES = {"small": 32**2, "medium": 96**2}  # below so many pixels, as in COCO; larger: "large"

Shown = Callable[[FrameResult], None]
Masklets = dict[int, dict[int, dict[str, Any]]]  # run lengths, by object and annotated frame


@dataclass(frozen=True, slots=True)
class Annotated:
    """What one object cost in one phase, and what it became."""

    clicks: int
    edited: int  # frames that were clicked
    frames: int  # annotated frames, from the object's first one on
    passes: int  # how often the user looked through the video
    verdict: str  # `accepted`, `returned` (accepted after it was returned) or `rejected`
    # truth, image: masks that agree with the truth, and with those of the phase `image`, and
    # how many there are to agree with, by size (`all`, `small`, `medium`, `large`)
    truth: dict[str, list[int]]
    image: dict[str, list[int]]
    # J&F in percent after each round: `offline` and `online` by annotated frames with three
    # clicks each, and for `image` by clicks on every frame. Empty if the sequence has too few
    # annotated frames
    rounds: dict[str, list[float]]
    scores: dict[str, Any]  # the row of SequenceScorer.scores, or empty

    def record(self) -> dict[str, Any]:
        """For JSON: all but the scores of single frames."""
        fields = asdict(self)
        scores = fields.pop("scores")
        return fields | {k: scores[k] for k in ("J&F", "J", "F") if k in scores}


def annotate_in_phases(
    start: StartSession,
    dataset: Dataset,
    sequence: MaskSequence,
    starts: Starts,
    *,
    rounds: int,
    shown: Shown,
) -> dict[str, dict[int, Annotated]]:
    """Play the user in all phases; what comes out is by phase and object.

    Args:
        rounds: of the interactive protocols.
        shown: is given the results of the phases ``mask`` and ``full``, in this order; a frame that
            is tracked again comes again.

    Raises:
        ValueError: a picture or an annotation cannot be read.
    """
    score = partial(SequenceScorer, sequence, dataset, apart=True)
    user, image, by_clicks = _click_every_frame(start, sequence, score)
    phase = _Phase(sequence, starts, score, image)
    found = {"image": phase.conclude(user, image, {}, {"clicks": by_clicks})}
    for name in PHASES[1:]:
        by_mask = name == "mask"
        user = Annotator(MOST_CLICKS, ENOUGH, by_mask)
        session = start(length=len(sequence), archive=not by_mask)
        masklets, passes = _annotate(session, sequence, starts, user, phase, shown)
        by_round = {}
        for way, protocol in PROTOCOLS.items():
            scorers: list[SequenceScorer] = []
            for tracked in protocol(start, sequence, starts, rounds=rounds, by_mask=by_mask):
                if tracked.round == len(scorers):
                    scorers.append(score())
                scorers[-1].add(tracked.result)
            by_round[way] = scorers + scorers[-1:] * (rounds - len(scorers))
        found[name] = phase.conclude(user, masklets, passes, by_round)
    return found


def _click_every_frame(
    start: StartSession, sequence: MaskSequence, score: Callable[[], SequenceScorer]
) -> tuple[Annotator, Masklets, list[SequenceScorer]]:
    """The phase ``image``: the user's clicks, the masks, and the scores after each click."""
    user = Annotator(1, ENOUGH)
    session = start(length=len(sequence))
    masklets: Masklets = {}
    scorers = [score() for _ in range(MOST_CLICKS)]
    for index in sequence.annotated:
        frame, truths = sequence.frame(index), sequence.masks(index)
        masks = {object_id: np.zeros_like(truth) for object_id, truth in truths.items()}
        for object_id in truths:
            forget(session, object_id)
        for scorer in scorers:
            for object_id, truth in truths.items():
                mask = masks[object_id]
                masks[object_id] = user.annotate(session, object_id, frame, mask, truth)
            scorer.add_masks(index, masks)
        for object_id, mask in masks.items():
            masklets.setdefault(object_id, {})[index] = encode_runs(mask)
    return user, masklets, scorers


def _annotate(
    session: Session,
    sequence: MaskSequence,
    starts: Starts,
    user: Annotator,
    phase: _Phase,
    shown: Shown,
) -> tuple[Masklets, dict[int, int]]:
    """One pass over the video, and one more for each time that masklets are returned.

    The masklets come out, and the number of passes of each. One that is satisfactory stays as it
    is, whatever the passes after it give.
    """
    masklets: Masklets = {}
    passes: dict[int, int] = {}
    watcher: User = Watcher(sequence, starts, len(sequence), user)
    open_ids = phase.object_ids
    while True:
        worst = WorstFrames(sequence, user)
        for frame, result in track(session, partial(frames_of, sequence), watcher):
            result = result.cpu()
            shown(result)
            worst.see(frame, result)
            if frame.index in phase.known:
                for object_id in open_ids & set(result.object_ids):
                    mask = result.mask(object_id)
                    masklets.setdefault(object_id, {})[frame.index] = encode_runs(mask)
        for object_id in open_ids:
            passes[object_id] = passes.get(object_id, 0) + 1
        open_ids = {
            object_id
            for object_id in open_ids & worst.found.keys()
            if passes[object_id] <= RETURNS and not phase.satisfactory(object_id, masklets)
        }
        if not open_ids:
            return masklets, passes
        worst.annotate(session, open_ids)
        watcher = user


class _Phase:
    """What the phases of a sequence have in common: its truth, and how masklets are judged."""

    def __init__(
        self,
        sequence: MaskSequence,
        starts: Starts,
        score: Callable[[], SequenceScorer],
        image: Masklets,
    ) -> None:
        self.sequence, self.score, self.image = sequence, score, image
        self.known = frozenset(sequence.annotated)
        self.begins = {k: index for index, masks in starts.items() for k in masks}
        self.object_ids = set(self.begins)

    def satisfactory(self, object_id: int, masklets: Masklets) -> bool:
        """Whether enough of its masks agree with the truth, on frames without the object too."""
        frames = self._frames(object_id)
        agreeing = 0
        for index in frames:
            truth = self.sequence.masks(index).get(object_id)
            mask = _mask(masklets, object_id, index)
            if truth is None:
                agreeing += mask is None or not mask.any()
            else:
                agreeing += mask is not None and region(mask, truth) > ALIGNED
        return agreeing >= SATISFACTORY * len(frames)

    def conclude(
        self,
        user: Annotator,
        masklets: Masklets,
        passes: Mapping[int, int],
        by_round: Mapping[str, list[SequenceScorer]],
    ) -> dict[int, Annotated]:
        """Judge and score each object; without ``passes`` nothing can be returned."""
        scorer = self.score()
        for index in self.sequence.annotated:
            found = {k: _mask(masklets, k, index) for k in masklets}
            scorer.add_masks(index, {k: mask for k, mask in found.items() if mask is not None})
        scores = scorer.scores()
        rounds = {way: [one.scores() for one in scorers] for way, scorers in by_round.items()}
        annotated = {}
        for object_id in sorted(self.object_ids):
            clicks = [count for (k, _), count in user.edits.items() if k == object_id]
            count = passes.get(object_id, 1)
            passed = self.satisfactory(object_id, masklets)
            annotated[object_id] = Annotated(
                clicks=sum(clicks),
                edited=len(clicks),
                frames=len(self._frames(object_id)),
                passes=count,
                verdict="rejected" if not passed else "accepted" if count == 1 else "returned",
                truth=self._agreement(object_id, masklets, self._true_mask),
                image=self._agreement(object_id, masklets, partial(_mask, self.image)),
                rounds={
                    way: [one[object_id]["J&F"] for one in rows]
                    for way, rows in rounds.items()
                    if object_id in rows[-1]
                },
                scores=scores.get(object_id, {}),
            )
        return annotated

    def _frames(self, object_id: int) -> list[int]:
        return [index for index in self.sequence.annotated if index >= self.begins[object_id]]

    def _true_mask(self, object_id: int, index: int) -> Mask | None:
        return self.sequence.masks(index).get(object_id)

    def _agreement(
        self, object_id: int, masklets: Masklets, reference: Callable[[int, int], Mask | None]
    ) -> dict[str, list[int]]:
        """By size of the reference's masks: how many of them the masklet agrees with, of all."""
        counts = {size: [0, 0] for size in ("all", *SIZES, "large")}
        for index in self._frames(object_id):
            wanted = reference(object_id, index)
            if wanted is None or not wanted.any():
                continue
            mask, area = _mask(masklets, object_id, index), int(wanted.sum())
            agrees = mask is not None and region(mask, wanted) > ALIGNED
            size = next((name for name, limit in SIZES.items() if area < limit), "large")
            for own in ("all", size):
                counts[own][0] += agrees
                counts[own][1] += 1
        return counts


def _mask(masklets: Masklets, object_id: int, index: int) -> Mask | None:
    runs = masklets.get(object_id, {}).get(index)
    return None if runs is None else decode_runs(runs, f"object {object_id}, frame {index}")


def records_of(found: dict[str, dict[int, Annotated]]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Each object with what the phases cost and gave, for JSON."""
    for object_id in found["image"]:
        yield object_id, {phase: objects[object_id].record() for phase, objects in found.items()}
