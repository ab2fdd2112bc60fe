"""The training loop.

Room: TRAIN. A trainer and batches of clips enter; checkpoints, weights, the log, scores and the
report leave, in the run's folder.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path

from tqdm import tqdm

from ..data.readers.sequence import MaskSequence
from .batches import StepBatches
from .log import RunLog
from .stopping import Stopping, stopped
from .trainer import Trainer


@dataclass(frozen=True, slots=True)
class Often:
    """How often, in steps, what is done beside training; 0 = never. The last step does all.

    Attributes:
        save: checkpoint, weights, curve and card.
        picture: prompts, predictions and truth for TensorBoard.
        evaluate: scores on held-out video.
    """

    save: int = 100
    picture: int = 100
    evaluate: int = 0


def train(
    trainer: Trainer,
    batches: Iterable[StepBatches],
    out: Path,
    *,
    often: Often,
    held_out: Sequence[MaskSequence] = (),
    prompt: str = "mask",
) -> None:
    """Train to the last step.

    Args:
        trainer: where the run is.
        batches: from the trainer's step on.
        out: the run's folder, which exists.
        often: when to save, draw and score.
        held_out: video to score on.
        prompt: what its objects begin with.

    Raises:
        FloatingPointError: if the loss is not finite; it says where.
        NotSaved: if a checkpoint cannot be written.
        KeyboardInterrupt: after Ctrl-C or SIGTERM; the step is saved.
        ValueError: if data is damaged.
    """
    steps, main = trainer.schedule.steps, trainer.processes.main
    bar = tqdm(total=steps, initial=trainer.step, unit="step", disable=not main)
    with Stopping() as stopping, bar, RunLog(out, trainer.step) if main else nullcontext() as log:
        for batch in batches:
            entry, rollout = trainer.update(batch)
            done = trainer.step >= steps
            stop = trainer.processes.any(stopping.asked)
            bar.update()
            bar.set_postfix(loss=f"{entry['loss']:.3f}", iou=f"{entry['iou'] or 0:.3f}")
            if log is not None:
                log.write(entry, group="train")
                if _due(often.picture, trainer.step, done):
                    log.picture(rollout, trainer.step)
            if held_out and _due(often.evaluate, trainer.step, done):
                score = trainer.evaluate(held_out, prompt=prompt)
                trainer.keep_best(score, out, prompt=prompt)
                if log is not None:
                    log.write({"step": trainer.step, **asdict(score)}, group="held_out")
            if stop or _due(often.save, trainer.step, done):
                trainer.save(out)
            if stop and not done:
                raise stopped(trainer.step, steps, out)


def _due(every: int, step: int, done: bool) -> bool:
    return bool(every) and (done or step % every == 0)
