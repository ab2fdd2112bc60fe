"""Several sinks behind one: order, errors, and a thread that ends."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from sam2track.sinks import BoxSink, FanOut, OverlaySink, PaletteSink, Sink, SinkError


class Noting(Sink):
    """Remembers what it was told; may be slow or fail on one frame or at the end."""

    def __init__(self, *, fail_at: int = -1, fail_closing: bool = False, pause: float = 0) -> None:
        self.fail_at, self.fail_closing, self.pause = fail_at, fail_closing, pause
        self.frames: list[int] = []
        self.notes: list[tuple[int, str]] = []
        self.closed = 0

    def write(self, frame, result):
        time.sleep(self.pause)
        if frame.index == self.fail_at:
            raise SinkError(f"no room for frame {frame.index}")
        self.frames.append(result.index)

    def note(self, object_id, text):
        self.notes.append((object_id, text))

    def close(self):
        self.closed += 1
        if self.fail_closing:
            raise SinkError("no room for the end")


def writing() -> int:
    return sum(thread.name.startswith("sam2track-sinks") for thread in threading.enumerate())


def test_everything_goes_to_every_sink_in_order(tracked):
    sinks = Noting(), Noting(pause=0.001)
    with FanOut(sinks, depth=2) as fan_out:
        for index in range(30):
            fan_out.write(*tracked(index))
    assert [sink.frames for sink in sinks] == [list(range(30))] * 2
    assert [sink.closed for sink in sinks] == [1, 1]
    assert writing() == 0


def test_what_waits_is_bounded(tracked):
    sink = Noting(pause=0.02)
    with FanOut([sink], depth=3) as fan_out:
        for index in range(12):
            fan_out.write(*tracked(index))
            assert index + 1 - len(sink.frames) <= 3 + 2  # and one being put, one being written


def test_an_error_comes_out_of_a_later_write_once(tracked):
    good, bad = Noting(), Noting(fail_at=3)
    written = 0
    fan_out = FanOut([good, bad])
    with pytest.raises(SinkError, match="no room for frame 3"), fan_out:  # noqa: PT012
        for index in range(1000):
            fan_out.write(*tracked(index))
            written += 1
            time.sleep(0.001)
    assert written < 1000
    assert (good.frames, bad.frames) == ([0, 1, 2, 3], [0, 1, 2])
    assert (good.closed, bad.closed) == (1, 1)
    assert writing() == 0


def test_an_error_on_the_last_frame_comes_out_at_the_end(tracked):
    sink = Noting(fail_at=4)
    fan_out = FanOut([sink])
    with pytest.raises(SinkError, match="no room for frame 4"), fan_out:  # noqa: PT012
        for index in range(5):
            fan_out.write(*tracked(index))
    assert sink.closed == 1


def test_the_first_error_is_the_one_that_is_raised(tracked):
    with (
        pytest.raises(SinkError, match="frame 0"),
        FanOut([Noting(fail_at=0, fail_closing=True)]) as fan_out,
    ):
        fan_out.write(*tracked(0))


def test_every_sink_is_closed_even_if_one_cannot_be(tracked):
    sinks = Noting(), Noting(fail_closing=True), Noting()
    with pytest.raises(SinkError, match="no room for the end"), FanOut(sinks) as fan_out:
        fan_out.write(*tracked(0))
    assert [sink.closed for sink in sinks] == [1, 1, 1]


@pytest.mark.parametrize("stop", [KeyboardInterrupt, RuntimeError])
def test_breaking_off_writes_what_was_given(stop, tracked):
    sink = Noting(pause=0.005)
    with pytest.raises(stop), FanOut([sink]) as fan_out:  # noqa: PT012
        for index in range(6):
            fan_out.write(*tracked(index))
        raise stop
    assert sink.frames == list(range(6))
    assert sink.closed == 1


def test_after_the_end_nothing_is_taken(tracked):
    with FanOut([Noting()]) as fan_out:
        pass
    with pytest.raises(ValueError, match="make new ones"):
        fan_out.write(*tracked(0))


@pytest.mark.parametrize("make", [BoxSink, PaletteSink, partial(OverlaySink, fps=25)])
def test_a_result_of_another_frame_is_refused(make, tracked, tmp_path):
    with make(tmp_path / "out") as sink, FanOut([Noting()]) as fan_out:
        for one in (sink, fan_out):
            with pytest.raises(ValueError, match="the result of frame 0 is not of frame 5"):
                one.write(tracked(5)[0], tracked(0)[1])
    assert not list(tmp_path.iterdir())


def test_depth_is_at_least_one():
    with pytest.raises(ValueError, match="depth is 0"):
        FanOut([], depth=0)


def test_notes_go_to_every_sink(tracked):
    sinks = Noting(), Noting()
    with FanOut(sinks) as fan_out:
        fan_out.write(*tracked(0))
        fan_out.note(3, "lost")
    assert [sink.notes for sink in sinks] == [[(3, "lost")]] * 2


def test_boxes_are_found_once_for_all_sinks(tracked):
    seen = []

    class Boxes(Noting):
        def write(self, frame, result):
            seen.append(result.boxes())

    frame, result = tracked(3)
    with FanOut([Boxes(), Boxes()]) as fan_out:
        fan_out.write(frame, result)
    assert seen[0] is seen[1]
    assert list(seen[0]) == list(result.boxes())
    assert result.known_boxes == ()  # the caller may change the masks


def test_a_thread_that_was_given_writes_and_is_ended(tracked):
    sink, thread = Noting(), ThreadPoolExecutor(1)
    with FanOut([sink], thread=thread) as fan_out:
        for index in range(4):
            fan_out.write(*tracked(index))
        assert not writing()
    assert sink.frames == [*range(4)]
    with pytest.raises(RuntimeError, match="shutdown"):
        thread.submit(print)
