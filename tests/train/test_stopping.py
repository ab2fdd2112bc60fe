"""The first signal is noted, the second one ends the run."""

from __future__ import annotations

import os
import signal

import pytest
from torch.utils.data import DataLoader

from sam2track.train.batches import prepare_worker
from sam2track.train.loop import stop_requests


def test_nothing_is_asked_of_its_own():
    with stop_requests() as request:
        assert not request.is_set()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_is_only_noted(number):
    before = signal.getsignal(number)
    with stop_requests() as request:
        os.kill(os.getpid(), number)
        assert request.is_set()
    assert signal.getsignal(number) is before


def test_a_second_ctrl_c_interrupts():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's job ignores it
    try:
        with stop_requests():
            os.kill(os.getpid(), signal.SIGINT)
            with pytest.raises(KeyboardInterrupt):
                os.kill(os.getpid(), signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)


class Pids:
    """What each item is drawn by."""

    def __len__(self):
        return 8

    def __getitem__(self, index):
        return os.getpid()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_data_workers_leave_signals_to_the_trainer(number):
    """A terminal's Ctrl-C and torchrun's SIGTERM reach them too."""
    found = set()
    for pid in DataLoader(Pids(), batch_size=None, num_workers=1, worker_init_fn=prepare_worker):
        os.kill(pid, number)
        found.add(pid)
    assert len(found) == 1
    assert os.getpid() not in found
