"""Presence is judged by what is usual for the object."""

from __future__ import annotations

import pytest
from scripted import Row, candidates, follow, recalled, run

from sam2track.memory import AdaptivePresenceSelector, FrameCandidates, SelectMemory


def present(selector: AdaptivePresenceSelector, presence: float) -> bool:
    return selector.select(FrameCandidates(candidates([Row(presence=presence)])), 1, 1).present


@pytest.mark.parametrize(("presence", "there"), [(9.0, True), (6.0, True), (4.0, False)])
def test_a_fall_of_presence_means_absence(presence, there):
    selector = AdaptivePresenceSelector(share=0.5)
    for _ in range(20):
        assert present(selector, 10.0)
    assert present(selector, presence) == there


def test_the_usual_presence_follows_the_object_slowly_and_not_its_absence():
    selector = AdaptivePresenceSelector(share=0.5, pace=0.2)
    for _ in range(20):
        assert present(selector, 10.0)
    for presence in (8.0, 7.0, 6.0, 6.0, 5.0, 5.0, 5.0, 4.0, 4.0):  # it becomes harder to see
        assert present(selector, presence)
    assert not present(selector, 1.0)
    usual = selector.usual
    for _ in range(50):
        assert not present(selector, 1.0)
    assert selector.usual == usual


def test_a_presence_below_zero_is_absence_from_the_first_frame_on():
    assert not present(AdaptivePresenceSelector(), -0.1)
    assert present(AdaptivePresenceSelector(), 0.1)


def test_no_share_is_sam_2s_rule():
    selector = AdaptivePresenceSelector(share=0.0)
    assert [present(selector, p) for p in (9.0, 0.1, -0.1, 5.0)] == [True, True, False, True]


def test_the_best_mask_is_taken():
    offered = FrameCandidates(candidates([Row((0.2, 0.9, 0.3))]))
    assert AdaptivePresenceSelector().select(offered, 1, 1).pick == 1


def test_select_forgets_the_frames_on_which_the_object_counts_as_absent():
    memory = SelectMemory(selector=lambda: AdaptivePresenceSelector(share=0.5))
    after = run(memory, [*[Row(presence=10.0)] * 4, *[Row(presence=3.0)] * 3])
    assert recalled(memory, after) == [0, 1, 2, 3, 4, 7]  # the frame before, always
    follow(memory, after, Row(presence=9.0))
    assert recalled(memory, after + 1) == [0, 1, 2, 3, 4, 8]
