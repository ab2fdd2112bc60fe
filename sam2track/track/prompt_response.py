"""What a prompt makes of an object on its frame."""

from __future__ import annotations

import dataclasses
import warnings
from dataclasses import dataclass

import torch

from ..device import autocast
from ..masks.boxes import mask_box
from ..memory import best_candidate
from ..model.image_transform import look_through
from ..model.sam2 import SAM2
from ..prompts import Prompt, tokens
from ..types import (
    ANCHOR_SLOT,
    Frame,
    FrameFeatures,
    MemoryFrame,
    PromptTokens,
    Recall,
    Resolved,
    WindowBox,
    expect,
)
from .frame_encoder import FrameEncoder
from .objects import Anchor, Outcome, TrackedObject
from .search_window import Box, Whereabouts, Zoom, contains, resolved_box

# In the whole frame a click on a small thing mostly shows what is around it. In a window near the
# click the thing is larger, and the predicted IoU of its mask higher by more than this (0..1). Of a
# part of a large thing it is also higher there, but by less.
CLEARER = 0.15


def check_prompt(
    object_id: int, tracked: TrackedObject | None, prompt: Prompt, frame: Frame
) -> None:
    """Refuse a prompt that does not fit; warn of one that would be answered without memory.

    Raises:
        ValueError: if it does not fit the frame, or says only where a new object is not.
    """
    advice = "Prompt.click(x, y), Prompt.from_box([x0, y0, x1, y1]) or Prompt.from_mask(mask)"
    expect(prompt, Prompt, "the prompt", f"a Prompt, such as {advice}")
    tokens.check_prompt(prompt, frame.size)
    if tracked is None:
        if prompt.only_negative:
            raise ValueError(
                f"object {object_id} is new, and the prompt says only where it is not; give a "
                "click on it, a box or a mask too"
            )
    elif tracked.archive is None and tracked.passed(frame.index):
        warnings.warn(
            f"frame {frame.index} was tracked, but is no longer remembered: the prompt of object "
            f"{object_id} there is answered without memory; use TrackingSession(archive=True) to "
            "correct earlier frames",
            stacklevel=4,
        )
    elif prompt.only_negative and tracked.outcome(frame.index) is None:
        warnings.warn(
            f"object {object_id} was not tracked on frame {frame.index}: clicks that are not on it "
            "have nothing to correct there; track that frame first, or give a click on the object",
            stacklevel=4,
        )


