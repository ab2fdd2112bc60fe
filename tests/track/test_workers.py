import threading

import pytest

from sam2track.track.workers import Workers


@pytest.mark.parametrize(
    ("most", "objects", "expected"),
    [(2, 0, 1), (2, 1, 1), (2, 4, 1), (2, 8, 2), (2, 99, 2), (8, 9, 3)],
)
def test_how_many_threads_objects_are_worth(most, objects, expected):
    assert Workers(most).count(objects) == expected


@pytest.mark.parametrize(("most", "objects", "expected"), [(2, 8, 1), (4, 8, 2), (4, 99, 3)])
def test_one_thread_is_left_while_frames_are_encoded_ahead(most, objects, expected):
    workers = Workers(most)
    with workers.share_cpu(objects):
        assert workers.count(objects) == expected
    assert workers.count(99) == most


def test_results_come_in_the_order_of_shares_and_the_first_is_done_here():
    here = threading.get_ident()
    results = Workers(3).map(lambda share: (share, threading.get_ident() == here), [5, 6, 7])
    assert results == [(5, True), (6, False), (7, False)]


def test_there_is_at_least_one():
    with pytest.raises(ValueError, match="workers=0"):
        Workers(0)
