"""What a session promises, whatever the weights."""

from __future__ import annotations

import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from tiny import SIZE, noise_frames, square_mask, tiny_model

from sam2track import Frame, Prompt, TrackingSession
from sam2track.device import PRECISIONS
from sam2track.memory import FifoMemory, FrameCandidates
from sam2track.track.frame_encoder import ON_CPU
from sam2track.track.workers import Workers
from sam2track.types import Choice, FrameResult, MemoryFrame, Recall

PROMPTS = {
    1: Prompt.click(20, 20),
    2: Prompt.from_box([5, 5, 30, 40], [[10, 10]], [0]),
    7: Prompt.from_mask(square_mask()),
}


@pytest.fixture(scope="module")
def model():
    return tiny_model()


def track(model, frames, prompts=PROMPTS, **options) -> list[FrameResult]:
    session = TrackingSession(model, **options)
    for object_id, prompt in prompts.items():
        session.prompt(object_id, prompt, frames[0])
    return [session.step(frame) for frame in frames]


def row(result: FrameResult, object_id: int) -> torch.Tensor:
    return result.logits[result.object_ids.index(object_id)]


def assert_same(ours: torch.Tensor, theirs: torch.Tensor) -> None:
    torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-3)


def test_masks_are_not_trivial(model):
    results = track(model, noise_frames(4))
    for result in results:
        share = result.masks.float().mean((1, 2))
        assert ((share > 0.01) & (share < 0.99)).all()


def test_a_frame_encoded_ahead_in_another_thread_is_as_one_that_is_not(model):
    frames = noise_frames(4)
    session = TrackingSession(model)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(list, session.encode_ahead(frames)).result()
    known = [features for _, features in session.encoder.known]
    assert len(known) == 4
    session.prompt(1, PROMPTS[1], frames[0])
    ahead = [session.step(frame) for frame in frames]
    assert session.encoder.known[0][1] is known[-1]  # used, and the earlier ones dropped
    for ours, theirs in zip(ahead, track(model, frames, {1: PROMPTS[1]}), strict=True):
        assert torch.equal(ours.logits, theirs.logits)


def test_what_the_encoding_thread_has_not_come_to_is_encoded_here(model):
    frame, encoder = noise_frames(1)[0], TrackingSession(model).encoder
    busy = threading.Event()
    with ThreadPoolExecutor(1) as encoder.thread:
        encoder.thread.submit(busy.wait)
        encoder.begin(frame, (None,))
        ours = encoder.features(frame)  # would wait forever for the thread
        busy.set()
    assert torch.equal(ours.stride16, TrackingSession(model).encoder.features(frame).stride16)


