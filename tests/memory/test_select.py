"""The rule of SAM 3's tracker."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted import Row, recalled, run

from sam2track.memory import SelectMemory

SURE = Row()


@pytest.mark.parametrize(
    ("score", "presence", "kept"),
    [
        (0.9, 5.0, True),
        (0.9, 0.03, True),  # (2 sigmoid(0.03) - 1) * 0.9 = 0.0135
        (0.9, 0.02, False),  # 0.009
        (0.5, 0.03, False),  # 0.0075
        (0.9, -5.0, False),
        (0.0, 5.0, False),
    ],
)
def test_effective_score(score, presence, kept):
    memory = SelectMemory()
    row = Row((score, 0.0, 0.0), presence)
    after = run(memory, [SURE, SURE, row, SURE])
    assert recalled(memory, after) == ([0, 1, 2, 3, 4] if kept else [0, 1, 2, 4])


def test_the_frame_before_is_always_there():
    memory = SelectMemory()
    after = run(memory, [SURE, *[Row(presence=-9.0)] * 30])
    assert recalled(memory, after) == [0, 1, 31]


@given(
    st.lists(st.tuples(st.floats(0, 1), st.floats(-3, 3)), min_size=1, max_size=60),
    st.sampled_from([1, -1]),
)
@settings(deadline=None, max_examples=50)
def test_filtering_on_write_is_walking_back_through_everything(trace, direction):
    memory, kept = SelectMemory(), []
    for step, (score, presence) in enumerate(trace, 1):
        effective = (2 / (1 + math.exp(-presence)) - 1) * score if presence > 0 else 0
        if abs(effective - 0.01) < 1e-6:  # decided by rounding
            return
        kept.append((step * direction, effective > 0.01))
    after = run(memory, [Row((s, 0.0, 0.0), p) for s, p in trace], direction)
    walked = [index for index, good in kept if good or index == after - direction][-6:]
    assert recalled(memory, after, direction)[1:] == walked
