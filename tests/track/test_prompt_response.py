"""Clicks correct a mask that was given, and what a box showed."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from tiny import noise_frames, square_mask, tiny_model

from sam2track import Prompt, TrackingSession, load_model, open_video
from sam2track.metrics import region
from sam2track.prompts.simulated_user import corrective_click

CLICK = Prompt.click(40, 30, 0)
SHOWN = {"mask": Prompt.from_mask(square_mask()), "box": Prompt.from_box([10, 10, 60, 40])}


def corrected(prompts, *, recalls_given, remember=True):
    session = TrackingSession(tiny_model(recalls_given=recalls_given))
    session.answerer = replace(session.answerer, remember=remember)
    frame = noise_frames(1)[0]
    for prompt in prompts:
        session.prompt(1, prompt, frame)
    return session.objects[1].pending[0]


@pytest.mark.parametrize("kind", SHOWN)
def test_clicks_attend_to_a_memory_of_what_they_correct(kind):
    prompts = [SHOWN[kind], CLICK]
    with_memory = corrected(prompts, recalls_given=True)
    without = corrected(prompts, recalls_given=False)
    assert (with_memory.resolved.logits - without.resolved.logits).abs().max() > 0.01
    assert without.given is None
    # It is made when it is needed, where none is kept.
    late = corrected(prompts, recalls_given=True, remember=False)
    torch.testing.assert_close(late.resolved.logits, with_memory.resolved.logits)


def test_it_is_that_of_the_mask_however_many_clicks_follow():
    first = corrected([SHOWN["mask"]], recalls_given=True)
    last = corrected([SHOWN["mask"], CLICK, Prompt.click(20, 20)], recalls_given=True)
    assert torch.equal(last.given.features, first.memories[0].features)
    assert last.prompt.labels.tolist() == [0, 1]


@pytest.mark.parametrize("prompts", [
    [Prompt.click(20, 20), CLICK],
    [SHOWN["mask"], CLICK, SHOWN["box"]],
    [SHOWN["box"], CLICK, SHOWN["mask"]],
])  # fmt: skip
def test_clicks_alone_and_new_masks_and_boxes_stand_for_themselves(prompts):
    assert corrected(prompts, recalls_given=True).given is None


def test_nano_takes_a_wrong_part_off_a_mask():
    session = TrackingSession(load_model("nano"))
    with open_video("videos/cup.mp4") as video:
        frame = video[0]
    cup = session.prompt(1, Prompt.click(340, 220), frame)
    wrong = cup.copy()
    wrong[150:300, 420:560] = True  # the hand, and the wall around it
    shown = [session.prompt(2, Prompt.from_mask(wrong), frame)]
    for _ in range(3):
        shown.append(session.prompt(2, corrective_click(shown[-1], cup), frame))
    accuracies = [region(mask, cup) for mask in shown]
    assert accuracies == sorted(accuracies)
    assert accuracies[-1] > accuracies[0] + 0.25
    assert shown[-1][cup].mean() > 0.95  # the cup stays