@pytest.mark.parametrize(("precision", "most"), [("fp32", ON_CPU // 2), ("bf16", ON_CPU)])
def test_many_windows_are_encoded_a_few_at_a_time(monkeypatch, precision, most):
    model = tiny_model()
    model.precision = PRECISIONS[precision]
    frame, encode, sizes = noise_frames(1)[0], model.encode, []
    windows = [(place, 0, place + 30, 30) for place in range(2 * most + 1)]
    monkeypatch.setattr(model, "encode", lambda x: sizes.append(len(x)) or encode(x))
    together = TrackingSession(model).encoder.features(frame, windows)
    assert sizes == [most, most, 1]
    for place, window in enumerate(windows):
        alone = TrackingSession(model).encoder.features(frame, (window,))
        torch.testing.assert_close(together.stride16[place], alone.stride16[0])


def test_sessions_on_one_picture_share_its_features(model, monkeypatch):
    frames, encoded, encode = noise_frames(3), [], model.encode
    monkeypatch.setattr(model, "encode", lambda own: encoded.append(1) or encode(own))
    sessions = {k: TrackingSession(model) for k in PROMPTS}
    for frame in frames:
        store, found = {}, {}
        for k, session in sessions.items():
            # The index is the session's own: another one began elsewhere.
            own = Frame(frame.index + 5 * k, frame.image)
            with session.encoder.sharing(own, store):
                if frame.index == 0:
                    session.prompt(k, PROMPTS[k], own)
                found[k] = session.step(own)
            assert not session.encoder.known
    assert len(encoded) == len(frames)
    monkeypatch.undo()
    for k, result in found.items():
        assert torch.equal(result.logits, track(model, frames, {k: PROMPTS[k]})[-1].logits)


def test_another_size_is_refused_when_encoded_ahead(model):
    session = TrackingSession(model)
    frames = [noise_frames(1)[0], noise_frames(1, size=(32, 64))[0]]
    with pytest.raises(ValueError, match="resize the frames"):
        list(session.encode_ahead(frames))


def test_frames_encoded_ahead_do_not_pile_up_before_the_first_object(model):
    session = TrackingSession(model)
    for frame in session.encode_ahead(noise_frames(6)):
        session.step(frame)
        assert len(session.encoder.known) == 1


def test_a_frame_is_tracked_once_until_something_changes(model):
    frames = noise_frames(3)
    session = TrackingSession(model)
    session.prompt(1, PROMPTS[1], frames[0])
    session.step(frames[0])
    outcome = session.advance(frames[1])
    assert session.advance(Frame(1, frames[1].image.copy())) is outcome
    assert session.advance(frames[1], direction=-1) is not outcome
    session.prompt(2, PROMPTS[2], frames[1])
    assert session.advance(frames[1]).object_ids == (1, 2)
    session.remove(2)
    assert session.advance(frames[1]).object_ids == (1,)


def test_results_can_be_changed(model):
    result = track(model, noise_frames(2))[1]
    for tensor in (result.masks, result.logits, result.scores, result.presence):
        tensor[0] = 0
    assert not result.masks[0].any()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, PROMPTS[1]), "an object's id is a whole number from 1, but 0 was given"),
        ((1, Prompt.click(20, 20, label=0)), "object 1 is new, and the prompt says only where"),
    ],
)
def test_prompts_that_cannot_be_taken(model, arguments, message):
    session = TrackingSession(model)
    with pytest.raises(ValueError, match=message):
        session.prompt(*arguments, noise_frames(1)[0])
    assert session.object_ids == ()


def test_a_prompt_behind_what_is_remembered_is_warned_of(model):
    frames = noise_frames(5)
    session, kept = TrackingSession(model), TrackingSession(model, archive=True)
    for own in (session, kept):
        own.prompt(1, PROMPTS[1], frames[0])
        for frame in frames:
            own.step(frame)
        own.prompt(1, Prompt.click(30, 30), frames[4])  # it was just tracked
    kept.prompt(1, Prompt.click(30, 30), frames[2])
    with pytest.warns(UserWarning, match="use TrackingSession\\(archive=True\\)"):
        session.prompt(1, Prompt.click(30, 30), frames[2])


@pytest.mark.parametrize("archive", [False, True])
@pytest.mark.parametrize("index", [3, 9])
def test_a_click_off_an_object_that_was_not_tracked_there_is_warned_of(model, archive, index):
    frames = noise_frames(10)
    session = TrackingSession(model, archive=archive)
    session.prompt(1, PROMPTS[1], frames[6])
    for frame in frames[6:9]:
        session.step(frame)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a click on it stands for itself
        session.prompt(1, Prompt.click(30, 30), frames[index])
        session.unprompt(1, index)
        session.prompt(1, Prompt.click(30, 30, label=0), frames[8])  # it was just tracked
    with pytest.warns(UserWarning, match=f"object 1 was not tracked on frame {index}: clicks that"):
        session.prompt(1, Prompt.click(30, 30, label=0), frames[index])


def test_an_outcome_can_be_changed(model):
    frames = noise_frames(2)
    session = TrackingSession(model)
    session.prompt(1, PROMPTS[1], frames[0])
    for frame in frames:
        outcome = session.advance(frame)
        outcome.logits[...] = -8
        assert not session.render(outcome, frame).masks.any()


def test_lowered_weights_are_what_autocast_makes_of_them():
    frames, autocast, lowered = noise_frames(4), tiny_model(), tiny_model()
    autocast.precision = torch.bfloat16
    lowered.lower(torch.bfloat16)
    assert lowered.pointer_projection.layers[0].weight.dtype == torch.bfloat16
    for ours, theirs in zip(track(lowered, frames), track(autocast, frames), strict=True):
        torch.testing.assert_close(ours.logits, theirs.logits, atol=0.1, rtol=0.02)


def test_memory_matters(model):
    frames = noise_frames(3)
    alone = track(model, frames, {1: PROMPTS[1]})[2]
    other = track(model, frames, {1: PROMPTS[7]})[2]
    assert (row(alone, 1) - row(other, 1)).abs().max() > 0.05


