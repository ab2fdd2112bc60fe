"""The log of a run (``log.jsonl``, ``tensorboard/``), and its learning curve and model card."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from ..files import write_text, write_whole
from ..model.sam2 import SAM2
from .training_run import TrainingRun

LOG = "log.jsonl"
CARD = """\
# Model card: {variant}, trained for {last[step]} steps

| | |
|---|---|
| model | {variant}, input {run.model.variant.image_size} x {run.model.variant.image_size} |
| size | {parameters:.2f} million parameters |
| weights | `weights.safetensors`: averaged, at the last step{best} |
| trained on | {device}, {hours:.2f} hours, {core_hours:.2f} core-hours of CPU time |
| last step | loss {last[loss]:.3f}, IoU {iou:.3f} on training clips |

![learning curve](curve.png)

## Scores on held-out video

{scores}

## What it was trained on, and how

| setting | value |
|---|---|
{settings}
"""


class RunLog(ExitStack):
    """A context manager that writes the log in ``out``; ValueError without TensorBoard.

    The run continues from ``step``; entries of later steps are removed.
    """

    def __init__(self, out: Path, step: int) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            hint = "pip install 'sam2track[train]'"
            raise ValueError(f"TensorBoard is not installed: {hint}") from None
        kept = [json.dumps(entry) + "\n" for entry in read_log(out) if entry["step"] <= step]
        write_text(out / LOG, "".join(kept))
        super().__init__()
        self.file = self.enter_context((out / LOG).open("a", encoding="utf-8"))
        writer = SummaryWriter(str(out / "tensorboard"), purge_step=step + 1)
        self.board = self.enter_context(writer)

    def write(self, entry: Mapping[str, Any], *, group: str) -> None:
        """Add a line: ``step`` and other numbers; None if not measured."""
        self.file.write(json.dumps(entry) + "\n")
        self.file.flush()
        for name, value in entry.items():
            if name != "step" and value is not None:
                self.board.add_scalar(f"{group}/{name}", value, entry["step"])

    def picture(self, image: UInt8[np.ndarray, "H W 3"] | None, step: int) -> None:
        """Show a picture in TensorBoard."""
        if image is not None:
            self.board.add_image("pictures", image, step, dataformats="HWC")


def read_log(out: Path) -> list[dict[str, Any]]:
    """The entries of a run's log; a last line that is incomplete is left out."""
    path = out / LOG
    lines = path.read_text(encoding="utf-8").splitlines(True) if path.is_file() else []
    return [json.loads(line) for line in lines if line.endswith("\n")]


def write_report(out: Path, run: TrainingRun[SAM2], variant: str) -> None:
    """Draw the curve and write the card of a variant's training, from the log so far."""
    entries = read_log(out)
    steps = [entry for entry in entries if "loss" in entry]
    scores = [entry for entry in entries if "j" in entry]
    if not steps:
        return
    draw_curve(steps, scores, out / "curve.png")
    table = str.maketrans({"|": "\\|", "\n": " "})
    cells = {name: str(value).translate(table) for name, value in sorted(run.settings.items())}
    card = CARD.format(
        run=run,
        variant=variant,
        last=steps[-1],
        iou=steps[-1]["iou"] or 0,
        parameters=sum(p.numel() for p in run.model.parameters()) / 1e6,
        best="; `best.safetensors`: those that scored best" if run.best else "",
        device=f"{run.processes.count} x {run.processes.device}",
        hours=run.seconds / 3600,
        core_hours=run.core_seconds / 3600,
        scores=_score_table(scores, run.best),
        settings="\n".join(f"| `{name}` | {value} |" for name, value in cells.items()),
    )
    write_text(out / "card.md", card)


def draw_curve(steps: list[dict[str, Any]], scores: list[dict[str, Any]], path: Path) -> None:
    """A PNG: the loss and the IoU of training clips, and the scores, by step."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True)
    where = np.array([entry["step"] for entry in steps])
    width = max(1, len(steps) // 30)  # of the running means
    for axes, name, label in ((upper, "loss", "loss"), (lower, "iou", "IoU, training clips")):
        values = np.array([e[name] for e in steps], np.float64)  # None becomes NaN
        means = np.convolve(np.nan_to_num(values), np.ones(width) / width, mode="valid")
        axes.plot(where, values, color="0.8", linewidth=0.8)
        axes.plot(where[width - 1 :], means, color="tab:blue", label=label)
    if scores:
        at = [entry["step"] for entry in scores]
        lower.plot(at, [e["j"] for e in scores], "o-", color="tab:orange", label="J, held out")
        lower.plot(at, [e["f"] for e in scores], "o--", color="tab:green", label="F, held out")
    upper.set(ylabel="loss", yscale="log")
    lower.set(xlabel="step", ylabel="0..1", ylim=(0, 1))
    for axes in (upper, lower):
        axes.grid(alpha=0.3)
        axes.legend(loc="best")
    write_whole(path, lambda file: figure.savefig(file, format="png", dpi=100))


def _score_table(scores: list[dict[str, Any]], best: Mapping[str, Any] | None) -> str:
    if not scores or best is None:
        return "Nothing was held out (`evaluate.every=0`)."
    begun = f"Each object is given by a {best['prompt']} where it first appears."
    rows = [
        f"| {e['step']} | {50 * (e['j'] + e['f']):.1f} | {100 * e['j']:.1f} | {100 * e['f']:.1f} |"
        for e in scores
    ]
    head = (f"{begun} The best is at step {best['step']}.", "", "| step | J&F | J | F |")
    return "\n".join((*head, "|---|---|---|---|", *rows))
