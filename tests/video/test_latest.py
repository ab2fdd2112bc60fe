"""The newest frame of a source that does not wait."""

import threading

import numpy as np
import pytest

from sam2track.types import Frame
from sam2track.video import latest_frames


class Camera:
    """Frames that come when the test says so."""

    def __init__(self, count, error=None):
        self.count, self.error = count, error
        self.shots = threading.Semaphore(0)
        self.taken = threading.Semaphore(0)  # the frame before was put

    def __iter__(self):
        for index in range(self.count):
            self.shots.acquire()
            yield Frame(index, np.full((4, 6, 3), index, np.uint8))
            self.taken.release()
        self.shots.acquire()
        if self.error is not None:
            raise self.error

    def shoot(self, count=1):
        for _ in range(count):
            self.shots.release()
            self.taken.acquire()


def test_a_slow_loop_gets_the_newest_frame_with_a_number_of_its_own():
    camera = Camera(6)
    with latest_frames(camera) as frames:
        camera.shoot()
        first = next(frames)
        early = frames.taken
        camera.shoot(4)
        second = next(frames)
        assert (first.index, first.image[0, 0, 0]) == (0, 0)
        assert (second.index, second.image[0, 0, 0]) == (1, 4)
        assert frames.dropped == 3
        assert frames.taken > early
        camera.shoot()
        camera.shots.release()
        assert [frame.image[0, 0, 0] for frame in frames] == [5]
        assert list(frames) == []
    assert not any(thread.name == "sam2track-latest" for thread in threading.enumerate())


def test_an_error_comes_after_the_last_frame():
    camera = Camera(1, OSError("unplugged"))
    with latest_frames(camera) as frames:
        camera.shoot()
        camera.shots.release()
        assert next(frames).index == 0
        with pytest.raises(OSError, match="unplugged"):
            next(frames)
        assert list(frames) == []


def test_the_thread_ends_with_the_block():
    camera = Camera(100)
    with latest_frames(camera) as frames:
        camera.shoot(2)
        assert next(frames).image[0, 0, 0] == 1
        camera.shots.release()  # the thread may wait for a frame
    assert not any(thread.name == "sam2track-latest" for thread in threading.enumerate())
