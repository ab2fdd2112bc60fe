"""Clicks correct a mask that was given, and what a box showed."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from tiny import noise_frames, square_mask, tiny_model

from sam2track import Prompt, TrackingSession, load_model, open_video
from sam2track.metrics import region
from sam2track.prompts.simulated_user import corrective_click
from sam2track.track.prompt_response import PromptAnswerer

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


def test_a_frame_that_was_tracked_is_corrected_so_too():
    frames, logits = noise_frames(3), []
    for recalls_given in (True, False):
        session = TrackingSession(tiny_model(recalls_given=recalls_given), archive=True)
        session.prompt(1, SHOWN["mask"], frames[0])
        for frame in frames:
            session.step(frame)
        session.prompt(1, SHOWN["mask"], frames[2])
        session.prompt(1, CLICK, frames[2])
        logits.append(session.objects[1].pending[2].resolved.logits)
    assert (logits[0] - logits[1]).abs().max() > 0.01


def test_an_answer_that_says_the_object_is_absent_does_not_count(monkeypatch):
    decode, answers = PromptAnswerer._decode, []

    def without_memory_absent(self, features, recall, told):
        answer = decode(self, features, recall, told)
        if not recall.memories:
            absent = torch.full_like(answer.presence, -3)
            answer = replace(answer, presence=absent, logits=torch.full_like(answer.logits, -1024))
        answers.append(answer)
        return answer

    monkeypatch.setattr(PromptAnswerer, "_decode", without_memory_absent)
    anchor = corrected([SHOWN["mask"], CLICK], recalls_given=True)
    assert [float(answer.presence) for answer in answers] == [-3, float(anchor.resolved.presence)]
    assert torch.equal(anchor.resolved.logits, answers[1].logits)


def test_clicks_that_replace_others_correct_the_mask_as_well():
    session = TrackingSession(tiny_model(recalls_given=True))
    frame = noise_frames(1)[0]
    session.prompt(1, SHOWN["mask"], frame)
    session.prompt(1, Prompt.click(20, 20), frame, replace=True)
    session.prompt(1, CLICK, frame, replace=True)
    anchor = session.objects[1].pending[0]
    assert anchor.given is not None
    assert anchor.prompt.labels.tolist() == [0]


def test_the_memory_stays_that_of_the_mask_however_many_clicks_follow():
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
