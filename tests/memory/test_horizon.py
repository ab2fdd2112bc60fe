"""Sure frames from near and far."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted import Row, anchor, follow, recalled, run

from sam2track.memory import BestScoreSelector, HorizonMemory

SURE = Row()
UNSURE = Row((0.25, 0.1, 0.1))
GONE = Row(presence=-5.0)


def test_a_short_past_is_remembered_whole():
    memory = HorizonMemory()
    assert recalled(memory, run(memory, [SURE] * 6)) == [0, 1, 2, 3, 4, 5, 6]


def test_horizons_reach_exponentially_far():
    memory = HorizonMemory()
    after = run(memory, [SURE] * 600)
    # the frame before (600, of the horizon of 4 too), places left over to the newest
    assert recalled(memory, after) == [0, 512, 576, 592, 598, 599, 600]
    assert memory.recall(after, 1)[0].slots == (-1, 5, 4, 3, 2, 1, 0)


def test_frames_without_the_object_are_not_remembered():
    memory = HorizonMemory()
    after = run(memory, [*[SURE] * 8, *[GONE] * 500])
    assert recalled(memory, after) == [0, 3, 4, 5, 6, 7, 8]
    assert memory.recall(after, 1)[0].offsets == (509, 1, 2, 3, 4, 5, 6)


@pytest.mark.parametrize(
    ("row", "sure"), [(UNSURE, False), (Row((0.35, 0.1, 0.1)), True), (Row(presence=0.5), False)]
)
def test_an_unsure_frame_is_remembered_for_a_frame(row, sure):
    memory = HorizonMemory(selector=BestScoreSelector)
    after = run(memory, [SURE, SURE, row])
    assert recalled(memory, after) == [0, 1, 2, 3]
    follow(memory, after, SURE)
    assert (3 in recalled(memory, after + 1)) == sure


@given(
    st.lists(st.sampled_from([SURE, UNSURE, GONE]), min_size=1, max_size=150),
    st.sampled_from([1, -1]),
)
@settings(deadline=None, max_examples=50)
def test_filtering_on_write_is_walking_back_through_everything(trace, direction):
    memory, sure = HorizonMemory(base=2), []
    anchor(memory, 0)
    for step, row in enumerate(trace, 1):
        follow(memory, step * direction, row, direction)
        if row is SURE:
            sure.append(step)
    last = len(trace)
    numbered = list(enumerate(sure, 1))
    far = [[step for n, step in numbered if n % 2**power == 0][-1:] for power in range(1, 5)]
    wanted = [[last] if trace[-1] is not GONE else [], sure[-1:], *far, *([s] for s in sure[::-1])]
    places = list(dict.fromkeys(step for group in wanted for step in group))[:6]
    expected = [0, *(step * direction for step in sorted(places))]
    assert recalled(memory, (last + 1) * direction, direction) == expected


def test_a_frame_whose_presence_fell_far_is_not_remembered_at_all():
    memory = HorizonMemory()
    after = run(memory, [SURE, SURE, Row(presence=2.0)])
    assert recalled(memory, after) == [0, 1, 2]
