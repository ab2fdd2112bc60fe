"""The training loop: steps, log, scores and checkpoints, until the last step or a signal.

There is one loop for every kind of training. What a step does and which files come of it is an
:class:`Update`: :class:`sam2track.train.tracking_update.TrackingUpdate` or
:class:`sam2track.train.autoencoding_update.AutoencodingUpdate`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from jaxtyping import UInt8
from tqdm import tqdm

from .checkpoints import LAST, save_state, saving
from .log import RunLog
from .stopping import stop_requests
from .training_run import TrainingRun


class Update(Protocol):
    """What differs from training to training."""

    run: TrainingRun[Any]

    def step(self, batch: Any) -> dict[str, Any]:
        """Do one step; the entry for the log, with ``step`` and ``loss``."""
        ...

    def picture(self) -> UInt8[np.ndarray, "H W 3"] | None:
        """What the network does now, for TensorBoard."""
        ...

    def write_results(self, out: Path) -> None:
        """Write the weights, and files for people; in the main process alone."""
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
    """Train to the last step. What is done every so many steps (0 = never) is done after it, too.

    Args:
        update: does the steps.
        batches: of this process, from the run's step on.
        out: the run's folder, which exists.
        save_every: steps between checkpoints and results.
        picture_every: steps between pictures for TensorBoard.
        evaluate_every: steps between scores on held-out video.
        evaluate: gives these scores; every process calls it at once.

    Raises:
        FloatingPointError: if the loss is not finite; the message says where.
        NotSaved: if a checkpoint cannot be written.
        KeyboardInterrupt: after Ctrl-C or SIGTERM; the step is saved.
        ValueError: if data is damaged.
    """
    run = update.run
    steps, main = run.options.steps, run.processes.main
    bar = tqdm(total=steps, initial=run.step, unit="step", disable=not main)
    with stop_requests() as request, bar, RunLog(out, run.step) if main else nullcontext() as log:
        for batch in batches:
            entry = update.step(batch)
            done = run.step >= steps
            stop = run.processes.any(request.asked)
            bar.update()
            bar.set_postfix({k: f"{entry[k] or 0:.3f}" for k in ("loss", "iou") if k in entry})
            if log is not None:
                log.write(entry, group="train")
                if _due(picture_every, run.step, done):
                    log.picture(update.picture(), run.step)
            if evaluate is not None and _due(evaluate_every, run.step, done):
                scores = evaluate()
                if log is not None:
                    log.write({"step": run.step, **scores}, group="held_out")
            if stop or _due(save_every, run.step, done):
                save(update, out)
            if stop and not done:
                raise KeyboardInterrupt(
                    f"stopped after step {run.step} of {steps}, which is saved in {out}; the same "
                    "command goes on from there"
                )


def save(update: Update, out: Path) -> None:
    """Write the checkpoint and the results, each file whole or not at all.

    Raises:
        NotSaved: if the disk is full, for example; the files before are as they were.
    """
    state = update.run.state()
    if update.run.processes.main:
        with saving(update.run.step, out):
            save_state(state, out / LAST)
            update.write_results(out)


def _due(every: int, step: int, done: bool) -> bool:
    return bool(every) and (done or step % every == 0)
