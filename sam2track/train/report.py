"""The learning curve (``curve.png``) and the model card (``card.md``) of a run, from its log."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..files import write_text, write_whole
from ..model.sam2 import SAM2
from .log import read_log
from .training_run import TrainingRun

CURVE, CARD = "curve.png", "card.md"


def write_report(out: Path, run: TrainingRun[SAM2], variant: str) -> None:
    """Draw the curve and write the card of a variant's training, from the log so far.

    Raises:
        OSError: if they cannot be written.
    """
    entries = read_log(out)
    steps = [entry for entry in entries if "loss" in entry]
    scores = [entry for entry in entries if "j" in entry]
    if not steps:
        return
    write_whole(out / CURVE, lambda file: file.write(draw_curve(steps, scores)))
    parameters = sum(p.numel() for p in run.model.parameters()) / 1e6
    size, last = run.model.variant.image_size, steps[-1]
    device = f"{run.processes.count} x {run.processes.device}"
    hours, core_hours = run.seconds / 3600, run.core_seconds / 3600
    lines = [
        f"# Model card: {variant}, trained for {last['step']} steps",
        "",
        "| | |",
        "|---|---|",
        f"| model | {variant}, input {size} x {size} |",
        f"| size | {parameters:.2f} million parameters |",
        "| weights | `weights.safetensors`: averaged, at the last step"
        + ("; `best.safetensors`: those that scored best |" if run.best else " |"),
        f"| trained on | {device}, {hours:.2f} hours, {core_hours:.2f} core-hours of CPU time |",
        f"| last step | loss {last['loss']:.3f}, IoU {last['iou'] or 0:.3f} on training clips |",
        "",
        "![learning curve](curve.png)",
        "",
        "## Scores on held-out video",
        "",
        *_score_lines(scores, run.best),
        "",
        "## What it was trained on, and how",
        "",
        "| setting | value |",
        "|---|---|",
        *(f"| `{name}` | {_cell(value)} |" for name, value in sorted(run.settings.items())),
        "",
    ]
    write_text(out / CARD, "\n".join(lines))


def draw_curve(steps: list[dict[str, Any]], scores: list[dict[str, Any]]) -> bytes:
    """A PNG: the loss and the IoU of training clips, and the scores, by step."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5), layout="constrained")
    FigureCanvasAgg(figure)
    upper, lower = figure.subplots(2, 1, sharex=True)
    where = np.array([entry["step"] for entry in steps])
    for axes, name, label in ((upper, "loss", "loss"), (lower, "iou", "IoU, training clips")):
        values = np.array([np.nan if e[name] is None else e[name] for e in steps], np.float64)
        axes.plot(where, values, color="0.8", linewidth=0.8)
        axes.plot(*_smooth(where, values), color="tab:blue", label=label)
    if scores:
        at = [entry["step"] for entry in scores]
        lower.plot(at, [e["j"] for e in scores], "o-", color="tab:orange", label="J, held out")
        lower.plot(at, [e["f"] for e in scores], "o--", color="tab:green", label="F, held out")
    upper.set_ylabel("loss")
    upper.set_yscale("log")
    lower.set(xlabel="step", ylabel="0..1", ylim=(0, 1))
    for axes in (upper, lower):
        axes.grid(alpha=0.3)
        axes.legend(loc="best")
    image = io.BytesIO()
    figure.savefig(image, format="png", dpi=100)
    return image.getvalue()


def _smooth(where: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Running means over a thirtieth of the run."""
    width = max(1, len(values) // 30)
    means = np.convolve(np.nan_to_num(values), np.ones(width) / width, mode="valid")
    return where[width - 1 :], means


def _score_lines(scores: list[dict[str, Any]], best: Mapping[str, Any] | None) -> list[str]:
    if not scores or best is None:
        return ["Nothing was held out (`evaluate.every=0`)."]
    return [
        f"Each object is given by a {best['prompt']} where it first appears. "
        f"The best is at step {best['step']:.0f}.",
        "",
        "| step | J&F | J | F |",
        "|---|---|---|---|",
        *(
            f"| {e['step']} | {50 * (e['j'] + e['f']):.1f} | {100 * e['j']:.1f} "
            f"| {100 * e['f']:.1f} |"
            for e in scores
        ),
    ]


def _cell(value: Any) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")
