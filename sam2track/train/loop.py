"""The training loop: steps, log, scores and checkpoints, until the last step or a signal.

There is one loop for every kind of training. A step and the files that it writes are defined by an
:class:`Update`: :class:`sam2track.train.TrackingUpdate` or
:class:`sam2track.train.AutoencodingUpdate`.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from threading import Event
from typing import Any, Protocol

import numpy as np
import torch
from jaxtyping import UInt8
from tqdm import tqdm

from ..files import whole_file
from .log import RunLog
from .training_run import LAST, TrainingRun, saving


class Update(Protocol):
    """The part that differs between kinds of training."""

    run: TrainingRun[Any]

    def step(self, batch: Any) -> dict[str, Any]:
        """Do one step; the entry for the log, with ``step`` and ``loss``."""
        ...

    def picture(self) -> UInt8[np.ndarray, "H W 3"] | None:
        """A picture of the current predictions, for TensorBoard."""
        ...

    def write_results(self, out: Path) -> None:
        """Write the weights, and files for people; only in the main process."""
        ...


def run_loop(
    update: Update,
    batches: Iterable[Any],
    out: Path,
    *,
    save_every: int,
    picture_every: int = 0,
    evaluate_every: int = 0,
    evaluate: Callable[[], Mapping[str, float]] | None = None,
) -> None:
    """Train to the last step. Regular actions (0 = never) are also done after it.

    Args:
        update: does the steps.
        batches: of this process, from the run's step on.
        out: the run's folder, which exists.
        save_every: steps between checkpoints, with the results.
        picture_every: steps between pictures for TensorBoard.
        evaluate_every: steps between scores on held-out video.
        evaluate: gives these scores; all processes call it at the same time.

    Raises:
        FloatingPointError: if the loss is not finite; the message says where.
        NotSaved: if a checkpoint cannot be written.
        KeyboardInterrupt: after Ctrl-C or SIGTERM; the step is saved.
        ValueError, OSError: if data is damaged.
    """
    run = update.run
    steps, main = run.options.steps, run.processes.main

    def due(every: int) -> bool:
        return bool(every) and (run.step >= steps or run.step % every == 0)

    bar = tqdm(total=steps, initial=run.step, unit="step", disable=not main)
    with stop_requests() as asked, bar, RunLog(out, run.step) if main else nullcontext() as log:
        for batch in batches:
            entry = update.step(batch)
            stop = run.processes.any(asked.is_set())
            bar.update()
            bar.set_postfix({k: f"{entry[k] or 0:.3f}" for k in ("loss", "iou") if k in entry})
            if log is not None:
                log.write(entry, group="train")
                if due(picture_every):
                    log.picture(update.picture(), run.step)
            if evaluate is not None and due(evaluate_every):
                scores = evaluate()
                if log is not None:
                    log.write({"step": run.step, **scores}, group="held_out")
            if stop or due(save_every):
                save(update, out)
            if stop and run.step < steps:
                saved = f"stopped after step {run.step} of {steps}, which is saved in {out}"
                raise KeyboardInterrupt(f"{saved}; the same command goes on from there")


def save(update: Update, out: Path) -> None:
    """Write the checkpoint and the results, without partial files (see ``NotSaved``)."""
    state = update.run.state()
    if update.run.processes.main:
        with saving(update.run.step, out):
            with whole_file(out / LAST) as temporary:
                try:
                    torch.save(state, temporary)
                except RuntimeError as error:  # PyTorch's error if the disk is full
                    raise OSError(str(error).splitlines()[0]) from error
            update.write_results(out)


@contextmanager
def stop_requests() -> Iterator[Event]:
    """In this context the first SIGINT or SIGTERM sets the event; a second one acts as before."""
    asked = Event()
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def restore() -> None:
        for number, handler in handlers.items():
            signal.signal(number, handler)

    def note(*_: object) -> None:
        asked.set()
        restore()

    for number in handlers:
        signal.signal(number, note)
    try:
        yield asked
    finally:
        restore()
