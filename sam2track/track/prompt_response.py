"""What a prompt makes of an object on its frame."""

from __future__ import annotations

import warnings

from ..device import autocast
from ..memory import best_candidate
from ..model.sam2 import SAM2
from ..prompts import Prompt, tokens
from ..types import Frame, FrameFeatures, Recall, expect
from .objects import Anchor, TrackedObject


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


def respond(
    model: SAM2,
    tracked: TrackedObject,
    prompt: Prompt,
    frame: Frame,
    features: FrameFeatures,
    *,
    stability_delta: float,
    stability_threshold: float,
) -> Anchor:
    """The outcome of a prompt, together with those before it on the frame, and its memory."""
    earlier = tracked.anchor(frame.index)
    prompt = tokens.merge_prompts(earlier.prompt if earlier else None, prompt)
    with autocast(model.device, model.precision):
        if prompt.mask is not None:
            mask = tokens.mask_prompt(prompt.mask, transform=model.transform, device=model.device)
            resolved = model.adopt(features, mask)
        else:
            candidates = model.decode(
                model.attend(features, [_recall(tracked, frame.index)]),
                features,
                tokens.prompt_tokens(
                    prompt,
                    frame.size,
                    transform=model.transform,
                    device=model.device,
                    previous=tracked.outcome(frame.index),
                ),
                stability_delta=stability_delta,
                stability_threshold=stability_threshold,
            )
            resolved = model.resolve(candidates, best_candidate(candidates))
        memories = model.memorise(features, resolved, index=frame.index, from_prompt=True)
    return Anchor(prompt, resolved, memories)


def _recall(tracked: TrackedObject, index: int) -> Recall:
    """What a prompt attends to. On a frame that was tracked before it corrects, and memory helps;
    elsewhere it stands for itself."""
    direction = tracked.tracked.get(index)
    if direction is None:
        return Recall((), (), (), ())
    return tracked.memory.recall(index, direction)[0]
