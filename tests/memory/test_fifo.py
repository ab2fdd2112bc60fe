"""What SAM 2's policy recalls, by rule, on scripted frames."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sam2track.memory import Archive, FifoMemory
from sam2track.types import MemoryFrame


def remembered(index: int) -> MemoryFrame:
    """A memory whose numbers tell its frame."""
    return MemoryFrame(
        index,
        torch.full((4, 2), float(index), dtype=torch.bfloat16),
        torch.full((8,), float(index)),
        torch.tensor(0.5),
        torch.tensor(1.0),
    )


def fill(memory: FifoMemory, frames, anchors=()) -> FifoMemory:
    for index in frames:
        memory.remember([remembered(index)], anchor=index in anchors)
    return memory


def test_anchor_and_the_last_six():
    recall = fill(FifoMemory(), range(20), anchors={0}).recall(20, 1)[0]
    assert [m.index for m in recall.memories] == [0, 14, 15, 16, 17, 18, 19]
    assert recall.slots == (-1, 5, 4, 3, 2, 1, 0)


def test_pointers_of_the_anchor_and_of_fifteen_frames():
    recall = fill(FifoMemory(), range(30), anchors={0}).recall(30, 1)[0]
    assert recall.offsets == (30, *range(1, 16))
    assert [int(p[0]) for p in recall.pointers] == [0, *range(29, 14, -1)]


def test_an_anchor_ahead_gives_its_memory_and_not_its_pointer():
    recall = fill(FifoMemory(), (0, 5, 9), anchors={0, 9}).recall(6, 1)[0]
    assert [m.index for m in recall.memories] == [0, 9, 5]
    assert [int(p[0]) for p in recall.pointers] == [0, 5]


def test_back_in_time():
    recall = fill(FifoMemory(), range(20, 10, -1), anchors={20}).recall(10, -1)[0]
    assert [m.index for m in recall.memories] == [20, 16, 15, 14, 13, 12, 11]
    assert recall.offsets == (10, *range(1, 10))


def test_a_short_video_measures_time_by_its_length():
    recall = fill(FifoMemory(span=5), range(5), anchors={0}).recall(5, 1)[0]
    assert recall.span == 5
    assert recall.offsets == (5, 1, 2, 3, 4)


def test_a_corrected_frame_is_an_anchor_alone():
    memory = fill(FifoMemory(), range(8), anchors={0})
    memory.remember([remembered(6)], anchor=True)
    recall = memory.recall(8, 1)[0]
    assert [m.index for m in recall.memories] == [0, 6, 2, 3, 4, 5, 7]
    memory.forget(6)
    assert 6 not in [m.index for m in memory.recall(8, 1)[0].memories]


@given(st.integers(16, 60), st.sampled_from([1, -1]), st.data())
def test_evicting_is_looking_back_through_everything(length, direction, data):
    """A ring recalls what the whole history, searched backwards, would."""
    order = list(range(length))[::direction]
    anchors = {order[0], *data.draw(st.lists(st.sampled_from(order), max_size=3))}
    ring, history = FifoMemory(), FifoMemory(archive=Archive())
    for step, index in enumerate(order):
        if step:
            a, b = ring.recall(index, direction)[0], history.recall(index, direction)[0]
            assert [m.index for m in a.memories] == [m.index for m in b.memories]
            assert (a.slots, a.offsets) == (b.slots, b.offsets)
        for memory in (ring, history):
            memory.remember([remembered(index)], anchor=index in anchors)


def test_memory_is_flat_over_ten_thousand_frames():
    memory = fill(FifoMemory(), range(10_000), anchors={0})
    assert len(memory.bank.recent) <= 7
    assert len(memory.bank.pointers) <= 17


def test_an_archive_brings_every_frame_back():
    memory = fill(FifoMemory(archive=Archive()), range(50), anchors={0})
    recall = memory.recall(20, 1)[0]
    assert [m.index for m in recall.memories] == [0, 14, 15, 16, 17, 18, 19]
    for m in recall.memories:
        assert m.features.dtype == torch.bfloat16
        assert (m.features == m.index).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.int64, torch.bool])
def test_archive_round_trip(dtype):
    archive = Archive()
    tensor = (torch.rand(3, 5) * 9).to(dtype)
    scalar = torch.tensor(2.5)
    record = archive.save(tensor, scalar)
    back, one = record.load()
    assert torch.equal(back, tensor)
    assert torch.equal(one, scalar)


def test_archive_takes_from_several_threads():
    archive = Archive()
    groups = [torch.full((100,), float(number)) for number in range(200)]
    with ThreadPoolExecutor(8) as pool:
        records = list(pool.map(archive.save, groups))
    assert len({record.offset for record in records}) == len(groups)
    for record, group in zip(records, groups, strict=True):
        assert torch.equal(record.load()[0], group)


def test_archive_uses_freed_room_again():
    archive = Archive()
    first = archive.save(torch.zeros(100))
    end = archive.end
    del first
    archive.save(torch.ones(100))
    assert archive.end == end
