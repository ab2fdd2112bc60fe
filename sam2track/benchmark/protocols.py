"""Protocols of evaluation: which prompts a tracker gets, and when.

A sequence and a function that starts a session go in; frames with their results come out, in one
round or several. SAM 2 (2408.00714), section 6.1 and the appendix on evaluation, has the
interactive ones: a user annotates up to eight frames with three clicks each. That user sees each
frame's result immediately.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from jaxtyping import Bool

from ..data.readers.sequence import BoxSequence, MaskSequence
from ..metrics import region
from ..prompts.simulated_user import corrective_click, first_prompts
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

    Args:
        prompt: its kind, see :func:`sam2track.prompts.simulated_user.first_prompt`.
    """
    session, placed = start(length=len(sequence)), first_prompts(prompt, starts)
    for _, result in track(session, partial(frames_of, sequence), placed):
        yield Tracked(0, result.cpu())


def interactive_offline(
    start: StartSession, sequence: MaskSequence, starts: Starts, *, rounds: int = 8
) -> Iterator[Tracked]:
    """Offline: after each round, the user clicks on every object's worst frame.

    In the first round an object is clicked where it first appears. Later its worst frame is clicked
    (least IoU of those where it is visible, without clicks yet), and all is tracked again.
    """
    session = start(length=len(sequence), archive=True)
    for index, masks in starts.items():
        frame = sequence.frame(index)
        for object_id, truth in masks.items():
            _annotate(session, object_id, frame, np.zeros_like(truth), truth)
    done = {(object_id, index) for index, masks in starts.items() for object_id in masks}
    known = frozenset(sequence.annotated)
    for turn in range(rounds):
        worst: dict[int, tuple[float, Frame, Mask, Mask]] = {}
        for frame, shown in track(session, partial(frames_of, sequence), ()):
            result = shown.cpu()
            yield Tracked(turn, result)
            truths = sequence.masks(frame.index) if frame.index in known else {}
            for object_id, truth in truths.items():
                if object_id not in result.object_ids or (object_id, frame.index) in done:
                    continue
                mask = result.mask(object_id)
                score = region(mask, truth)
                if score < worst.get(object_id, (1.0,))[0]:
                    worst[object_id] = score, frame, mask, truth
        if turn + 1 < rounds:
            for object_id, (_, frame, mask, truth) in worst.items():
                _annotate(session, object_id, frame, mask, truth)
                done.add((object_id, frame.index))


def interactive_online(
    start: StartSession, sequence: MaskSequence, starts: Starts, *, rounds: int = 8
) -> Iterator[Tracked]:
    """Online: the user clicks during tracking, when an object's IoU falls below 0.75.

    Round ``n`` is the whole video for a user who clicks each object on up to ``n + 1`` frames, its
    first one included.
    """
    for turn in range(rounds):
        session, user = start(length=len(sequence)), _Watcher(sequence, starts, turn)
        for _, result in track(session, partial(frames_of, sequence), user):
            yield Tracked(turn, result.cpu())


class _Watcher:
    """The online user; clicks again on each object on up to ``most`` frames."""

    def __init__(self, sequence: MaskSequence, starts: Starts, most: int) -> None:
        self.sequence, self.starts, self.most = sequence, starts, most
        self.annotated = frozenset(sequence.annotated)
        self.left: dict[int, int] = {}

    def prompt(self, session: Session, frame: Frame, direction: int) -> None:
        truths = self.sequence.masks(frame.index) if frame.index in self.annotated else {}
        outcome = session.advance(frame, direction=direction)
        result = session.render(outcome, frame).cpu() if any(map(self.left.get, truths)) else None
        for object_id, truth in truths.items():
            if object_id in self.starts.get(frame.index, {}):
                self.left[object_id] = self.most
                _annotate(session, object_id, frame, np.zeros_like(truth), truth)
            elif result is not None and self.left.get(object_id, 0):
                mask = result.mask(object_id)
                if region(mask, truth) < PAUSE:
                    self.left[object_id] -= 1
                    _annotate(session, object_id, frame, mask, truth)

    def finish(self) -> None:
        """Does nothing."""


INTERACTIVE: dict[str, Callable[..., Iterator[Tracked]]] = {
    "interactive_offline": interactive_offline,
    "interactive_online": interactive_online,
}
PROTOCOLS = ("semi", *INTERACTIVE)


def _annotate(session: Session, object_id: int, frame: Frame, mask: Mask, truth: Mask) -> None:
    """Click three times, each time at the middle of the largest remaining error."""
    for _ in range(CLICKS):
        if np.array_equal(mask, truth):
            return
        mask = session.prompt(object_id, corrective_click(mask, truth), frame)
