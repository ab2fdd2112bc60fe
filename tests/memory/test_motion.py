"""SAMURAI's rules, one by one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted import EMPTY, HERE, Row, anchor, contents, follow, recalled, run, square

from sam2track.masks.boxes import box_iou
from sam2track.memory import Archive, FifoMemory, MotionMemory, MotionSelector
from sam2track.memory.kalman import BoxFilter

SURE = Row()
POOR = Row(scores=(0.4, 0.1, 0.1))  # stable, but not worth remembering
BAD = Row(scores=(0.2, 0.1, 0.1))
AWAY = square(22, 22)
TEMPTED = Row((0.80, 0.85, 0.1), masks=(HERE, AWAY, EMPTY))  # the better score lies elsewhere


def picked(memory: MotionMemory, index: int, row: Row) -> int:
    return int(follow(memory, index, row)[1].picks[0])


def test_filter_learns_a_constant_velocity():
    boxes = [np.array([3.0 * t, 2.0 * t, 3.0 * t + 8, 2.0 * t + 10]) for t in range(30)]
    follower = BoxFilter(boxes[0], place_noise=1 / 20, rate_noise=1 / 160)
    for box in boxes[1:]:
        follower.predict()
        follower.update(box)
    for later in range(1, 4):
        follower.predict()
        expected = boxes[-1] + later * np.array([3, 2, 3, 2])
        assert np.abs(follower.box - expected).max() < 0.5


def test_filter_does_not_depend_on_the_unit_of_length():
    tracks = [np.array([t**1.5, t, t**1.5 + 8, t + 10 + t / 9]) for t in range(12)]
    ends = []
    for scale in (1.0, 7.0):
        follower = BoxFilter(scale * tracks[0], place_noise=0.05, rate_noise=0.01)
        for box in tracks[1:]:
            follower.predict()
            follower.update(scale * box)
        ends.append(follower.box / scale)
    np.testing.assert_allclose(ends[0], ends[1])


@pytest.mark.parametrize(
    ("other", "iou"),
    [((0, 0, 4, 4), 1.0), ((2, 0, 6, 4), 1 / 3), ((4, 0, 8, 4), 0.0), ((9, 9, 9, 9), 0.0)],
)
def test_box_iou(other, iou):
    assert box_iou(np.array([0, 0, 4, 4]), np.array(other)) == pytest.approx(iou)


def test_motion_counts_once_fifteen_frames_in_a_row_were_stable():
    early, late = MotionMemory(), MotionMemory()
    assert picked(early, run(early, [SURE] * 14), TEMPTED) == 1
    assert picked(late, run(late, [SURE] * 15), TEMPTED) == 0


def test_motion_is_weighed_against_predicted_iou():
    score = 0.75 * 0.85 - 0.25  # 0.75 * this + 0.25 * IoU 1 is a little less or more than AWAY's
    for offset, pick in ((-0.02, 1), (0.02, 0)):
        memory = MotionMemory()
        row = Row((score / 0.75 + offset, 0.85, 0.1), masks=TEMPTED.masks)
        assert picked(memory, run(memory, [SURE] * 40), row) == pick


def test_an_unstable_frame_resets_the_count_and_leaves_the_filter_alone():
    memory = MotionMemory()
    after = run(memory, [*[SURE] * 15, Row((0.2, 0.1, 0.1), masks=(AWAY,) * 3), *[SURE] * 14])
    before = memory.mask_selector.filter.box
    assert box_iou(before, np.array([4, 4, 12, 12])) > 0.95  # it never saw AWAY
    assert picked(memory, after, TEMPTED) == 1
    assert memory.mask_selector.stable == 15


def test_an_empty_mask_is_not_stable():
    memory = MotionMemory()
    after = run(memory, [*[SURE] * 20, Row(presence=-3.0)])
    assert memory.mask_selector.stable == 0
    assert picked(memory, after, TEMPTED) == 1


def test_the_object_is_present_above_minus_one():
    memory = MotionMemory()
    anchor(memory, 0)
    present = [
        bool(follow(memory, index, Row(presence=presence))[1].present[0])
        for index, presence in enumerate((-0.9, -1.1, 1.0), 1)
    ]
    assert present == [True, False, True]


@pytest.mark.parametrize("row", [POOR, BAD, Row(presence=-0.5)])
def test_only_trusted_frames_are_remembered_and_the_frame_before(row):
    memory = MotionMemory()
    after = run(memory, [SURE, SURE, row, row, row])
    assert recalled(memory, after) == [0, 1, 2, 5]
    assert memory.recall(after, 1)[0].slots == (-1, 2, 1, 0)


def test_a_frame_against_the_motion_is_not_remembered():
    memory = MotionMemory()
    elsewhere = Row(masks=(AWAY, AWAY, AWAY))
    after = run(memory, [*[SURE] * 15, elsewhere, SURE])
    assert 16 not in recalled(memory, after)


def test_the_last_six_admitted_however_long_ago():
    memory = MotionMemory()
    after = run(memory, [*[SURE] * 8, *[BAD] * 500])
    assert recalled(memory, after) == [0, 4, 5, 6, 7, 8, 508]
    recall = memory.recall(after, 1)[0]
    assert recall.slots == (-1, 5, 4, 3, 2, 1, 0)
    assert recall.offsets == (509, *range(1, 10))  # counted: 508, 8, 7, ... 1


def test_the_filter_begins_anew_after_a_correction():
    memory = MotionMemory()
    after = run(memory, [SURE] * 20)
    anchor(memory, after)
    assert picked(memory, after + 1, TEMPTED) == 1


def test_a_frame_followed_again_does_not_count_twice():
    memory, again = MotionMemory(), MotionMemory()
    after = run(memory, [SURE] * 15)
    assert run(again, [SURE] * 14) == after - 1
    follow(again, after - 1, SURE)
    follow(again, after - 1, SURE)
    assert again.mask_selector.stable == memory.mask_selector.stable == 15
    np.testing.assert_array_equal(again.mask_selector.filter.box, memory.mask_selector.filter.box)
    assert picked(again, after, TEMPTED) == 0


rows = st.builds(
    Row,
    scores=st.tuples(*[st.sampled_from([0.1, 0.35, 0.6, 0.9])] * 3),
    presence=st.sampled_from([-2.0, -0.5, 0.5, 5.0]),
    masks=st.tuples(*[st.sampled_from([EMPTY, HERE, AWAY, square(6, 4)])] * 3),
)


@given(st.lists(rows, max_size=40), st.sets(st.integers(1, 39)), st.sampled_from([1, -1]))
@settings(deadline=None, max_examples=50)
def test_open_thresholds_are_fifo(trace, corrected, direction):
    ours = MotionMemory(
        selector=lambda: MotionSelector(weight=0.0, absent_below=0.0),
        min_score=-1.0,
        min_presence=-99.0,
        min_motion=-1.0,
    )
    fifo = FifoMemory()
    for step, row in enumerate([SURE, *trace]):
        index = 100 + step * direction
        assert contents(ours.recall(index, direction)) == contents(fifo.recall(index, direction))
        if step == 0 or step in corrected:
            anchor(ours, index)
            anchor(fifo, index)
            continue
        for memory in (ours, fifo):
            _, choice = follow(memory, index, row, direction)
            assert choice.picks.tolist() == [np.argmax(row.scores)]
            assert choice.present.tolist() == [row.presence > 0]


@given(st.lists(rows, min_size=1, max_size=60), st.sampled_from([1, -1]))
@settings(deadline=None, max_examples=50)
def test_filtering_on_write_is_walking_back_through_everything(trace, direction):
    memory, everything = MotionMemory(), MotionMemory(archive=Archive())
    trusted: dict[int, bool] = {}
    for m in (memory, everything):
        anchor(m, 0)
    for step, row in enumerate(trace, 1):
        index = step * direction
        for m in (memory, everything):
            follow(m, index, row, direction)
        chosen = memory.selection
        trusted[index] = (
            chosen.score > 0.5
            and chosen.presence > 0
            and (chosen.motion is None or chosen.motion > 0)
        )
        after = index + direction
        found = recalled(memory, after, direction)[1:]
        walked = [i for i in sorted(trusted, key=abs) if trusted[i] or i == index][-6:]
        assert found == walked
        assert contents(memory.recall(after, direction)) == contents(
            everything.recall(after, direction)
        )