def test_objects_together_are_as_alone(model):
    frames = noise_frames(10)
    together = track(model, frames)
    for object_id, prompt in PROMPTS.items():
        alone = track(model, frames, {object_id: prompt})
        for a, b in zip(together, alone, strict=True):
            assert_same(row(a, object_id), row(b, object_id))


@pytest.mark.parametrize("workers", [2, 8])
def test_objects_shared_out_among_threads_are_as_in_one(model, workers):
    frames = noise_frames(6)
    session = TrackingSession(model, archive=True)
    threads = session.follower.workers = session.renderer.workers = Workers(workers)
    threads.count = lambda objects: min(workers, objects)
    for object_id, prompt in PROMPTS.items():
        session.prompt(object_id, prompt, frames[0])
    shared = [session.step(frame) for frame in frames]
    for ours, theirs in zip(shared, track(model, frames), strict=True):
        assert ours.object_ids == theirs.object_ids
        assert_same(ours.logits, theirs.logits)


def test_a_new_object_leaves_the_others_alone(model):
    frames = noise_frames(8)
    before = track(model, frames, {1: PROMPTS[1]})
    session = TrackingSession(model)
    session.prompt(1, PROMPTS[1], frames[0])
    for frame, expected in zip(frames, before, strict=True):
        if frame.index == 3:
            session.prompt(2, PROMPTS[2], frame)
        if frame.index == 6:
            session.remove(2)
        result = session.step(frame)
        assert result.object_ids == ((1, 2) if 3 <= frame.index < 6 else (1,))
        assert_same(row(result, 1), row(expected, 1))


def test_an_object_appears_from_its_first_prompt_on(model):
    frames = noise_frames(4)
    session = TrackingSession(model)
    assert session.step(frames[0]).object_ids == ()
    session.prompt(4, PROMPTS[1], frames[1])
    assert session.step(frames[1]).object_ids == (4,)


def test_streaming_is_the_whole_clip(model):
    frames = noise_frames(20)
    for a, b in zip(track(model, frames), track(model, frames, archive=True), strict=True):
        assert torch.equal(a.logits, b.logits)


def test_reverse_is_forward_on_the_mirrored_clip(model):
    frames = noise_frames(12)
    session = TrackingSession(model)
    session.prompt(1, PROMPTS[1], frames[-1])
    back = [session.step(frame, direction=-1) for frame in reversed(frames)]
    mirrored = [Frame(index, frame.image) for index, frame in enumerate(reversed(frames))]
    for a, b in zip(back, track(model, mirrored, {1: PROMPTS[1]}), strict=True):
        assert torch.equal(a.logits, b.logits)


def test_a_correction_becomes_an_anchor_and_changes_what_follows(model):
    frames = noise_frames(8)
    session = TrackingSession(model, archive=True)
    session.prompt(1, PROMPTS[1], frames[0])
    before = [session.step(frame) for frame in frames]
    shown = session.prompt(1, Prompt.click(40, 30, 0), frames[4])
    after = [session.step(frame) for frame in frames[4:]]
    assert np.array_equal(after[0].mask(1), shown)
    assert sorted(session.objects[1].anchors) == [0, 4]
    for a, b in zip(after, before[4:], strict=True):
        assert (a.logits - b.logits).abs().max() > 0.01
    again = session.step(frames[2])  # what lies before the correction can be tracked anew, too
    assert again.object_ids == (1,)


def test_clicks_on_one_frame_add_up(model):
    frame = noise_frames(1)[0]
    one = TrackingSession(model)
    one.prompt(1, Prompt.click(20, 20), frame)
    one.prompt(1, Prompt.click(50, 40, 0), frame)
    assert one.objects[1].pending[0].prompt.labels.tolist() == [1, 0]


def test_a_prompt_may_replace_those_before_it_on_the_frame(model):
    frame, (on, off) = noise_frames(1)[0], ([20, 20], [40, 30])
    added, replaced, alone = (TrackingSession(model) for _ in range(3))
    for session in (added, replaced):
        session.prompt(1, Prompt.clicks([on]), frame)
    added.prompt(1, Prompt.clicks([off]), frame)
    replaced.prompt(1, Prompt.clicks([off]), frame, replace=True)
    alone.prompt(1, Prompt.clicks([off]), frame)
    anchors = [session.objects[1].pending[0] for session in (added, replaced, alone)]
    assert [len(anchor.prompt.points) for anchor in anchors] == [2, 1, 1]
    logits = [anchor.resolved.logits for anchor in anchors]
    assert not torch.equal(logits[0], logits[1])
    assert not torch.equal(logits[1], logits[2])  # the mask before was corrected


