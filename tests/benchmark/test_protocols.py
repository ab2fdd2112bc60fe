"""What a tracker is told, and when: driven with trackers whose mistakes are known."""

from __future__ import annotations

import numpy as np

from sam2track import Frame
from sam2track.benchmark.protocols import interactive_offline, interactive_online, semi_supervised
from sam2track.benchmark.trackers import CopySession, FlowSession

SIZE, LENGTH = (40, 60), 9


def square(x, y=10, side=12):
    mask = np.zeros(SIZE, bool)
    mask[y : y + side, x : x + side] = True
    return mask


class Clip:
    """Two squares that move right; 2 comes at frame 3. Every third frame is annotated."""

    name, attributes, annotated = "clip", (), (0, 3, 6)

    def __len__(self):
        return LENGTH

    def frame(self, index):
        image = np.full((*SIZE, 3), 60, np.uint8)
        rng = np.random.default_rng(0)
        image[10:22, 2 * index : 2 * index + 12] = rng.integers(150, 250, (12, 12, 3))
        return Frame(index, image)

    def masks(self, index):
        both = {1: square(2 * index), 2: square(2 * index, 26)}
        return both if index >= 3 else {1: both[1]}

    def starts(self):
        return {0: {1: self.masks(0)[1]}, 3: {2: self.masks(3)[2]}}


class Guesser(CopySession):
    """Right on frames that were clicked, and on those after them until it has walked too far."""

    def __init__(self, log, good_for):
        super().__init__()
        self.log, self.good_for = log, good_for
        self.clicks = {}

    def prompt(self, object_id, prompt, frame):
        self.log.append((object_id, frame.index, prompt.labels.tolist()))
        times = self.clicks.setdefault((object_id, frame.index), 0) + 1
        self.clicks[object_id, frame.index] = times
        # The first click shows half of the object, the second all of it.
        truth = Clip().masks(frame.index)[object_id]
        if times > 1:
            return truth
        half = truth.copy()
        half[: np.flatnonzero(truth.any(1))[6]] = False
        return half

    def advance(self, frame, *, direction=1):
        self.soft = {}
        for object_id in sorted({object_id for object_id, _ in self.clicks}):
            behind = [i for k, i in self.clicks if k == object_id and i <= frame.index]
            right = bool(behind) and frame.index - max(behind) < self.good_for
            truth = Clip().masks(frame.index).get(object_id, np.zeros(SIZE))
            self.soft[object_id] = (truth * right).astype(np.float32)
        return super().advance(frame)


def test_semi_supervised_prompts_each_object_once_where_it_appears():
    prompts = []

    class Listener(CopySession):
        def prompt(self, object_id, prompt, frame):
            prompts.append((object_id, frame.index, prompt.box is not None))
            return super().prompt(object_id, prompt, frame)

    clip = Clip()
    start = lambda *, length, archive=False: Listener()  # noqa: E731
    found = list(semi_supervised(start, clip, clip.starts(), prompt="box"))
    assert prompts == [(1, 0, True), (2, 3, True)]
    assert [tracked.result.index for tracked in found] == list(range(LENGTH))
    assert [tracked.result.object_ids for tracked in found] == [(1,)] * 3 + [(1, 2)] * 6
    np.testing.assert_array_equal(found[8].result.mask(1), clip.masks(0)[1])


def test_offline_annotates_the_worst_frame_of_every_object():
    log, clip = [], Clip()
    session = Guesser(log, good_for=3)
    start = lambda *, length, archive: session  # noqa: E731
    found = list(interactive_offline(start, clip, clip.starts(), rounds=3))
    assert [tracked.round for tracked in found] == [0] * 9 + [1] * 9 + [2] * 9
    # Two clicks make it right, so the third is not given. Object 1 is then lost from frame 3 on:
    # 3 and 6 are equally bad, the first is taken, and in the round after it 6.
    assert [entry[:2] for entry in log] == [
        (1, 0), (1, 0), (2, 3), (2, 3),  # where they appear
        (1, 3), (1, 3), (2, 6), (2, 6),
        (1, 6), (1, 6),
    ]  # fmt: skip
    assert all(labels == [1] for *_, labels in log)


def test_online_steps_in_where_an_object_is_lost():
    clip = Clip()
    for rounds, expected in ((1, []), (2, [(1, 3), (2, 6)]), (3, [(1, 3), (2, 6), (1, 6)])):
        log = []
        start = lambda *, length, archive=False: Guesser(log, good_for=3)  # noqa: B023, E731
        found = list(interactive_online(start, clip, clip.starts(), rounds=rounds))
        last = log[-2 * (2 + len(expected)) :]
        asked = [entry[:2] for entry in last[::2]]
        assert sorted(asked) == sorted([(1, 0), (2, 3), *expected])
        # The frame that was clicked is right at once.
        final = {t.result.index: t.result for t in found if t.round == rounds - 1}
        assert final[3].mask(1).any() == (rounds > 1)


def test_flow_follows_what_moves_and_copy_does_not():
    clip, found = Clip(), {}
    for kind in (CopySession, FlowSession):
        start = lambda *, length, archive=False: kind()  # noqa: B023, E731
        last = list(semi_supervised(start, clip, {0: {1: square(0)}}, prompt="mask"))[-1].result
        truth = clip.masks(LENGTH - 1)[1]
        found[kind] = (last.mask(1) & truth).sum() / (last.mask(1) | truth).sum()
    assert found[CopySession] == 0
    assert found[FlowSession] > 0.6
