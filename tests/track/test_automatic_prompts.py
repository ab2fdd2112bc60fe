"""Everything is followed: what begins an object, what ends one."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sam2track import Frame, FrameOutcome, FrameResult, Prompt
from sam2track.track import AutomaticPrompts, Proposal, track

SIZE = (40, 60)


def rectangle(x0, y0, x1, y1) -> np.ndarray:
    mask = np.zeros(SIZE, bool)
    mask[y0:y1, x0:x1] = True
    return mask


LEFT, RIGHT, PART = rectangle(2, 5, 22, 30), rectangle(35, 5, 55, 30), rectangle(4, 8, 12, 16)


class Scripted:
    """A session in which each object keeps its mask, unless ``later`` says what becomes of it."""

    lag = 0

    def __init__(self, later=None) -> None:
        self.later = later or {}  # (frame, object id) -> mask, from then on
        self.masks: dict[int, np.ndarray] = {}
        self.last = None

    @property
    def object_ids(self):
        return tuple(self.masks)

    def prompt(self, object_id, prompt, frame):
        self.masks[object_id] = prompt.mask
        return prompt.mask

    def remove(self, object_id):
        del self.masks[object_id]

    def advance(self, frame, *, direction=1):
        for (index, object_id), mask in self.later.items():
            if index == frame.index and object_id in self.masks:
                self.masks[object_id] = mask
        count = len(self.masks)
        stacked = np.stack([*self.masks.values()]) if count else np.zeros((0, *SIZE), bool)
        logits, sure = torch.from_numpy(stacked - 0.5), torch.ones(count, dtype=torch.float64)
        self.last = FrameOutcome(frame.index, self.object_ids, logits, sure, sure)
        return self.last

    def settled(self):
        yield self.last

    def flush(self):
        return iter(())

    def render(self, outcome, frame):
        owner = torch.full(SIZE, -1)
        rest = (outcome.scores, outcome.presence, outcome.logits)
        return FrameResult(outcome.index, outcome.object_ids, outcome.logits > 0, owner, *rest)


def follow(seen, *, later=None, frames=30, **options):
    """Ids by frame, and the frames on which it was looked, with where clicks were wanted.

    ``seen`` gives the masks that are found on a frame.
    """
    asked = {}
    now = iter(range(frames))
    images = [np.full((*SIZE, 3), index, np.uint8) for index in now]

    def find(frame, where):
        asked[frame.index] = where
        return [Proposal(Prompt.from_mask(mask)) for mask in seen(frame.index)]

    user = AutomaticPrompts(find, **options)
    video = [Frame(index, image) for index, image in enumerate(images)]
    results = list(track(Scripted(later), lambda: video, user))
    return {frame.index: result.object_ids for frame, result in results}, asked


def test_parts_of_what_is_followed_begin_no_object():
    ids, asked = follow(lambda index: [LEFT, PART, RIGHT])
    assert set(ids.values()) == {(1, 2)}
    assert sorted(asked) == [0, 10, 20]
    assert asked[0].all()
    assert np.array_equal(asked[10], ~(LEFT | RIGHT))


def test_what_appears_later_begins_an_object_then():
    ids, asked = follow(lambda index: [LEFT, RIGHT] if index >= 10 else [LEFT], every=5)
    assert ids[9] == (1,)
    assert ids[10] == (1, 2)
    assert ids[29] == (1, 2)
    ids, asked = follow(lambda index: [LEFT], every=0)
    assert sorted(asked) == [0]


def test_specks_begin_no_object():
    ids, _ = follow(lambda index: [rectangle(3, 3, 4, 4), RIGHT])
    assert set(ids.values()) == {(1,)}


def test_objects_that_became_one_are_merged_into_the_older():
    ids, _ = follow(lambda index: [LEFT, RIGHT] if not index else [], later={(5, 2): LEFT})
    assert ids[0] == (1, 2)
    assert ids[29] == (1, 2)  # two looks are not enough
    ids, _ = follow(
        lambda index: [LEFT, RIGHT] if not index else [], later={(5, 2): LEFT}, frames=60
    )
    assert ids[59] == (1,)


def test_a_box_on_an_object_begins_no_second_one():
    def find(frame, where):
        boxes = [[3, 6, 23, 30], [35, 5, 55, 30], [36, 5, 56, 31], [0, 0, 1, 1]]
        return [Proposal(Prompt.from_box(box), "x") for box in boxes]

    class Boxed(Scripted):
        def prompt(self, object_id, prompt, frame):
            mask = rectangle(*prompt.box.astype(int))
            return super().prompt(object_id, Prompt.from_mask(mask), frame)

    user, session = AutomaticPrompts(find, every=1, first_id=4), Boxed()
    for index in range(2):
        user.prompt(session, Frame(index, np.zeros((*SIZE, 3), np.uint8)), 1)
        assert session.object_ids == (4, 5)
        assert [own.label for own in user.begun.values()] == ["x", "x"][: 2 - 2 * index]


def test_with_too_many_objects_the_best_are_followed():
    ids, _ = follow(lambda index: [RIGHT, LEFT], max_objects=1)
    assert set(ids.values()) == {(1,)}


def test_a_new_object_takes_the_place_of_one_that_is_long_gone():
    later = {(1, 1): np.zeros(SIZE, bool)}
    ids, _ = follow(
        lambda index: [LEFT] if index < 10 else [RIGHT], later=later, max_objects=1, frames=60
    )
    assert ids[20] == (1,)
    assert ids[30] == (2,)
    assert ids[59] == (2,)


def test_a_video_without_anything_is_an_error_at_its_end():
    with pytest.raises(ValueError, match="nothing was found that could be followed"):
        follow(lambda index: [])
