"""The path of a frame: what is asked of a session, in which order, and what comes out."""

from functools import partial

import numpy as np
import pytest
import torch

from sam2track.prompts import PlacedPrompt, Prompt
from sam2track.track import track, walk
from sam2track.types import Frame, FrameOutcome
from sam2track.video import ArrayVideo, VideoSource


class Recorder:
    """A session that notes what is asked of it, and settles ``lag`` frames later."""

    def __init__(self, lag=0):
        self.lag, self.object_ids = lag, ()
        self.calls, self.held, self.last = [], [], None

    def prompt(self, object_id, prompt, frame):
        self.object_ids += (object_id,)
        self.calls.append(f"prompt {object_id} on {frame.index}")

    def advance(self, frame, *, direction):
        self.calls.append(f"advance {frame.index}")
        if self.last != frame.index:
            self.held.append(FrameOutcome(frame.index, (), *[torch.zeros(0)] * 3))
        self.last = frame.index

    def settled(self):
        while self.lag is not None and len(self.held) > self.lag:
            yield self.held.pop(0)

    def flush(self):
        while self.held:
            yield self.held.pop(0)

    def render(self, outcome, frame):
        assert outcome.index == frame.index
        return outcome


class Live(VideoSource):
    """Runs forward only, as a camera does."""

    name, size, fps, length = "live", (4, 6), 10.0, None

    def __iter__(self):
        yield from frames(5)


def frames(count):
    return [Frame(index, np.zeros((4, 6, 3), np.uint8)) for index in range(count)]


def placed(object_id, frame):
    return PlacedPrompt(object_id, frame, Prompt.click(1, 1), f"prompt {object_id}")


def test_new_objects_start_at_once_and_corrections_follow_tracking():
    session = Recorder()
    prompts = [placed(1, 0), placed(1, 0), placed(2, 1), placed(1, 2)]
    assert len(list(track(session, partial(frames, 4), prompts))) == 4
    assert session.calls == [
        "prompt 1 on 0",
        "prompt 1 on 0",
        "advance 0",
        "prompt 2 on 1",
        "advance 1",
        "advance 2",
        "prompt 1 on 2",
        "advance 2",
        "advance 3",
    ]


@pytest.mark.parametrize("lag", [0, 2, 9, None])
def test_frames_wait_for_results_that_come_later(lag):
    passes = []

    def read():
        passes.append(1)
        return frames(5)

    tracked = list(track(Recorder(lag), read, [placed(1, 0)]))
    assert [(frame.index, result.index) for frame, result in tracked] == [(k, k) for k in range(5)]
    assert len(passes) == (2 if lag is None else 1)  # read again instead of kept


def test_an_object_that_comes_late_with_a_memory_that_decides_at_the_end():
    class Late(Recorder):
        @property
        def lag(self):
            return None if self.object_ids else 0

        @lag.setter
        def lag(self, value):
            pass

    tracked = list(track(Late(), partial(frames, 6), [placed(1, 3)]))
    assert [(frame.index, result.index) for frame, result in tracked] == [(k, k) for k in range(6)]


def test_a_user_who_looks_before_they_speak():
    class User:
        def prompt(self, session, frame, direction):
            session.advance(frame, direction=direction)
            if frame.index == 1:
                session.prompt(7, Prompt.click(1, 1), frame)

        def finish(self):
            session.calls.append("finish")

    session = Recorder()
    assert len(list(track(session, partial(frames, 2), User()))) == 2
    assert session.calls == [
        *("advance 0", "advance 0", "advance 1", "prompt 7 on 1", "advance 1", "finish")
    ]


def test_a_video_that_ends_before_a_prompt():
    tracked = track(Recorder(1), partial(frames, 2), [placed(1, 0), placed(2, 5)])
    assert [next(tracked)[0].index for _ in range(2)] == [0, 1]
    with pytest.raises(ValueError, match="prompt 2: the video ended before frame 5"):
        next(tracked)


@pytest.mark.parametrize(
    ("start", "direction", "count", "expected"),
    [
        (0, 1, None, [0, 1, 2, 3]),
        (2, 1, None, [2, 3]),
        (2, -1, None, [2, 1, 0]),
        (3, -1, 2, [3, 2]),
        (1, 1, 2, [1, 2]),
    ],
)
def test_the_order_of_frames(start, direction, count, expected):
    source = ArrayVideo([frame.image for frame in frames(4)])
    assert [frame.index for frame in walk(source, start, direction, count)] == expected


def test_what_is_live_is_taken_as_it_comes():
    assert [frame.index for frame in walk(Live(), 3)] == [3, 4]
    assert [frame.index for frame in walk(Live(), 1, frames=2)] == [1, 2]
