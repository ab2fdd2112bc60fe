"""The training loop: steps, log, scores and checkpoints, until the last step or a signal.

There is one loop for every kind of training. What a step does, and what is saved of it, is an
:class:`Update`: :class:`sam2track.train.tracking_update.TrackingUpdate` or
:class:`sam2track.train.autoencoding_update.AutoencodingUpdate`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from jaxtyping import UInt8
from tqdm import tqdm

from .checkpoints import LAST, check_settings, load_state, save_state, saving
from .log import RunLog
from .stopping import stop_requests
from .training_run import TrainingRun


class Update(Protocol):
    """What a training does in one step, and what it keeps beside the run's own state."""

    @property
    def run(self) -> TrainingRun: ...

    def step(self, batch: Any) -> dict[str, Any]:
        """Do one step; the entry for the log, with ``step`` and ``loss``.

        Raises:
            FloatingPointError: if the loss or the gradient is not finite; the weights are as they
                were.
        """
        ...

    def picture(self) -> UInt8[np.ndarray, "H W 3"] | None:
        """What the network does now, for TensorBoard; None if there is nothing to show."""
        ...

    def state(self) -> dict[str, Any]:
        """What the checkpoint holds beside the run's own state."""
        ...

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on from a checkpoint."""
        ...

    def write_results(self, out: Path) -> None:
        """Write the weights, and files for people; in the main process alone."""
        ...


@dataclass(frozen=True, slots=True)
class Intervals:
    """Steps between what is done beside training; 0 = never. The last step does all.

    Attributes:
        save: checkpoint, weights and files for people.
        picture: a picture for TensorBoard.
        evaluate: scores on held-out video.
    """

    save: int = 100
    picture: int = 100
    evaluate: int = 0


def run_loop(
    update: Update,
    batches: Iterable[Any],
    out: Path,
    *,
    every: Intervals,
    evaluate: Callable[[], Mapping[str, float]] | None = None,
) -> None:
    """Train to the last step.

    Args:
        update: does the steps.
        batches: of this process, from the run's step on.
        out: the run's folder, which exists.
        every: when to save, draw and score.
        evaluate: gives scores; every process calls it at once.

    Raises:
        FloatingPointError: if the loss is not finite; the message says where.
        NotSaved: if a checkpoint cannot be written.
        KeyboardInterrupt: after Ctrl-C or SIGTERM; the step is saved.
        ValueError: if data is damaged.
    """
    run = update.run
    steps, main = run.schedule.steps, run.processes.main
    bar = tqdm(total=steps, initial=run.step, unit="step", disable=not main)
    log_of_run = RunLog(out, run.step) if main else nullcontext()
    with stop_requests() as request, bar, log_of_run as log:
        for batch in batches:
            entry = update.step(batch)
            done = run.step >= steps
            stop = run.processes.any(request.asked)
            bar.update()
            bar.set_postfix({k: f"{entry[k] or 0:.3f}" for k in ("loss", "iou") if k in entry})
            if log is not None:
                log.write(entry, group="train")
                if _due(every.picture, run.step, done):
                    log.picture(update.picture(), run.step)
            if evaluate is not None and _due(every.evaluate, run.step, done):
                scores = evaluate()
                if log is not None:
                    log.write({"step": run.step, **scores}, group="held_out")
            if stop or _due(every.save, run.step, done):
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
    state = {**update.run.state(), **update.state()}
    if update.run.processes.main:
        with saving(update.run.step, out):
            save_state(state, out / LAST)
            update.write_results(out)


def resume(update: Update, out: Path) -> int:
    """Go on from a folder's ``last.pt`` if there is one; the step that is reached.

    Raises:
        ValueError: if it is no checkpoint, or of a run with other settings.
    """
    if (out / LAST).is_file():
        state = load_state(out / LAST)
        check_settings(update.run.settings, state["settings"], out)
        update.run.load(state)
        update.load(state)
    return update.run.step


def _due(every: int, step: int, done: bool) -> bool:
    return bool(every) and (done or step % every == 0)
