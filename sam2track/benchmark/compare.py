"""Compares finished runs: paired differences with confidence intervals.

The input are folders of runs; the output a table, ``comparison.json`` and ``comparison.html``.

Runs are compared object by object. Objects of one video are not independent, so the confidence
interval resamples whole videos (a cluster bootstrap: Efron and Tibshirani, "An Introduction to the
Bootstrap", 1993, chapter 8).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from . import charts
from .attributes import in_words
from .files import write_json
from .report import write_page

DRAWS = 10_000
CONFIDENCE = 0.95
EXTREMES = 8  # largest gains and losses to show
LEADS = ("J&F", "AUC")

Pair = tuple[str, str]  # sequence, object


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """A finished run.

    Attributes:
        name: its name in the comparison.
        results: its ``results.json``.
        measure: what is compared.
        scores: of every object, in percent.
    """

    name: str
    results: dict[str, Any]
    measure: str
    scores: dict[Pair, float]


@dataclass(frozen=True, slots=True, eq=False)
class Difference:
    """A run minus the one that it is compared with, over the objects that both have, in percent.

    Attributes:
        name: of the run.
        mean: the difference.
        low, high: 95 % confidence interval of it.
        objects: the difference of each.
        sequences: how many there are.
    """

    name: str
    mean: float
    low: float
    high: float
    objects: dict[Pair, float]
    sequences: int

    @property
    def verdict(self) -> str:
        """``better`` or ``worse`` if the interval does not contain zero, else ``even``."""
        return "better" if self.low > 0 else "worse" if self.high < 0 else "even"


def load_run(folder: str | Path, name: str | None = None) -> Run:
    """Load a run from its folder.

    Raises:
        ValueError: if there is no finished run with scores in it.
    """
    path = Path(folder) / "results.json"
    if not path.is_file():
        raise ValueError(f"{folder} holds no finished run (no results.json)")
    results = json.loads(path.read_text(encoding="utf-8"))
    scored = [row for row in results["sequences"].values() if row["objects"]]
    if not scored:
        raise ValueError(f"{folder} has no scores: the ground truth of its dataset is not public")
    row = next(iter(scored[0]["objects"].values()))
    measure = next(lead for lead in LEADS if lead in row)
    scores = {
        (sequence, object_id): row[measure]
        for sequence, entry in results["sequences"].items()
        for object_id, row in entry["objects"].items()
    }
    return Run(name or Path(folder).name, results, measure, scores)


def compare(base: Run, other: Run) -> Difference:
    """One run minus another.

    Raises:
        ValueError: if they are of different datasets, or share no object.
    """
    if base.results["dataset"] != other.results["dataset"]:
        raise ValueError(
            f"{base.name} is of {base.results['dataset']} but {other.name} of "
            f"{other.results['dataset']}: there is nothing to compare"
        )
    shared = [pair for pair in base.scores if pair in other.scores]
    if not shared:
        raise ValueError(f"{base.name} and {other.name} have no object in common")
    objects = {pair: other.scores[pair] - base.scores[pair] for pair in shared}
    by_sequence: dict[str, list[float]] = {}
    for (sequence, _), value in objects.items():
        by_sequence.setdefault(sequence, []).append(value)
    low, high = interval([np.array(values) for values in by_sequence.values()])
    mean = float(np.mean(list(objects.values())))
    return Difference(other.name, mean, low, high, objects, len(by_sequence))


def interval(clusters: Sequence[Float[np.ndarray, " N"]]) -> tuple[float, float]:
    """95 % confidence interval of the mean over all values, by resampling whole clusters.

    The same values give the same interval.
    """
    sums = np.array([values.sum() for values in clusters])
    counts = np.array([len(values) for values in clusters])
    drawn = np.random.default_rng(0).integers(0, len(clusters), (DRAWS, len(clusters)))
    means = sums[drawn].sum(1) / counts[drawn].sum(1)
    tail = 50 * (1 - CONFIDENCE)
    low, high = np.percentile(means, [tail, 100 - tail])
    return float(low), float(high)


def table(base: Run, differences: Sequence[Difference], runs: Sequence[Run]) -> str:
    """The comparison, for the terminal."""
    width = max(len(run.name) for run in runs) + 1
    measure = base.measure
    lines = [f"{'':<{width}}{measure:>8}{'less the first':>20}   95 % interval"]
    by_name = {difference.name: difference for difference in differences}
    for run in runs:
        line = f"{run.name:<{width}}{run.results['mean'][measure]:>8.1f}"
        if found := by_name.get(run.name):
            line += f"{found.mean:>+20.2f}   {found.low:+.2f} to {found.high:+.2f}"
            line += f" ({found.verdict})"
        lines.append(line)
    return "\n".join(lines)


def write_comparison(out: Path, runs: Sequence[Run], *, page: bool = True) -> str:
    """Compare runs with the first of them.

    Returns:
        the table for the terminal.

    Raises:
        ValueError: if there is only one, or they cannot be compared.
        OSError: if the disk refuses.
    """
    if len(runs) < 2:
        raise ValueError("a comparison needs two runs at least: compare=[runs/a,runs/b]")
    base, others = runs[0], runs[1:]
    differences = [compare(base, other) for other in others]
    write_json(
        out / "comparison.json",
        {
            "dataset": base.results["dataset"],
            "measure": base.measure,
            "base": base.name,
            "means": {run.name: run.results["mean"] for run in runs},
            "differences": {
                one.name: {
                    "mean": one.mean,
                    "low": one.low,
                    "high": one.high,
                    "sequences": one.sequences,
                    "objects": {"/".join(pair): value for pair, value in one.objects.items()},
                }
                for one in differences
            },
        },
    )
    if page:
        _write_page(out / "comparison.html", runs, differences)
    return table(base, differences, runs)


def _write_page(path: Path, runs: Sequence[Run], differences: Sequence[Difference]) -> None:
    from markupsafe import Markup

    base = runs[0]
    reach = max(max(abs(one.low), abs(one.high)) for one in differences) * 1.1
    rows = [
        {
            "name": one.name,
            "verdict": one.verdict,
            "mean": one.mean,
            "low": one.low,
            "high": one.high,
            "picture": Markup(charts.interval(one.low, one.high, one.mean, reach)),
            "better": sum(value > 0 for value in one.objects.values()),
            "worse": sum(value < 0 for value in one.objects.values()),
            "objects": len(one.objects),
        }
        for one in differences
    ]
    details = [
        {"name": one.name, "attributes": _by_attribute(base, one), "extremes": _extremes(one)}
        for one in differences
    ]
    write_page(
        path,
        "comparison.html.j2",
        title=f"{len(runs)} runs on {base.results['dataset']}",
        measure=base.measure,
        base=base.name,
        runs=[_facts(run) for run in runs],
        rows=rows,
        details=details,
    )


def _facts(run: Run) -> dict[str, Any]:
    mean = run.results["mean"]
    memory = [row["memory"] for row in run.results["sequences"].values()]
    return {
        "name": run.name,
        "method": run.results["method"],
        "value": mean[run.measure],
        "fps": mean["fps"],
        "ram": max(found.get("ram", 0.0) for found in memory) / 1000,
        "cuda": max(found.get("cuda", 0.0) for found in memory) / 1000,
        "sequences": len(run.results["sequences"]),
        "broken": len(run.results["broken"]),
    }


def _by_attribute(base: Run, one: Difference) -> list[dict[str, Any]]:
    """The mean difference over the sequences with each attribute, the largest first."""
    found: dict[str, list[float]] = {}
    for (sequence, _), value in one.objects.items():
        for name in base.results["sequences"][sequence]["attributes"]:
            found.setdefault(name, []).append(value)
    rows = [
        {"name": in_words(name), "mean": float(np.mean(values)), "objects": len(values)}
        for name, values in found.items()
    ]
    return sorted(rows, key=lambda row: -row["mean"])


def _extremes(one: Difference) -> list[dict[str, Any]]:
    """The largest gains, then the largest losses."""
    ranked = sorted(one.objects.items(), key=lambda item: -item[1])
    gains = [item for item in ranked[:EXTREMES] if item[1] > 0]
    losses = [item for item in ranked[-EXTREMES:] if item[1] < 0]
    return [{"name": " / ".join(pair), "value": value} for pair, value in gains + losses]
