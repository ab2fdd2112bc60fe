"""What a tracker is told about a sequence, and when: protocols of evaluation.

Room: BENCHMARK. A sequence and a way to start a session enter; frames with their results leave, in
one round or several. SAM 2 (2408.00714), section 6.1 and the appendix on evaluation, has the
interactive ones: a user annotates up to eight frames with three clicks each. What that user sees is
each frame's result at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

from ..data.readers.sequence import BoxSequence, MaskSequence
from ..metrics import region
from ..prompts.simulated_user import corrective_click, first_prompt
from ..types import Frame, FrameResult
from .trackers import Session, StartSession

PROTOCOLS = ("semi", "interactive_offline", "interactive_online")
CLICKS = 3  # on a frame that is annotated
PAUSE = 0.75  # a user who watches steps in below this IoU

Starts = dict[int, dict[int, Bool[np.ndarray, "H W"]]]


@dataclass(frozen=True, slots=True)
class Tracked:
    """One frame's outcome.

    Attributes:
        round: how many rounds came before; semi-supervised there is one.
        result: the objects on it, on the host.
    """

    round: int
    result: FrameResult


def frames_of(sequence: MaskSequence | BoxSequence) -> Iterator[Frame]:
    """The frames in order, each read while the one before is being tracked."""
    count = len(sequence)
    with ThreadPoolExecutor(1) as reader:
        coming = reader.submit(sequence.frame, 0)
        for index in range(count):
            frame = coming.result()
            if index + 1 < count:
                coming = reader.submit(sequence.frame, index + 1)
            yield frame


def semi_supervised(
    start: StartSession, sequence: MaskSequence, starts: Starts, *, prompt: str
) -> Iterator[Tracked]:
    """An object is prompted once, where it first appears; results may come late, but in order.

    Args:
        prompt: with what, see :func:`sam2track.prompts.simulated_user.first_prompt`.
    """
    session = start(length=len(sequence))
    for frame in frames_of(sequence):
        for object_id, mask in starts.get(frame.index, {}).items():
            session.prompt(object_id, first_prompt(prompt, mask), frame)
        session.step(frame)
        for result in session.settled():
            yield Tracked(0, result.cpu())
    for result in session.flush(frames_of(sequence)):
        yield Tracked(0, result.cpu())


def interactive_offline(
    start: StartSession, sequence: MaskSequence, starts: Starts, *, rounds: int = 8
) -> Iterator[Tracked]:
    """A user goes to and fro: after each round, clicks on every object's worst frame.

    In the first round an object is clicked where it first appears. Then its worst frame (least IoU
    among those where it shows and that were not clicked yet) is, and everything is tracked again.
    """
    session = start(length=len(sequence), archive=True)
    for index, masks in starts.items():
        frame = sequence.frame(index)
        for object_id, truth in masks.items():
            _annotate(session, object_id, frame, np.zeros_like(truth), truth)
    done = {(object_id, index) for index, masks in starts.items() for object_id in masks}
    known = frozenset(sequence.annotated)
    for turn in range(rounds):
        worst: dict[int, tuple[float, Frame, np.ndarray, np.ndarray]] = {}
        for frame in frames_of(sequence):
            result = session.step(frame).cpu()
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
    """A user watches, once, and clicks at once where an object's IoU falls below 0.75.

    Round ``n`` is the whole video for a user who clicks each object on up to ``n + 1`` frames, its
    first one included.
    """
    known = frozenset(sequence.annotated)
    for turn in range(rounds):
        session = start(length=len(sequence))
        left: dict[int, int] = {}
        for frame in frames_of(sequence):
            truths = sequence.masks(frame.index) if frame.index in known else {}
            result = session.step(frame).cpu()
            clicked = False
            for object_id, truth in truths.items():
                if object_id in starts.get(frame.index, {}):
                    mask, left[object_id] = np.zeros_like(truth), turn
                elif left.get(object_id, 0) and region(result.mask(object_id), truth) < PAUSE:
                    mask = result.mask(object_id)
                    left[object_id] -= 1
                else:
                    continue
                _annotate(session, object_id, frame, mask, truth)
                clicked = True
            yield Tracked(turn, session.step(frame).cpu() if clicked else result)


INTERACTIVE: dict[str, Callable[..., Iterator[Tracked]]] = {
    "interactive_offline": interactive_offline,
    "interactive_online": interactive_online,
}


def _annotate(
    session: Session,
    object_id: int,
    frame: Frame,
    mask: Bool[np.ndarray, "H W"],
    truth: Bool[np.ndarray, "H W"],
) -> None:
    """Click three times, each time at the middle of the largest error that is left."""
    for _ in range(CLICKS):
        if np.array_equal(mask, truth):
            return
        mask = session.prompt(object_id, corrective_click(mask, truth), frame)
