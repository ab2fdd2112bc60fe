"""What every policy promises."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from composing import compose_config
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted import (
    EMPTY,
    HERE,
    Row,
    anchor,
    as_seen_from,
    candidates,
    contents,
    follow,
    remembered,
    square,
)
from tiny import noise_frames, square_mask, tiny_model

from sam2track import Frame, Prompt, TrackingSession
from sam2track.memory import Archive, FifoMemory, FrameCandidates, HostCandidates
from sam2track.runners import CONFIGS
from sam2track.runners.tracker import make_memory
from sam2track.track.snapshots import load_session, save_session
from sam2track.types import FrameResult, Recall

NAMES = sorted({path.stem for path in (CONFIGS / "memory").glob("*.yaml")} - {"auto"})
POLICIES = {
    name: make_memory(compose_config("track", ["video=x", f"memory={name}"])) for name in NAMES
}
every_policy = pytest.mark.parametrize("make", POLICIES.values(), ids=NAMES)


def draw_row(rng: np.random.Generator) -> Row:
    shapes = [EMPTY, HERE, HERE, square(6, 4), square(20, 20), HERE | square(22, 4)]
    return Row(
        scores=tuple(rng.choice([0.1, 0.35, 0.6, 0.9, 0.95], 3)),
        presence=float(rng.choice([-3.0, -0.5, 0.5, 5.0])),
        masks=[shapes[pick] for pick in rng.integers(0, len(shapes), 3)],
    )


ROWS = [draw_row(np.random.default_rng(seed)) for seed in range(40)]
traces = st.lists(st.integers(0, len(ROWS) - 3), max_size=40)  # each row, and two for hypotheses


@every_policy
@given(traces, st.sets(st.integers(1, 39), max_size=4))
@settings(max_examples=30, deadline=None)
def test_reverse_is_forward_on_the_mirrored_clip(make, trace, corrected):
    ways = []
    for start, direction in ((0, 1), (1000, -1)):
        memory, seen = make(span=16, archive=None), []
        anchor(memory, start)
        for step, first in enumerate(trace, 1):
            index = start + step * direction
            recalls = memory.recall(index, direction)
            seen.append(as_seen_from(recalls, start, direction))
            if step in corrected:
                anchor(memory, index)
            else:
                follow(memory, index, ROWS[first:][: len(recalls)], direction)
        ways.append(seen)
    assert ways[0] == ways[1]


@every_policy
@given(traces)
@settings(max_examples=20, deadline=None)
def test_a_stream_recalls_what_an_archive_does(make, trace):
    """Evicting loses nothing; and a frame can be asked about again, to be corrected."""
    stream, archived = make(span=16, archive=None), make(span=16, archive=Archive())
    for memory in (stream, archived):
        anchor(memory, 5)
    for index, first in enumerate(trace, 6):
        recalls = contents(stream.recall(index, 1))
        assert contents(archived.recall(index, 1)) == recalls
        for memory in (stream, archived):
            follow(memory, index, ROWS[first:][: len(recalls)])
        assert contents(stream.recall(index, 1)) == recalls
        assert contents(archived.recall(index, 1)) == recalls


@every_policy
@given(
    st.lists(st.integers(0, len(ROWS) - 3), min_size=20, max_size=30), st.sets(st.integers(6, 30))
)
@settings(max_examples=10, deadline=None)
def test_a_frame_followed_again_is_as_if_once(make, trace, again):
    """Where one object is corrected, the others are followed onto the frame a second time."""
    once, twice = make(span=16, archive=None), make(span=16, archive=None)
    for memory in (once, twice):
        anchor(memory, 0)
    for index, first in enumerate(trace, 1):
        for memory in (once, twice, twice) if index in again else (once, twice):
            rows = ROWS[first:][: len(memory.recall(index, 1))]
            choice = follow(memory, index, rows)[1]
            if memory is once:
                expected = choice.picks.tolist()
            assert choice.picks.tolist() == expected
        assert contents(once.recall(index + 1, 1)) == contents(twice.recall(index + 1, 1))


@every_policy
def test_an_archive_goes_back_to_any_frame(make):
    rng = np.random.default_rng(0)
    trace = [Row(tuple(rng.uniform(0.2, 1, 3)), float(rng.normal(2, 2))) for _ in range(60)]
    memory, before = make(span=16, archive=Archive()), {}
    anchor(memory, 0)
    for index, row in enumerate(trace, 1):
        before[index] = contents(memory.recall(index, 1))
        follow(memory, index, row)
    for index in (60, 41, 12, 1):
        assert contents(memory.recall(index, 1)) == before[index]
    anchor(memory, 30)
    assert 30 in [frame.index for frame in memory.recall(31, 1)[0].memories]
    memory.forget(30)
    assert contents(memory.recall(30, 1)) == before[30]


@every_policy
def test_nothing_grows_over_ten_thousand_frames(make):
    """Bytes of all tensors that can be reached from the memory, and the number of all objects."""
    memory, sizes = make(span=16, archive=None), []
    anchor(memory, 0)
    offered = [
        FrameCandidates(candidates(ROWS[first : first + 3])) for first in range(len(ROWS) - 2)
    ]
    for index in range(1, 10_001):
        seen = offered[index * 7 % len(offered)].rows(0, len(memory.recall(index, 1)))
        count = len(memory.choose(seen, index, 1).parents)
        memory.remember([remembered(index, row) for row in range(count)], anchor=False)
        if index % 1000 == 0:
            sizes.append(reachable(memory))
    tensors, things = np.array(sizes).T
    assert max(tensors[2:]) <= 1.2 * max(tensors[:2])
    assert max(things[2:]) <= 1.2 * max(things[:2])


def reachable(root: object) -> tuple[int, int]:
    """What an object leads to: bytes of tensors, and how many objects in all."""
    seen: dict[int, object] = {}
    todo, total = [root], 0
    while todo:
        thing = todo.pop()
        if id(thing) in seen or isinstance(thing, (type, FrameCandidates, HostCandidates)):
            continue
        seen[id(thing)] = thing
        if isinstance(thing, torch.Tensor):
            total += thing.nbytes
        elif isinstance(thing, (list, tuple, set)):
            todo.extend(thing)
        elif isinstance(thing, dict):
            todo.extend((*thing.keys(), *thing.values()))
        elif not isinstance(thing, (int, float, np.ndarray)):
            names = [*getattr(thing, "__dict__", ()), *getattr(type(thing), "__slots__", ())]
            todo.extend(getattr(thing, name, None) for name in names)
    return total, len(seen)


@pytest.fixture(scope="module")
def model():
    return tiny_model(presence=1.5)


FRAMES = noise_frames(14)
PROMPTS = {
    1: (0, Prompt.click(20, 20)),
    2: (0, Prompt.from_mask(square_mask())),
    7: (4, Prompt.from_box([5, 5, 30, 40])),
}


def track(model, make, direction: int, only: int | None = None) -> list[FrameResult]:
    """Three objects: 7 comes late, 1 is corrected, 2 is removed."""
    session = TrackingSession(model, memory=make)
    results = []
    for step, frame in enumerate(FRAMES[::direction]):
        for object_id, (late, prompt) in PROMPTS.items():
            if step == late and only in (None, object_id):
                session.prompt(object_id, prompt, frame)
        if step == 8 and only in (None, 1):
            session.step(frame, direction=direction)
            session.prompt(1, Prompt.click(40, 30, 0), frame)
        if step == 11 and only in (None, 2):
            session.remove(2)
        results.append(session.step(frame, direction=direction))
        settled = [result.index for result in session.settled()]
        assert settled == ([frame.index] if session.lag == 0 else [])
    return results


@every_policy
@pytest.mark.parametrize("direction", [1, -1])
def test_objects_together_are_as_alone(model, make, direction):
    together = track(model, make, direction)
    present = [(1, 2)] * 4 + [(1, 2, 7)] * 7 + [(1, 7)] * 3
    assert [result.object_ids for result in together] == present
    for object_id in PROMPTS:
        alone = track(model, make, direction, only=object_id)
        for ours, single in zip(together, alone, strict=True):
            if object_id in single.object_ids:
                row = ours.logits[ours.object_ids.index(object_id)]
                torch.testing.assert_close(row, single.logits[0], rtol=1e-3, atol=1e-3)


@every_policy
def test_reverse_in_a_session(model, make):
    backward = track(model, make, -1)
    mirrored = [Frame(index, frame.image) for index, frame in enumerate(FRAMES[::-1])]
    session = TrackingSession(model, memory=make)
    for object_id in (1, 2):
        session.prompt(object_id, PROMPTS[object_id][1], mirrored[0])
    for step, frame in enumerate(mirrored[:4]):
        torch.testing.assert_close(session.step(frame).logits, backward[step].logits)


@every_policy
def test_a_session_goes_on_from_its_snapshot(model, make):
    session, again = TrackingSession(model, memory=make), TrackingSession(model, memory=make)
    session.prompt(1, PROMPTS[1][1], FRAMES[0])
    for frame in FRAMES[:6]:
        session.step(frame)
    load_session(again, save_session(session))
    for frame in FRAMES[6:]:
        assert torch.equal(session.step(frame).logits, again.step(frame).logits)


class Uneven(FifoMemory):
    """A second hypothesis knows the prompted frame alone."""

    def recall(self, index: int, direction: int) -> list[Recall]:
        full = super().recall(index, direction)[0]
        return [full, replace(full, memories=full.memories[:1], slots=full.slots[:1])]


def test_rows_of_one_object_need_not_recall_alike(model):
    makers = iter([Uneven, FifoMemory, POLICIES["tree"]])  # and policies may differ, too
    mixed = TrackingSession(model, memory=lambda **known: next(makers)(**known))
    alike = TrackingSession(model)
    for object_id, (_, prompt) in PROMPTS.items():
        mixed.prompt(object_id, prompt, FRAMES[0])
        alike.prompt(object_id, prompt, FRAMES[0])
    for frame in FRAMES[:8]:
        ours, theirs = mixed.step(frame).logits[:2], alike.step(frame).logits[:2]
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-3)


@every_policy
@pytest.mark.parametrize("precision", [torch.bfloat16, torch.float16], ids=["bf16", "fp16"])
def test_masks_are_about_the_same_in_half_precision(make, precision):
    masks = []
    for dtype in (torch.float32, precision):
        model = tiny_model()
        model.lower(dtype)
        session = TrackingSession(model, memory=make)
        frames = noise_frames(6)
        session.prompt(1, Prompt(mask=square_mask()), frames[0])
        masks.append(np.stack([session.step(frame).mask(1) for frame in frames]))
    exact, rough = masks
    assert exact.any()
    assert not exact.all()
    assert (exact == rough).mean() > 0.9
