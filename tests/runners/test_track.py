import numpy as np
import pytest

from sam2track.prompts import PlacedPrompt, Prompt
from sam2track.runners.track import _track, _Walk, share_out
from sam2track.types import Frame
from sam2track.video import ArrayVideo, VideoSource


class Recorder:
    """A session that notes what is asked of it."""

    def __init__(self):
        self.object_ids = ()
        self.calls = []

    def prompt(self, object_id, prompt, frame):
        self.object_ids += (object_id,)
        self.calls.append(f"prompt {object_id} on {frame.index}")

    def step(self, frame, *, direction):
        self.calls.append(f"step {frame.index}")


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
    assert len(list(_track(session, iter(frames(4)), prompts, 1))) == 4
    assert session.calls == [
        "prompt 1 on 0",
        "prompt 1 on 0",
        "step 0",
        "prompt 2 on 1",
        "step 1",
        "step 2",
        "prompt 1 on 2",
        "step 2",
        "step 3",
    ]


def test_a_video_that_ends_before_a_prompt():
    tracked = _track(Recorder(), iter(frames(2)), [placed(1, 0), placed(2, 5)], 1)
    assert next(tracked)[0].index == 0
    assert next(tracked)[0].index == 1
    with pytest.raises(ValueError, match="prompt 2: the video ended before frame 5"):
        next(tracked)


@pytest.mark.parametrize(
    ("start", "direction", "expected"), [(0, 1, [0, 1, 2, 3]), (2, 1, [2, 3]), (2, -1, [2, 1, 0])]
)
def test_the_order_of_frames(start, direction, expected):
    source = ArrayVideo([frame.image for frame in frames(4)])
    assert [frame.index for frame in _Walk(source, start, direction)] == expected


@pytest.mark.parametrize(
    ("threads", "objects", "expected"),
    [(2, 1, (1, 1)), (2, 4, (1, 1)), (2, 8, (1, 2)), (2, 99, (1, 2)), (8, 1, (4, 1))],
)
def test_how_threads_are_shared_out(threads, objects, expected):
    assert share_out(threads, objects) == expected


def test_what_is_live_runs_forward_only():
    assert [frame.index for frame in _Walk(Live(), 3, 1)] == [3, 4]
    with pytest.raises(ValueError, match="live is live and only runs forward"):
        _Walk(Live(), 3, -1)
