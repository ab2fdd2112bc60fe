"""The simulated data engine: counted with trackers whose mistakes are known."""

from __future__ import annotations

import numpy as np
import pytest

from sam2track import Frame
from sam2track.benchmark.data_engine import annotate_in_phases, records_of
from sam2track.benchmark.datasets import Dataset
from sam2track.benchmark.engine_table import engine_table, summarise_engine
from sam2track.benchmark.trackers import CopySession

SIZE, LENGTH = (40, 60), 12


class Clip:
    """A square of 12 x 12 that moves right, and is gone from some frame on."""

    name, attributes, annotated = "clip", (), tuple(range(LENGTH))

    def __init__(self, gone=LENGTH):
        self.gone = gone

    def __len__(self):
        return LENGTH

    def frame(self, index):
        return Frame(index, np.zeros((*SIZE, 3), np.uint8))

    def square(self, index, rows=12):
        mask = np.zeros(SIZE, bool)
        mask[10 : 10 + rows, 2 * index : 2 * index + 12] = True
        return mask

    def masks(self, index):
        return {1: self.square(index)} if index < self.gone else {}

    def starts(self):
        return {0: self.masks(0)}


class Tracker(CopySession):
    """Right on a prompted frame, and on later ones as ``rows`` (by distance from it) says.

    An object that it does not know yet needs two clicks, a known one needs one.
    """

    def __init__(self, clip, rows):
        super().__init__()
        self.clip, self.rows, self.anchors = clip, rows, {}

    def prompt(self, object_id, prompt, frame):
        known = self.anchors.setdefault(object_id, [])
        half = not known and prompt.mask is None
        known.append(frame.index)
        self.soft[object_id] = np.zeros(SIZE, np.float32)
        return self.clip.square(frame.index, 6 if half else 12)

    def remove(self, object_id):
        super().remove(object_id)
        del self.anchors[object_id]

    def advance(self, frame, *, direction=1):
        for object_id, anchors in self.anchors.items():
            near = max((index for index in anchors if index <= frame.index), default=None)
            rows = 0 if near is None else self.rows(frame.index - near, len(set(anchors)))
            self.soft[object_id] = self.clip.square(frame.index, rows).astype(np.float32)
        return super().advance(frame, direction=direction)


def play(rows, gone=LENGTH):
    clip, seen = Clip(gone), []
    start = lambda *, length, archive=False: Tracker(clip, rows)  # noqa: E731
    found = annotate_in_phases(
        start, Dataset("clips", (clip,)), clip, clip.starts(), rounds=3, shown=seen.append
    )
    return {phase: objects[1] for phase, objects in found.items()}, found, seen


def test_clicks_and_edited_frames_are_counted():
    found, everything, seen = play(lambda distance, anchors: 12 if distance < 4 else 0)
    # Every frame needs two clicks for itself; a tracker that is lost every four frames needs
    # three frames: two clicks each from nothing, or one each for an object that it knows.
    counts = {phase: (own.clicks, own.edited) for phase, own in found.items()}
    assert counts == {"image": (24, 12), "mask": (6, 3), "full": (4, 3)}
    assert {own.verdict for own in found.values()} == {"accepted"}
    assert found["mask"].truth == {"all": [12, 12], "small": [12, 12], "medium": [0, 0],
                                   "large": [0, 0]}  # fmt: skip
    assert found["full"].image == found["full"].truth
    assert found["full"].scores["J"] == pytest.approx(100)
    assert [result.index for result in seen] == 2 * list(range(LENGTH))  # mask, then full
    # After one click half of the object is there, after two all of it.
    clicks = found["image"].rounds["clicks"]
    assert clicks[0] < 80
    assert clicks[1:] == pytest.approx([100] * 7)
    for phase in ("mask", "full"):
        for way in ("offline", "online"):
            curve = found[phase].rounds[way]
            assert curve == sorted(curve)
            assert curve[-1] == pytest.approx(100)

    table = summarise_engine([own for _, own in records_of(everything)])
    assert table["image"]["clicks"] == 2
    assert table["mask"]["edited"] == 25
    # 0.1 s to look at each frame, 1 s to find and 1.5 s a click.
    assert table["full"]["seconds"] == pytest.approx((12 * 0.1 + 3 * 1 + 4 * 1.5) / 12)
    assert table["mask"]["image"] == {"all": 100, "small": 100}
    assert "image" not in table["image"]
    text = engine_table(table)
    assert "simulated" in text
    assert "full propagation, online" in text


def test_a_masklet_that_is_not_satisfactory_is_returned():
    # Three quarters of the object are too good to be edited and too bad to be accepted.
    found, _, _ = play(lambda distance, anchors: 9 if distance and anchors < 2 else 12)
    assert found["full"].verdict == "returned"
    assert (found["full"].passes, found["full"].edited) == (2, 2)
    # By mask the tracker forgets the first one: what is behind the second stays as it was.
    assert found["mask"].verdict == "rejected"
    assert found["mask"].passes == 3


def test_an_object_that_is_shown_where_it_is_not_is_rejected():
    found, _, _ = play(lambda distance, anchors: 12, gone=9)
    assert found["image"].verdict == "accepted"
    assert (found["image"].edited, found["image"].frames) == (9, 12)
    assert found["full"].verdict == "rejected"
    assert found["full"].truth["all"] == [9, 9]


def test_each_click_is_undone_with_its_object_when_masks_are_placed_again():
    """In the offline rounds of the phase ``mask`` a mask holds from its frame to the next one."""
    found, _, _ = play(lambda distance, anchors: 12 if distance < 5 and anchors == 1 else 0)
    assert found["mask"].rounds["offline"][-1] == pytest.approx(100)
    assert found["full"].rounds["offline"][-1] < 100
