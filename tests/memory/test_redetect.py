"""An object is lost and found again by its appearance."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from scripted import EMPTY, HERE, Row, candidates, contents, recalled, remembered
from tiny import noise_frames, square_mask, tiny_model

from sam2track import Prompt, TrackingSession
from sam2track.memory import Archive, AutoSettings, FifoMemory, FrameCandidates, RedetectMemory
from sam2track.model.memory_encoder import appearance
from sam2track.model.variants import VARIANTS
from sam2track.types import Candidates

# Stricter than the defaults, so that angles make a difference.
STRICT = {"least": 0.1, "most": 0.25, "far": 0.35}
GOOD, WEAK, GONE = Row(), Row((0.3, 0.1, 0.1)), Row(presence=-5.0)


def looks(*angles: float) -> torch.Tensor:
    """Appearances, in degrees from that of the prompted object."""
    turned = [math.radians(angle) for angle in angles]
    return torch.tensor([[math.cos(angle), math.sin(angle)] for angle in turned])


def prompt(memory: RedetectMemory, index: int) -> None:
    memory.remember([replace(remembered(index), appearance=looks(0)[0])], anchor=True)


def see(memory: RedetectMemory, index: int, row: Row, *angles: float, direction: int = 1) -> bool:
    """Follow onto a frame on which the masks have these appearances; whether it is there."""
    angles = angles if len(angles) > 1 else angles * 3
    offered = FrameCandidates(candidates([row]), look=lambda: looks(*angles)[None])
    choice = memory.choose(offered, index, direction)
    memory.remember([remembered(index)], anchor=False)
    return bool(choice.present)


def followed(frames: int = 40, **options) -> RedetectMemory:
    """A memory of an object that was followed up to frame ``frames``, and turned a little."""
    memory = RedetectMemory(**STRICT, **options)
    prompt(memory, 0)
    for index in range(1, frames + 1):
        assert see(memory, index, GOOD, 15 * index / frames)
    return memory


def test_frames_are_remembered_new_ones_and_trusted_ones():
    memory = followed(40)
    assert recalled(memory, 41) == [0, 20, 30, 37, 38, 39, 40]
    see(memory, 41, WEAK, 15)  # a weak mask that looks like the object
    assert recalled(memory, 42) == [0, 20, 30, 38, 39, 40, 41]
    see(memory, 42, WEAK, 60)  # and one that does not
    assert recalled(memory, 43) == [0, 20, 30, 38, 39, 40, 41]
    assert recalled(followed(40, slots=4), 41) == [0, 20, 30, 40]


@pytest.mark.parametrize(
    ("row", "angle", "there"),
    [
        (GOOD, 20, True),
        (WEAK, 20, True),  # a weak mask of something that looks like it
        (GOOD, 60, True),  # it looks otherwise, but the mask is good: perhaps it turned
        (WEAK, 60, False),
        (GOOD, 90, False),  # too different to be the same
        (GONE, 20, False),
    ],
)
def test_it_is_lost_when_score_and_appearance_say_so(row, angle, there):
    memory = followed()
    seen = [see(memory, index, row, angle) for index in range(41, 45)]
    assert seen[-1] == there
    assert memory.sights[44].lost == (not there)
    trusted = memory.sights[44].trusted
    assert max(trusted) <= (40 if angle > 20 or row is not GOOD else 44)


def test_one_frame_of_doubt_loses_nothing():
    memory = followed()
    assert see(memory, 41, WEAK, 60)
    assert see(memory, 42, GOOD, 15)
    assert not memory.sights[42].turns
    assert recalled(memory, 43)[-1] == 42


def test_a_look_alike_is_not_taken_and_the_object_is_found_again():
    memory = followed()
    for index in (41, 42):
        see(memory, index, WEAK, 60)
    before = recalled(memory, 43)
    for index in range(43, 400):
        assert not see(memory, index, GOOD, 60)
    assert recalled(memory, 400) == before  # anchors and trusted frames
    assert not see(memory, 400, GOOD, 10)
    assert see(memory, 401, GOOD, 10)
    assert recalled(memory, 402)[-1] == 401


def test_a_mask_that_looks_like_it_is_taken_before_one_with_a_better_score():
    memory = followed()
    for index in (41, 42):
        see(memory, index, GONE, 60)
    row = Row((0.9, 0.8, 0.1), masks=(EMPTY, HERE, EMPTY))
    for index in (43, 44):
        offered = FrameCandidates(candidates([row]), look=lambda: looks(80, 10, 0)[None])
        choice = memory.choose(offered, index, 1)
        memory.remember([remembered(index)], anchor=False)
    assert (choice.picks.item(), choice.present.item()) == (1, True)


def test_an_object_that_turns_slowly_is_never_lost():
    memory = RedetectMemory(**STRICT)
    prompt(memory, 0)
    for index in range(1, 300):
        assert see(memory, index, GOOD, 0.8 * index)


def test_trusted_frames_look_different():
    memory = RedetectMemory(trusted=3, **STRICT)
    prompt(memory, 0)
    for index in range(1, 101):
        assert see(memory, index, GOOD, min(40.0, max(0.0, 2.0 * (index - 30))))
    angles = [min(40.0, max(0.0, 2.0 * (k - 30))) for k in memory.sights[100].trusted]
    assert len(angles) == 3
    assert len({0.0, *angles}) >= 3


def test_a_prompt_finds_a_lost_object():
    memory = followed()
    for index in (41, 42):
        see(memory, index, GONE, 60)
    assert memory.sights[42].lost
    prompt(memory, 43)
    assert not memory.before(44, 1).lost
    assert see(memory, 44, GOOD, 5)
    memory.forget(43)
    assert 43 not in recalled(memory, 45)


def test_backward_and_from_an_archive_it_decides_alike():
    trace = [(GOOD, 5), (GOOD, 9), (WEAK, 60), (WEAK, 60), (GOOD, 50), (GOOD, 4), (GOOD, 4)] * 6
    found = []
    for direction, archive in ((1, None), (-1, None), (1, Archive())):
        memory = RedetectMemory(stride=2, archive=archive, **STRICT)
        prompt(memory, 500)
        seen, recalls = [], []
        for step, (row, angle) in enumerate(trace, 1):
            index = 500 + direction * step
            recalls.append([abs(k - 500) for k in recalled(memory, index, direction)])
            seen.append(see(memory, index, row, angle, direction=direction))
            assert contents(memory.recall(index, direction))  # asked again
        found.append((seen, recalls))
    assert found[0] == found[1] == found[2]
    assert True in found[0][0][3:]
    assert False in found[0][0]


def test_the_appearance_is_the_mean_of_the_features_under_a_mask():
    model = tiny_model()
    side = model.variant.grid
    features = torch.zeros(1, model.variant.width, side, side)
    features[:, 0, :, : side // 2] = 3.0
    features[:, 1, :, side // 2 :] = 5.0
    left = -torch.ones(4 * side, 4 * side)
    left[:, : 2 * side] = 1
    logits = torch.stack((left, -left, -torch.ones_like(left)))[None]
    found = appearance(features, logits)[0]
    expected = torch.zeros(3, model.variant.width)
    expected[0, 0] = expected[1, 1] = 1
    torch.testing.assert_close(found, expected)


def test_a_session_shows_the_memory_what_masks_look_like():
    model, frames, seen = tiny_model(), noise_frames(5), []

    class Watching(RedetectMemory):
        def choose(self, candidates: FrameCandidates, index, direction):
            assert isinstance(candidates.on_device, Candidates)
            seen.append(candidates.appearances)
            return super().choose(candidates, index, direction)

    session = TrackingSession(model, memory=Watching)
    for object_id in (1, 2):
        session.prompt(object_id, Prompt.from_mask(square_mask()), frames[0])
    for frame in frames:
        session.step(frame)
    assert [looks[0].shape for looks in seen] == [(3, model.variant.width)] * 8
    memory = session.objects[1].memory
    assert isinstance(memory, RedetectMemory)
    assert memory.looks[0].shape == (model.variant.width,)


def test_the_card_names_the_memory():
    assert VARIANTS["nano"].memory == "redetect"
    assert {own.memory for name, own in VARIANTS.items() if name != "nano"} == {"fifo"}
    for name, kind in (("redetect", RedetectMemory), ("fifo", FifoMemory)):
        session = TrackingSession(tiny_model(memory=name), memory=AutoSettings(recent=2))
        frame = noise_frames(1)[0]
        session.prompt(1, Prompt.from_mask(square_mask()), frame)
        memory = session.objects[1].memory
        assert isinstance(memory, kind)
        assert memory.recent == 2


@pytest.mark.parametrize(("recent", "wanted"), [(1, 1), (6, 6), (9, 6)])
def test_the_card_says_how_many_frames_are_attended_to(recent, wanted):
    """At most as many as the weights know."""
    session = TrackingSession(tiny_model(recent=recent))
    session.prompt(1, Prompt.from_mask(square_mask()), noise_frames(1)[0])
    assert session.objects[1].memory.recent == wanted
