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


@pytest.mark.parametrize("first", [[signal.SIGINT], 3 * [signal.SIGTERM]])
def test_ctrl_c_after_a_signal_interrupts_and_sigterm_does_not(first):
    with Stopping():
        for number in first:
            os.kill(os.getpid(), number)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
