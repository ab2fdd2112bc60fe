"""DAM4SAM's rules, one by one."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted import EMPTY, HERE, Row, anchor, follow, recalled, run, square

from sam2track.memory import DistractorMemory, DistractorSettings, MotionSelector

CALM = Row()  # the alternatives say the same: nothing to promote
OTHER = HERE | square(22, 4)
SEEN = Row(masks=(HERE, OTHER, HERE))  # a distractor
GONE = Row(presence=-5.0)


def promoted(memory: DistractorMemory) -> list[int]:
    return memory.promoted.indices


def test_recent_memory_is_the_frame_before_and_every_fifth():
    memory = DistractorMemory()
    after = run(memory, [CALM] * 32)
    assert recalled(memory, after) == [0, 10, 15, 20, 25, 30, 32]
    assert memory.recall(after, 1)[0].slots == (-1, 5, 4, 3, 2, 1, 0)


def test_fifths_are_counted_from_the_first_prompt():
    memory = DistractorMemory()
    assert recalled(memory, run(memory, [CALM] * 13, start=7)) == [7, 12, 17, 20]


def test_no_frame_whose_mask_was_empty():
    memory = DistractorMemory()
    after = run(memory, [*[CALM] * 23, *[GONE] * 300, CALM, GONE])
    assert recalled(memory, after) == [0, 5, 10, 15, 20]
    assert memory.recall(after, 1)[0].slots == (-1, 3, 2, 1, 0)


def test_a_frame_is_promoted_where_a_distractor_is_seen():
    memory = DistractorMemory()
    after = run(memory, [CALM, CALM, SEEN, CALM])
    assert promoted(memory) == [3]
    recall = memory.recall(after, 1)[0]
    assert [frame.index for frame in recall.memories] == [0, 3, 4]
    assert recall.slots == (-1, -1, 0)  # an anchor carries no time
    assert recall.offsets == (5, 2, 1, 3, 4)


@pytest.mark.parametrize(
    ("row", "promotes"),
    [
        (Row((0.81, 0.1, 0.1), masks=SEEN.masks), True),
        (Row((0.79, 0.1, 0.1), masks=SEEN.masks), False),  # not sure
        (Row((0.9, 0.1, 0.1), -1.0, SEEN.masks), False),  # not there
        (Row(masks=(square(4, 4, 9), OTHER, HERE)), True),  # 9/8 of the usual area
        (Row(masks=(square(4, 4, 10), OTHER, HERE)), False),  # 10/8
        (Row(masks=(square(4, 4, 6), OTHER, HERE)), False),  # 6/8
        (Row(masks=(HERE, EMPTY, EMPTY)), False),
        (Row(masks=(HERE, square(4, 4, 11), HERE)), False),  # joined box: IoU 8/11 > 0.7
        (Row(masks=(HERE, square(4, 4, 12), HERE)), True),  # 8/12
        (Row(masks=(HERE, HERE, square(22, 22, 2, 2))), True),  # the alternative leaves it out
        # the largest component is near, the far one is a speck
        (Row(masks=(HERE, square(4, 4, 10) | square(28, 28, 1, 1), HERE)), False),
    ],
)
def test_what_promotes(row, promotes):
    memory = DistractorMemory()
    run(memory, [*[CALM] * 12, row])
    assert promoted(memory) == ([13] if promotes else [])


def test_more_than_five_frames_between_promotions():
    memory = DistractorMemory()
    run(memory, [CALM, *[SEEN] * 14])
    assert promoted(memory) == [2, 8, 14]


def test_areas_are_compared_with_the_last_ten_that_were_not_empty():
    memory = DistractorMemory()
    small, large = Row(masks=(square(4, 4, 4),) * 3), CALM
    run(memory, [*[small] * 50, *[large] * 6, *[GONE] * 40, SEEN])
    assert promoted(memory) == [97]


def test_at_most_four_anchors_the_first_and_the_nearest():
    memory = DistractorMemory()
    after = run(memory, [CALM, *[SEEN] * 44])  # promoted: 2, 8, 14, 20, 26, 32, 38, 44
    assert recalled(memory, after) == [0, 32, 38, 44, 35, 40, 45]


def test_prompted_frames_all_stay():
    memory = DistractorMemory()
    for index in range(0, 70, 10):
        run(memory, [CALM, SEEN, *[CALM] * 7], start=index)
    assert recalled(memory, 70) == [0, 10, 20, 30, 40, 50, 60, 69]
    memory.forget(60)
    assert 60 not in recalled(memory, 70)


def test_another_selector():
    memory = DistractorMemory(DistractorSettings(selector=MotionSelector))
    after = run(memory, [CALM] * 20)
    row = Row((0.80, 0.85, 0.1), masks=(HERE, square(22, 22), EMPTY))
    assert follow(memory, after, row)[1].picks.tolist() == [0]


@given(
    st.lists(st.sampled_from([CALM, SEEN, GONE]), min_size=1, max_size=120),
    st.sampled_from([1, -1]),
)
@settings(deadline=None, max_examples=50)
def test_filtering_on_write_is_walking_back_through_everything(trace, direction):
    memory, drm, seen = DistractorMemory(), [], []
    anchor(memory, 50)
    for step, row in enumerate(trace, 1):
        follow(memory, 50 + step * direction, row, direction)
        if row is SEEN and seen and (not drm or step - drm[-1] > 5):
            drm.append(step)
        if row is not GONE:
            seen.append(step)
    near, last = drm[-3:], len(trace)
    before = [last] if last in seen and last not in near else []
    fifths = [step for step in reversed(seen) if step % 5 == 0 and step not in (last, *near)]
    recent = [*before, *fifths[: 6 - len(near) - len(before)]]
    expected = [50 + step * direction for step in (0, *near, *reversed(recent))]
    assert recalled(memory, 50 + (last + 1) * direction, direction) == expected
