"""Ctrl-C and SIGTERM end a run between two steps.

Room: TRAIN. Signals enter, one question leaves: was it asked to stop?
"""

from __future__ import annotations

import signal
from pathlib import Path
from types import FrameType, TracebackType


class Stopping:
    """While it lasts, the first SIGINT or SIGTERM is only noted; a second one is as it always was.

    Attributes:
        asked: whether there was one.
    """

    def __init__(self) -> None:
        self.asked = False
        self._before: dict[int, object] = {}

    def __enter__(self) -> Stopping:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._restore()

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.asked = True
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        self._before.clear()


def stopped(step: int, steps: int, out: Path) -> KeyboardInterrupt:
    """What ends a run whose step is saved."""
    return KeyboardInterrupt(
        f"stopped after step {step} of {steps}, which is saved in {out}; the same command goes on "
        "from there"
    )