def test_an_object_may_be_followed_before_its_first_prompt(model):
    frames = noise_frames(4)
    session = TrackingSession(model)
    session.prompt(1, PROMPTS[1], frames[2])
    session.objects[1].early = True
    results = [session.step(frame) for frame in frames]
    assert [result.object_ids for result in results] == [(1,)] * 4
    assert torch.isfinite(results[0].logits).all()


def test_a_clicked_mask_may_be_remembered_with_its_logits(model):
    frame, memories = noise_frames(1)[0], []
    for binarise in (True, False):
        session = TrackingSession(model)
        session.answerer = replace(session.answerer, binarise=binarise)
        session.prompt(1, PROMPTS[1], frame)
        memories.append(session.objects[1].pending[0].memories[0].features)
    assert not torch.equal(*memories)


def test_a_mask_prompt_comes_back_as_it_was(model):
    frame = noise_frames(1)[0]
    mask = TrackingSession(model).prompt(1, Prompt.from_mask(square_mask()), frame)
    overlap = (mask & square_mask()).sum() / (mask | square_mask()).sum()
    assert overlap > 0.8  # the tiny model has 16 x 16 mask logits


def test_taking_a_prompt_back(model):
    frames = noise_frames(6)
    session = TrackingSession(model, archive=True)
    session.prompt(1, PROMPTS[1], frames[0])
    before = [session.step(frame) for frame in frames]
    session.prompt(1, Prompt.click(40, 30, 0), frames[3])
    session.step(frames[3])
    session.unprompt(1, 3)
    after = [session.step(frame) for frame in frames]
    for a, b in zip(after, before, strict=True):
        assert_same(a.logits, b.logits)
    session.unprompt(1, 0)
    assert session.object_ids == ()


def test_an_absent_object_has_an_empty_mask():
    model = tiny_model(presence=-20.0)
    result = track(model, noise_frames(2), {1: PROMPTS[1]})[1]
    assert not result.masks.any()
    assert result.boxes() == [None]
    assert (result.label_map() == 0).all()


def test_what_a_session_keeps_does_not_grow(model):
    session = TrackingSession(model)
    frames = noise_frames(4)
    session.prompt(1, PROMPTS[1], frames[0])
    sizes: set[tuple[int, int, int]] = set()
    for index in range(300):
        session.step(Frame(index, frames[index % 4].image))
        bank = session.objects[1].memory.bank
        if index > 50:
            sizes.add((len(bank.recent), len(bank.pointers), len(session.objects[1].tracked)))
    assert len(sizes) == 1


@pytest.mark.parametrize(
    ("object_id", "prompt", "message"),
    [
        (1, Prompt.click(64, 20), "outside the frame"),
        (1, Prompt.from_box([70, 0, 80, 10]), "outside the frame"),
        (1, Prompt.from_mask(np.ones((10, 10))), "10 x 10"),
        (0, Prompt.click(1, 1), "but 0 was given"),
        (-3, Prompt.click(1, 1), "but -3 was given"),
    ],
)
def test_a_bad_prompt_changes_nothing(model, object_id, prompt, message):
    session = TrackingSession(model)
    with pytest.raises(ValueError, match=message):
        session.prompt(object_id, prompt, noise_frames(1)[0])
    assert session.object_ids == ()


def test_frames_of_another_size(model):
    session = TrackingSession(model)
    session.step(noise_frames(1)[0])
    with pytest.raises(ValueError, match="80 x 48"):
        session.step(noise_frames(1, size=(48, 80))[0])


def test_a_direction_is_one_of_two(model):
    with pytest.raises(ValueError, match="direction 3: give 1"):
        TrackingSession(model).step(noise_frames(1)[0], direction=3)


