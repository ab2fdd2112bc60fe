"""Protocols of evaluation: which prompts a tracker gets, and when.

A sequence and a function that starts a session go in; frames with their results come out, in one
round or several. SAM 2 (2408.00714), section 6.1 and the appendix on evaluation, has the
interactive ones: a user annotates up to eight frames with three clicks each. That user sees each
frame's result immediately.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from jaxtyping import Bool

from ..data.readers.sequence import BoxSequence, MaskSequence
from ..metrics import region
from ..prompts import Prompt
from ..prompts.simulated_user import corrective_click, first_prompts, inner_point
from ..track import Session, track
from ..types import Frame, FrameResult
from .trackers import StartSession

CLICKS = 3  # on a frame that is annotated
PAUSE = 0.75  # the online user clicks below this IoU

Mask = Bool[np.ndarray, "H W"]
Starts = dict[int, dict[int, Mask]]  # by frame and object


@dataclass(frozen=True, slots=True)
class Tracked:
    """A frame's result, on the host; ``round``: number of earlier rounds (semi-supervised: 0)."""

    round: int
    result: FrameResult


def frames_of(sequence: MaskSequence | BoxSequence) -> Iterator[Frame]:
    """The frames in order."""
    return (sequence.frame(index) for index in range(len(sequence)))


def semi_supervised(
    start: StartSession, sequence: MaskSequence, starts: Starts, *, prompt: str
) -> Iterator[Tracked]:
    """An object is prompted once, where it first appears; results may come late, but in order.

    ``prompt``: its kind, see :func:`sam2track.prompts.simulated_user.first_prompt`.
    """
    session, placed = start(length=len(sequence)), first_prompts(prompt, starts)
    for _, result in track(session, partial(frames_of, sequence), placed):
        yield Tracked(0, result.cpu())


@dataclass(slots=True)
class Annotator:
    """The simulated user at work: clicks on objects until their masks are good enough.

    Each click is in the middle of the largest remaining error.

    Attributes:
        clicks: the most clicks on an object on a frame, at a time.
        enough: the IoU from which a mask is good enough, 0..1.
        by_mask: the clicks are for the image model alone, from nothing; only the mask is given to
            the tracker, which forgets what it knew of the object. Else clicks correct the tracker.
        edits: the clicks so far, by object and frame.
        placed: with ``by_mask``, the prompts of the tracker, by frame and object.
    """

    clicks: int = CLICKS
    enough: float = 1.0
    by_mask: bool = False
    edits: dict[tuple[int, int], int] = field(default_factory=dict)
    placed: dict[int, dict[int, Prompt]] = field(default_factory=dict)

    def annotate(
        self, session: Session, object_id: int, frame: Frame, mask: Mask, truth: Mask
    ) -> Mask:
        """Click on an object that now has this mask; the new mask comes back."""
        if self.by_mask:
            mask = np.zeros_like(truth)
            forget(session, object_id)
        count = 0
        while count < self.clicks and region(mask, truth) < self.enough:
            mask = session.prompt(object_id, corrective_click(mask, truth), frame)
            count += 1
        if count:
            key = object_id, frame.index
            self.edits[key] = self.edits.get(key, 0) + count
        if self.by_mask:
            # Clicks may leave nothing; a mask prompt must not be empty.
            prompt = Prompt.from_mask(mask) if mask.any() else Prompt.click(*inner_point(truth))
            self.placed.setdefault(frame.index, {})[object_id] = prompt
            forget(session, object_id)
            session.prompt(object_id, prompt, frame)
        return mask

    def prompt(self, session: Session, frame: Frame, direction: int) -> None:
        """When a video is tracked again: give the placed masks once more, each in its turn."""
        for object_id, prompt in self.placed.get(frame.index, {}).items():
            forget(session, object_id)
            session.prompt(object_id, prompt, frame)

    def finish(self) -> None:
        """Does nothing."""


def forget(session: Session, object_id: int) -> None:
    """Remove an object from a session, if it is there."""
    if object_id in session.object_ids:
        session.remove(object_id)


