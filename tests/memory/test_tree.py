"""SAM2Long's rules, one by one."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted import Row, anchor, contents, follow, recalled, remembered, run
from tiny import noise_frames, square_mask, tiny_model

from sam2track import Prompt, TrackingSession
from sam2track.memory import FifoMemory, TreeMemory, TreeSettings
from sam2track.types import Recall


def forks(memory: TreeMemory, index: int, *rows: Row) -> list[tuple[int, int]]:
    """Follow a frame; which (row, mask) live on."""
    choice = follow(memory, index, rows)[1]
    return list(zip(choice.parents.tolist(), choice.picks.tolist(), strict=True))


def test_the_best_three_of_all_live_on():
    memory = TreeMemory()
    anchor(memory, 0)
    assert forks(memory, 1, Row((0.5, 0.9, 0.7))) == [(0, 1), (0, 2), (0, 0)]
    # 0.9 * (0.5, 0.6, 0.4) = 0.45, 0.54, 0.36; 0.7 * (0.9, 0.1, 0.1); 0.5 * (0.95, 0.8, 0.1)
    rows = Row((0.5, 0.6, 0.4)), Row((0.9, 0.1, 0.1)), Row((0.95, 0.8, 0.1))
    assert forks(memory, 2, *rows) == [(1, 0), (0, 1), (2, 0)]


def test_scores_are_sums_of_logarithms():
    memory = TreeMemory()
    anchor(memory, 0)
    forks(memory, 1, Row((0.9, 0.6, 0.3)))
    scores = [path.score for path in memory.states[1]]
    assert scores == pytest.approx([0, math.log(0.6 / 0.9), math.log(0.3 / 0.9)])


def test_where_presence_is_unsure_hypotheses_differ():
    memory = TreeMemory()
    anchor(memory, 0)
    assert forks(memory, 1, Row((0.901, 0.899, 0.3), presence=1.9)) == [(0, 0), (0, 2)]
    rows = Row((0.8, 0.802, 0.3), presence=-1.0), Row((0.8, 0.2, 0.1), presence=1.0)
    assert forks(memory, 2, *rows) == [(0, 1), (0, 2), (1, 1)]
    rows = Row((0.8, 0.802, 0.79), presence=-1.0), *[Row((0.1, 0.1, 0.1), presence=-2.1)] * 2
    assert forks(memory, 3, *rows) == [(0, 1), (0, 0), (0, 2)]  # one row is sure of the absence


def test_a_hypothesis_remembers_its_own_frames():
    memory = TreeMemory(TreeSettings(pathways=2))
    anchor(memory, 0)
    forks(memory, 1, Row((0.9, 0.8, 0.1)))
    forks(memory, 2, Row((0.9, 0.1, 0.1)), Row((0.9, 0.1, 0.1)))
    recalls = memory.recall(3, 1)
    rows = [[int(frame.pointer[1]) for frame in recall.memories] for recall in recalls]
    assert rows == [[0, 0, 0], [0, 1, 1]]


@pytest.mark.parametrize("row", [Row((0.29, 0.1, 0.1)), Row(presence=-3.0)])
def test_bad_frames_are_not_remembered_but_the_frame_before_is(row):
    memory = TreeMemory(TreeSettings(pathways=1))
    after = run(memory, [Row(), Row((0.31, 0.1, 0.1)), *[row] * 40])
    assert recalled(memory, after) == [0, 1, 2, 42]


def test_keys_are_scaled_by_the_rank_of_presence():
    memory = TreeMemory(TreeSettings(pathways=1))
    memory.remember([remembered(0, presence=3.0)], anchor=True)
    for index, presence in enumerate((6.0, 1.0, 9.0, 2.0), 1):
        follow(memory, index, Row(presence=presence))
    recall = memory.recall(5, 1)[0]
    assert [frame.index for frame in recall.memories] == [0, 1, 2, 3, 4]
    assert recall.weights == pytest.approx((1.0, 1.025, 0.95, 1.05, 0.975))
    alone = TreeMemory()
    anchor(alone, 0)
    assert alone.recall(1, 1)[0].weights == (1.0,)


rows = st.builds(
    Row,
    scores=st.tuples(*[st.sampled_from([0.1, 0.35, 0.6, 0.9])] * 3),
    presence=st.sampled_from([-3.0, -0.5, 0.5, 5.0]),
)


@given(st.lists(rows, max_size=40), st.sets(st.integers(1, 39)), st.sampled_from([1, -1]))
@settings(deadline=None, max_examples=50)
def test_one_pathway_is_fifo(trace, corrected, direction):
    tree = TreeMemory(
        TreeSettings(pathways=1, min_score=-1, min_presence=-99, low_weight=1, high_weight=1)
    )
    fifo = FifoMemory()
    for step, row in enumerate([Row(), *trace]):
        index = 100 + step * direction
        assert contents(tree.recall(index, direction)) == contents(fifo.recall(index, direction))
        if step == 0 or step in corrected:
            anchor(tree, index)
            anchor(fifo, index)
            continue
        ours = follow(tree, index, row, direction)[1]
        theirs = follow(fifo, index, row, direction)[1]
        assert ours.picks.tolist() == theirs.picks.tolist()
        assert ours.present.tolist() == theirs.present.tolist()


@given(st.lists(st.tuples(rows, rows, rows), min_size=1, max_size=40))
@settings(deadline=None, max_examples=50)
def test_filtering_on_write_is_walking_back_through_everything(trace):
    """The way of every hypothesis, kept whole, and walked back."""
    memory = TreeMemory()
    anchor(memory, 0)
    ways: list[list[tuple[int, int, bool]]] = [[]]  # (frame, row, worth remembering)
    for index, given_rows in enumerate(trace, 1):
        recalls = memory.recall(index, 1)
        for recall, way in zip(recalls, ways, strict=True):
            walked = [(i, row) for i, row, good in way if good or i == index - 1][-6:]
            found = [(int(m.pointer[0]), int(m.pointer[1])) for m in recall.memories[1:]]
            assert found == walked
        sightings = given_rows[: len(recalls)]
        choice = follow(memory, index, sightings)[1]
        pairs = zip(choice.parents.tolist(), choice.picks.tolist(), strict=True)
        ways = [
            [*ways[parent], (index, row, worth(sightings[parent], pick))]
            for row, (parent, pick) in enumerate(pairs)
        ]


def worth(row: Row, pick: int) -> bool:
    return row.scores[pick] > 0.3 and row.presence > 0


def test_a_lag_must_not_be_negative():
    with pytest.raises(ValueError, match="lag -1"):
        TreeMemory(TreeSettings(lag=-1))


@pytest.fixture(scope="module")
def model():
    return tiny_model()


def test_weights_of_one_change_nothing_and_others_scale_keys(model):
    session = TrackingSession(model)
    frames = noise_frames(4)
    session.prompt(1, Prompt.from_mask(square_mask()), frames[0])
    for frame in frames[:3]:
        session.step(frame)
    plain = session.objects[1].memory.recall(3, 1)[0]
    with torch.inference_mode():
        features = session.encoder.features(frames[3])

        def attend(*weights: float) -> torch.Tensor:
            fields = (plain.memories, plain.slots, plain.pointers, plain.offsets, plain.span)
            return model.attend(features, [Recall(*fields, weights or None)])

        as_it_is = attend()
        torch.testing.assert_close(attend(1.0, 1.0, 1.0), as_it_is)
        assert (attend(1.5, 1.0, 0.5) - as_it_is).abs().max() > 1e-3
        # a key of zero is as good as any other: what is left of the memories is their mean
        assert (attend(0.0, 0.0, 0.0) - as_it_is).abs().max() > 1e-3
