"""Signals are noted, and who insists is heard."""

from __future__ import annotations

import os
import signal

import pytest

from sam2track.train.stopping import Stopping


def test_nothing_is_asked_of_its_own():
    with Stopping() as stopping:
        assert not stopping.asked


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_is_only_noted(number):
    before = signal.getsignal(number)
    with Stopping() as stopping:
        os.kill(os.getpid(), number)
        assert stopping.asked
    assert signal.getsignal(number) is before


def test_a_second_ctrl_c_interrupts_and_a_second_sigterm_does_not():
    with Stopping():
        for _ in range(3):
            os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