class WorstFrames:
    """Finds each object's worst frame in one pass over a video.

    That is the annotated frame of least IoU, of those where the object is visible and that the
    annotator has not clicked on yet; of equal ones the first.
    """

    def __init__(self, sequence: MaskSequence, annotator: Annotator) -> None:
        self.sequence, self.annotator = sequence, annotator
        self.annotated = frozenset(sequence.annotated)
        self.found: dict[int, tuple[float, Frame, Mask, Mask]] = {}

    def see(self, frame: Frame, result: FrameResult) -> None:
        """A frame of the pass; the result is on the host."""
        truths = self.sequence.masks(frame.index) if frame.index in self.annotated else {}
        for object_id, truth in truths.items():
            clicked = (object_id, frame.index) in self.annotator.edits
            if object_id not in result.object_ids or clicked:
                continue
            mask = result.mask(object_id)
            score = region(mask, truth)
            if score < self.found.get(object_id, (1.0,))[0]:
                self.found[object_id] = score, frame, mask, truth

    def annotate(self, session: Session, object_ids: Container[int] | None = None) -> None:
        """Click on the worst frame of each object, or of some."""
        for object_id, (_, frame, mask, truth) in self.found.items():
            if object_ids is None or object_id in object_ids:
                self.annotator.annotate(session, object_id, frame, mask, truth)


def interactive_offline(
    start: StartSession,
    sequence: MaskSequence,
    starts: Starts,
    *,
    rounds: int = 8,
    by_mask: bool = False,
) -> Iterator[Tracked]:
    """Offline: after each round, the user clicks on every object's worst frame.

    In the first round an object is clicked where it first appears. Later its worst frame is clicked
    (least IoU of those where it is visible, without clicks yet), and all is tracked again.
    ``by_mask``: see :class:`Annotator`.
    """
    session = start(length=len(sequence), archive=not by_mask)
    user = Annotator(by_mask=by_mask)
    for index, masks in starts.items():
        frame = sequence.frame(index)
        for object_id, truth in masks.items():
            user.annotate(session, object_id, frame, np.zeros_like(truth), truth)
    for turn in range(rounds):
        worst = WorstFrames(sequence, user)
        for frame, shown in track(session, partial(frames_of, sequence), user):
            result = shown.cpu()
            yield Tracked(turn, result)
            worst.see(frame, result)
        if turn + 1 < rounds:
            worst.annotate(session)


def interactive_online(
    start: StartSession,
    sequence: MaskSequence,
    starts: Starts,
    *,
    rounds: int = 8,
    by_mask: bool = False,
    until_equal: bool = False,
) -> Iterator[Tracked]:
    """Online: the user clicks during tracking, when an object's IoU falls below 0.75.

    Round ``n`` is the whole video for a user who clicks each object on up to ``n + 1`` frames, its
    first one included.

    Args:
        by_mask: see :class:`Annotator`.
        until_equal: end with the first round that all later ones would repeat.
    """
    for turn in range(rounds):
        session = start(length=len(sequence))
        user = Watcher(sequence, starts, turn, Annotator(by_mask=by_mask))
        for _, result in track(session, partial(frames_of, sequence), user):
            yield Tracked(turn, result.cpu())
        if until_equal and all(user.left.values()):  # nobody used up all of their frames
            return


class Watcher:
    """The online user; clicks again on each object on up to ``most`` frames."""

    def __init__(
        self, sequence: MaskSequence, starts: Starts, most: int, annotator: Annotator
    ) -> None:
        self.sequence, self.starts, self.most = sequence, starts, most
        self.annotator = annotator
        self.annotated = frozenset(sequence.annotated)
        self.left: dict[int, int] = {}

    def prompt(self, session: Session, frame: Frame, direction: int) -> None:
        truths = self.sequence.masks(frame.index) if frame.index in self.annotated else {}
        outcome = session.advance(frame, direction=direction)
        result = session.render(outcome, frame).cpu() if any(map(self.left.get, truths)) else None
        for object_id, truth in truths.items():
            if object_id in self.starts.get(frame.index, {}):
                self.left[object_id] = self.most
                nothing = np.zeros_like(truth)
                self.annotator.annotate(session, object_id, frame, nothing, truth)
            elif result is not None and self.left.get(object_id, 0):
                mask = result.mask(object_id)
                if region(mask, truth) < PAUSE:
                    self.left[object_id] -= 1
                    self.annotator.annotate(session, object_id, frame, mask, truth)

    def finish(self) -> None:
        """Does nothing."""


INTERACTIVE: dict[str, Callable[..., Iterator[Tracked]]] = {
    "interactive_offline": interactive_offline,
    "interactive_online": interactive_online,
}
PROTOCOLS = ("semi", *INTERACTIVE, "engine")