def test_unknown_objects_are_told_with_those_there_are(model):
    frame = noise_frames(1)[0]
    session = TrackingSession(model)
    with pytest.raises(KeyError, match="no object 5; there is none"):
        session.remove(5)
    session.prompt(2, PROMPTS[1], frame)
    session.prompt(7, PROMPTS[1], frame)
    with pytest.raises(KeyError, match="no object 5; there are: 2, 7"):
        session.remove(5)
    with pytest.raises(KeyError, match="no object 5; there are: 2, 7"):
        session.unprompt(5, 0)
    with pytest.raises(KeyError, match="it has no prompt on frame 3, but on: 0"):
        session.unprompt(2, 3)
    with pytest.raises(KeyError, match="no object 5 on frame 0; there are: 2, 7"):
        session.step(frame).mask(5)
    assert session.object_ids == (2, 7)


class Ways:
    """Two hypotheses that take different masks; on the frame ``turn`` the second becomes first."""

    def __init__(self, lag: int | None, turn: int, **known) -> None:
        self.inner = FifoMemory(**known)
        self.lag, self.turn = lag, turn

    def recall(self, index: int, direction: int) -> list[Recall]:
        return self.inner.recall(index, direction) * 2

    def choose(self, candidates: FrameCandidates, index: int, direction: int) -> Choice:
        turned = index == self.turn
        return Choice(
            torch.tensor([1, 0] if turned else [0, 1]),
            torch.tensor([0, 1]),
            torch.tensor([True, True]),
        )

    def remember(self, memories: list[MemoryFrame], *, anchor: bool) -> None:
        self.inner.remember(memories[:1], anchor=anchor)

    def forget(self, index: int) -> None:
        self.inner.forget(index)


def track_late(model, lag: int | None, turn: int) -> tuple[list[int], list[FrameResult]]:
    """How late results were settled before the end, and the results."""
    frames = noise_frames(9)
    session = TrackingSession(model, memory=partial(Ways, lag, turn))
    session.prompt(1, PROMPTS[1], frames[0])
    late, results = [], []
    for frame in frames:
        if frame.index == 3:
            session.step(frame)
            session.prompt(2, PROMPTS[2], frame)
        session.step(frame)
        for result in session.settled():
            late.append(frame.index - result.index)
            results.append(result)
    results.extend(session.flush())
    assert list(session.flush()) == []
    return late, results


@pytest.mark.parametrize("lag", [0, 2, 20, None])
def test_late_results_come_once_and_in_order(model, lag):
    late, results = track_late(model, lag, turn=99)
    assert [result.index for result in results] == list(range(9))
    assert late == ([] if lag in (20, None) else [lag] * (9 - lag))
    assert [result.object_ids for result in results] == [(1,)] * 3 + [(1, 2)] * 6


@pytest.mark.parametrize("lag", [0, 2, 20, None])
def test_a_late_decision_changes_the_frames_within_its_lag(model, lag):
    """From frame 6 on the other way is the better one: frames not settled by then follow it."""
    straight, turned = (track_late(model, lag, turn)[1] for turn in (99, 6))
    first_changed = {0: 6, 2: 4, 20: 1, None: 1}[lag]  # frame 0 is prompted
    for index in range(6):
        change = (turned[index].logits[0] - straight[index].logits[0]).abs().max()
        assert (change > 0.01) == (index >= first_changed)


def test_a_jump_settles_what_is_held(model):
    frames = noise_frames(8)
    session = TrackingSession(model, memory=partial(Ways, 3, 99), archive=True)
    session.prompt(1, PROMPTS[1], frames[0])
    for frame in frames[:5]:
        session.step(frame)
    assert [result.index for result in session.settled()] == [1]
    session.step(frames[2])
    assert [result.index for result in session.settled()] == [2, 3, 4]
    assert [result.index for result in session.flush()] == [2]


def test_what_nobody_takes_does_not_pile_up(model):
    frames = noise_frames(4)
    session = TrackingSession(model, memory=partial(Ways, 3, 99))
    session.prompt(1, PROMPTS[1], frames[0])
    for index in range(20):
        session.step(Frame(index, frames[index % 4].image))
        assert len(session.delayed.held) <= 3
        assert len(session.delayed.ready) <= 1


def test_overlaps_belong_to_the_highest_logit(model):
    result = track(model, noise_frames(2))[1]
    owner = result.owner.numpy()
    for position in range(3):
        assert (result.masks[position].numpy()[owner == position]).all()
    assert (result.masks.any(0).numpy() == (owner >= 0)).all()
    assert set(np.unique(result.label_map())) <= {0, *PROMPTS}
    assert result.label_map().shape == SIZE
