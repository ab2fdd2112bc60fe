"""Reading ahead: the same frames, the same errors, and no thread left behind."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from sam2track.types import Frame
from sam2track.video import VideoError, VideoSource, read_ahead


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


def test_the_same_frames_read_in_a_thread():
    threads = set()

    def noting(frames):
        for frame in frames:
            threads.add(threading.current_thread().name)
            yield frame

    with read_ahead(noting(Counting(50)), depth=3) as frames:
        assert [frame.index for frame in frames] == list(range(50))
    assert threads == {"sam2track-prefetch"}
    assert reading() == 0


def test_errors_come_after_the_frames_before_them():
    seen = []
    source = Counting(7, VideoError("broken here"))
    with pytest.raises(VideoError, match="broken here"), read_ahead(source) as video:  # noqa: PT012
        for frame in video:
            seen.append(frame.index)
    assert seen == list(range(7))
    assert reading() == 0


@pytest.mark.parametrize("depth", [1, 4])
def test_never_further_ahead_than_depth(depth):
    source = Counting(1000)
    with read_ahead(source, depth=depth) as video:
        for frame in video:
            if frame.index == 20:
                time.sleep(0.05)  # long enough to run away
                # besides those in waiting, one is being put and one is being read
                assert source.given <= 21 + depth + 2
                break


def test_leaving_the_block_ends_the_thread_at_once():
    with read_ahead(Counting(10**9)) as frames:
        for frame in frames:
            if frame.index == 3:
                break
    assert reading() == 0
    assert list(frames) == []


def test_depth_is_at_least_one():
    with pytest.raises(ValueError, match="depth is 0"), read_ahead(Counting(1), depth=0):
        pass