@dataclass(frozen=True, slots=True)
class PromptAnswerer:
    """Makes outcomes of prompts.

    Attributes:
        model: the network.
        encoder: gives features of the frames.
        zoom: how the frame's part around a prompt is cut.
        stability_delta, stability_threshold: see :class:`sam2track.TrackingSession`.
        binarise: whether a mask from clicks is remembered as the user sees it, without its logits.
        remember: whether memories are made; without them nothing can be tracked from an anchor.
    """

    model: SAM2
    encoder: FrameEncoder
    zoom: Zoom
    stability_delta: float
    stability_threshold: float
    binarise: bool = True
    remember: bool = True

    def respond(
        self, tracked: TrackedObject, prompt: Prompt, frame: Frame, *, replace: bool = False
    ) -> Anchor:
        """The outcome of a prompt and its memory.

        The prompts before it on the frame are added, unless it shall ``replace`` them.

        Clicks correct what a mask or a box showed. On their own they say too little, even with that
        mask given to the prompt encoder; together with a memory of it they are not always obeyed.
        So models with ``recalls_given`` answer twice, without and with it, and the mean of the
        logits is taken.

        A mask or a box tells where to look. A click does not: it is answered in the whole frame; a
        first one also in a window near it, whose mask is taken if it is clearly better; and if what
        it shows is small, once more through a window around that.
        """
        earlier, given = tracked.anchor(frame.index), None
        if earlier:
            given = self._given(earlier, prompt, frame)
            prompt = prompt if replace else tokens.merge_prompts(earlier.prompt, prompt)
        recalls = [_recall(tracked, frame.index)]
        if given is not None:  # as an anchor on the frame before
            recalls.append(Recall((given,), (ANCHOR_SLOT,), (given.pointer,), offsets=(1,)))
        anchor = self._look(recalls, prompt, frame, tracked.outcome(frame.index))
        return dataclasses.replace(anchor, given=given)

    def _look(
        self, recalls: list[Recall], prompt: Prompt, frame: Frame, outcome: Outcome | None
    ) -> Anchor:
        """The outcome through the window that suits; ``outcome`` is what is corrected."""
        shown = _shown(prompt, frame)
        if shown is not None:
            window = self.zoom.around(shown, frame.size)
            return self._answer(recalls, prompt, frame, outcome, window)
        clicked = _clicked(prompt)
        if outcome is not None and contains(outcome[1], clicked):
            return self._answer(recalls, prompt, frame, outcome, outcome[1])
        anchor = self._answer(recalls, prompt, frame, outcome, None)
        if outcome is None:
            window = self.zoom.near(clicked, frame.size)
            if window is not None:
                near = self._answer(recalls, prompt, frame, None, window)
                anchor = near if _is_clearer(near, anchor, frame.size) else anchor
        window = self.zoom.closer(anchor.place, frame.size)
        if window is None or not contains(window, clicked):
            return anchor
        hint = anchor.resolved.logits, anchor.resolved.window
        return self._answer(recalls, prompt, frame, hint, window)

    def _given(self, earlier: Anchor, clicks: Prompt, frame: Frame) -> MemoryFrame | None:
        """The memory of the mask, or of what the box (and clicks with it) showed, that clicks now
        correct.
        """
        if not self.model.variant.recalls_given or _shown(clicks, frame) is not None:
            return None
        if earlier.given is not None or _shown(earlier.prompt, frame) is None:
            return earlier.given
        if not earlier.memories:
            features = self.encoder.features(frame, (earlier.resolved.window,))
            return self._memories(features, earlier.resolved, frame)[0]
        return earlier.memories[0]

    def _decode(self, features: FrameFeatures, recall: Recall, told: PromptTokens) -> Resolved:
        """The best of the masks that the prompt may mean."""
        model = self.model
        candidates = model.decode(
            model.attend(features, [recall]),
            features,
            told,
            stability_delta=self.stability_delta,
            stability_threshold=self.stability_threshold,
        )
        return model.resolve(candidates, best_candidate(candidates))

    def _memories(
        self, features: FrameFeatures, resolved: Resolved, frame: Frame
    ) -> list[MemoryFrame]:
        """What is remembered of a prompted frame."""
        with autocast(self.model.device, self.model.precision):
            return self.model.memorise(
                features, resolved, index=frame.index, from_prompt=self.binarise
            )

    def _answer(
        self,
        recalls: list[Recall],
        prompt: Prompt,
        frame: Frame,
        outcome: Outcome | None,
        window: WindowBox | None,
    ) -> Anchor:
        """The outcome through one window.

        Args:
            recalls: each gives an answer. Those that say the object is absent are left out, if not
                all do; the mask is the mean of the others, all else is the last one's.
            outcome: the mask that is corrected, its window.
        """
        model, transform = self.model, self.model.transform_of(window)
        features = self.encoder.features(frame, (window,))
        with autocast(model.device, model.precision):
            if prompt.mask is not None:
                mask = tokens.mask_prompt(prompt.mask, transform=transform, device=model.device)
                resolved = model.adopt(features, mask)
            else:
                previous = None
                if outcome is not None:
                    logits, seen = outcome
                    seen_through = model.transform_of(seen)
                    previous = look_through(logits, seen_through, transform, frame.size)
                told = tokens.prompt_tokens(
                    prompt,
                    frame.size,
                    transform=transform,
                    device=model.device,
                    previous=previous,
                )
                answers = [self._decode(features, recall, told) for recall in recalls]
                if len(answers) > 1:  # all logits of an absent object are -1024
                    answers = [own for own in answers if own.presence > 0] or answers[-1:]
                logits = torch.stack([answer.logits for answer in answers]).mean(0)
                resolved = dataclasses.replace(answers[-1], logits=logits)
        resolved = dataclasses.replace(resolved, window=window)
        memories = self._memories(features, resolved, frame) if self.remember else []
        box = resolved_box(resolved, frame.size) if self.zoom.factor else None
        return Anchor(prompt, resolved, memories, Whereabouts.of(box) if box else None)


def _is_clearer(near: Anchor, anchor: Anchor, size: tuple[int, int]) -> bool:
    """Whether the mask in the window near a click is to be taken: it does not touch the window's
    border inside the frame, and its predicted IoU is higher by more than :data:`CLEARER`.

    ``size``: height and width of the frame, pixels.
    """
    mask, window = (near.resolved.logits[0, 0] > 0).cpu(), near.resolved.window
    if window is None or not mask.any():
        return False
    frame, borders = (0, 0, size[1], size[0]), (mask[:, 0], mask[0], mask[:, -1], mask[-1])
    inner = [cells for cells, at, end in zip(borders, window, frame, strict=True) if at != end]
    whole = not any(cells.any() for cells in inner)
    return whole and float(near.resolved.scores[0] - anchor.resolved.scores[0]) > CLEARER


def _shown(prompt: Prompt, frame: Frame) -> Box | None:
    """The box around what a prompt with a mask or a box shows; None if it has neither."""
    if prompt.mask is not None:
        return mask_box(prompt.mask)
    box = prompt.box_in(frame.size)
    if box is None:
        return None
    x0, y0, x1, y1 = box.tolist()
    if not len(prompt.points):
        return x0, y0, x1, y1
    clicks = _clicked(prompt)
    return min(x0, clicks[0]), min(y0, clicks[1]), max(x1, clicks[2]), max(y1, clicks[3])


def _clicked(prompt: Prompt) -> Box:
    """The box around the clicks."""
    (x0, y0), (x1, y1) = prompt.points.min(0).tolist(), prompt.points.max(0).tolist()
    return x0, y0, x1, y1


def _recall(tracked: TrackedObject, index: int) -> Recall:
    """What a prompt attends to. On a frame that was tracked before it corrects, and memory helps;
    elsewhere it stands for itself."""
    direction = tracked.tracked.get(index)
    if direction is None:
        return Recall((), (), (), ())
    return tracked.memory.recall(index, direction)[0]
