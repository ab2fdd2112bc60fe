"""Compares finished runs: paired differences with confidence intervals.

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

from ..files import write_page
from .files import write_json
from .report import PACKAGE
from .results import by_attribute

DRAWS = 10_000
CONFIDENCE = 0.95
LEAST_SEQUENCES = 3  # resampling fewer tells nothing about other videos
EXTREMES = 8  # largest gains and losses to show
LEADS = ("J&F", "AUC")

Pair = tuple[str, str]  # sequence, object


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """A finished run."""

    name: str  # in the comparison
    results: dict[str, Any]  # its results.json
    measure: str  # the measure that is compared
    scores: dict[Pair, float]  # of every object, in percent

    def peak(self, place: str) -> float:
        """The highest peak of memory in GB, ``ram`` or ``cuda``; 0 if it was not measured."""
        rows = self.results["sequences"].values()
        return max(row["memory"].get(place, 0.0) for row in rows) / 1000


@dataclass(frozen=True, slots=True, eq=False)
class Difference:
    """A run minus the one that it is compared with, over the objects that both have, in percent."""

    name: str  # of the run
    mean: float
    low: float | None  # of the 95 % confidence interval of the mean; None with too few sequences
    high: float | None
    objects: dict[Pair, float]  # the difference of each
    sequences: int  # how many there are

    @property
    def verdict(self) -> str:
        """``better`` or ``worse`` if the interval does not contain zero, else ``even``.

        ``unknown`` if there are too few sequences for an interval.
        """
        if self.low is None or self.high is None:
            return "unknown"
        return "better" if self.low > 0 else "worse" if self.high < 0 else "even"


def load_run(folder: str | Path, name: str | None = None) -> Run:
    """Load a run from its folder; ValueError if there is no finished run with scores in it."""
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
    """One run minus another; ValueError if they are of different datasets, or share no object."""
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
    low, high = None, None
    if len(by_sequence) >= LEAST_SEQUENCES:
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


def write_comparison(out: Path, runs: Sequence[Run], *, page: bool = True) -> str:
    """Compare runs with the first of them; the table for the terminal.

    Raises:
        ValueError: if there is only one, or they cannot be compared.
    """
    if len(runs) < 2:
        raise ValueError("a comparison needs two runs at least: compare=[runs/a,runs/b]")
    base = runs[0]
    differences = [compare(base, other) for other in runs[1:]]
    comparison = {
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
    }
    write_json(out / "comparison.json", comparison)
    if page:
        write_page(
            out / "comparison.html",
            "comparison.html.j2",
            PACKAGE,
            title=f"{len(runs)} runs on {base.results['dataset']}",
            runs=runs,
            differences=differences,
            reach=max(abs(end) for one in differences for end in (one.low or 0, one.high or 0))
            * 1.1,
            details=[(one.name, _attributes(base, one), _extremes(one)) for one in differences],
        )
    return _table(runs, differences)


def _table(runs: Sequence[Run], differences: Sequence[Difference]) -> str:
    """The comparison, for the terminal."""
    measure, width = runs[0].measure, max(len(run.name) for run in runs) + 1
    lines = [f"{'':<{width}}{measure:>8}{'less the first':>20}   95 % interval"]
    for run, found in zip(runs, (None, *differences), strict=True):
        line = f"{run.name:<{width}}{run.results['mean'][measure]:>8.1f}"
        if found is not None:
            line += f"{found.mean:>+20.2f}   {_interval(found)}"
        lines.append(line)
    return "\n".join(lines)


def _interval(one: Difference) -> str:
    """The interval and the verdict, or why there are none."""
    if one.low is None or one.high is None:
        return f"none: it needs {LEAST_SEQUENCES} videos, there are {one.sequences}"
    return f"{one.low:+.2f} to {one.high:+.2f} ({one.verdict})"


def _attributes(base: Run, one: Difference) -> list[tuple[str, float, int]]:
    """Each attribute of sequences, the mean difference and the number of objects; best first."""
    rows = base.results["sequences"]
    found = by_attribute((rows[name]["attributes"], v) for (name, _), v in one.objects.items())
    table = [(name, float(np.mean(values)), len(values)) for name, values in found.items()]
    return sorted(table, key=lambda row: -row[1])


def _extremes(one: Difference) -> list[tuple[Pair, float]]:
    """The largest gains, then the largest losses."""
    ranked = sorted(one.objects.items(), key=lambda item: -item[1])
    gains = [item for item in ranked[:EXTREMES] if item[1] > 0]
    return gains + [item for item in ranked[-EXTREMES:] if item[1] < 0]
