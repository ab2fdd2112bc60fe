"""Reading ahead: the same frames, the same errors, and no thread left behind."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from sam2track.types import Frame
from sam2track.video import Prefetch, VideoError, VideoSource


class Counting(VideoSource):
    """Frames 0, 1, ...; an error after ``good`` of them if there is one; remembers what it gave."""

    def __init__(self, good: int, error: BaseException | None = None) -> None:
        self.name, self.size, self.fps, self.length = "counting", (1, 1), 5.0, good
        self.good, self.error = good, error
        self.given = 0
        self.closed = False

    def __iter__(self):
        for index in range(self.good):
            self.given = index + 1
            yield Frame(index, np.zeros((1, 1, 3), np.uint8))
        if self.error is not None:
            raise self.error

    def close(self) -> None:
        self.closed = True


def reading() -> int:
    return sum(thread.name == "sam2track-prefetch" for thread in threading.enumerate())


def test_same_facts_same_frames_and_again():
    with Prefetch(Counting(50), depth=3) as video:
        assert (video.name, video.size, video.fps, video.length) == ("counting", (1, 1), 5.0, 50)
        assert [frame.index for frame in video] == list(range(50))
        assert [frame.index for frame in video] == list(range(50))
    assert reading() == 0


def test_each_frame_is_worked_on_in_the_thread():
    threads = set()

    def number(frame: Frame) -> Frame:
        threads.add(threading.current_thread().name)
        if frame.index == 3:
            raise ValueError("frame 3 is odd")
        return Frame(frame.index, frame.image + frame.index)

    seen = []
    with pytest.raises(ValueError, match="3 is odd"), Prefetch(Counting(5), each=number) as video:  # noqa: PT012
        for frame in video:
            seen.append(int(frame.image[0, 0, 0]))
    assert seen == [0, 1, 2]
    assert threads == {"sam2track-prefetch"}


def test_errors_come_after_the_frames_before_them():
    seen = []
    source = Counting(7, VideoError("broken here"))
    with pytest.raises(VideoError, match="broken here"), Prefetch(source) as video:  # noqa: PT012
        for frame in video:
            seen.append(frame.index)
    assert seen == list(range(7))
    assert reading() == 0


@pytest.mark.parametrize("depth", [1, 4])
def test_never_further_ahead_than_depth(depth):
    source = Counting(1000)
    with Prefetch(source, depth=depth) as video:
        for frame in video:
            if frame.index == 20:
                time.sleep(0.05)  # long enough to run away
                # besides those in waiting, one is being put and one is being read
                assert source.given <= 21 + depth + 2
                break


def test_leaving_the_loop_ends_the_thread_at_once():
    source = Counting(10**9)
    with Prefetch(source) as video:
        for frame in video:
            if frame.index == 3:
                break
        assert reading() == 0
        assert not source.closed
    assert source.closed


def test_closing_ends_a_pass_under_way():
    video = Prefetch(Counting(10**9))
    frames = iter(video)
    assert next(frames).index == 0
    video.close()
    video.close()
    assert reading() == 0
    assert list(frames) == []


def test_depth_is_at_least_one():
    with pytest.raises(ValueError, match="depth is 0"):
        Prefetch(Counting(1), depth=0)
