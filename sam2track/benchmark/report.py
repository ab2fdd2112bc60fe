"""Writes ``report.html``: a finished run as one page of HTML without other files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from ..files import write_page
from .cases import Case
from .engine_table import CAPTION, engine_rounds, engine_rows
from .results import Record, by_attribute, mean_of, measures_of_dataset

PACKAGE = "sam2track.benchmark"
SPARKS = 24  # number of objects with a small curve
SPARK_POINTS = 220  # more points than pixels would only make the file larger
BINS = 40  # of relative time


def write_report(
    path: Path,
    records: Sequence[Record],
    results: Mapping[str, Any],
    cases: Sequence[Case],
    *,
    settings: str,
    caution: str = "",
) -> None:
    """Write the report of a run.

    Args:
        records: of the finished sequences; ``results`` is the content of ``results.json``.
        settings: of the run, as YAML.
        caution: why published numbers are not comparable; empty if they are.
    """
    measures = measures_of_dataset(results["dataset"])
    # VOT's measure is for the whole dataset, not for an object.
    lead = "AUC" if measures[0] == "F" else measures[0]
    objects = [
        (f"{record['sequence']} / {object_id}", row)
        for record in records
        for object_id, row in record["objects"].items()
    ]
    worst = sorted(objects, key=lambda item: item[1][lead])[:SPARKS]
    rows = sorted(results["sequences"].items(), key=lambda item: -item[1].get(lead, 0))
    write_page(
        path,
        "report.html.j2",
        PACKAGE,
        title=f"{results['method']} on {results['dataset']}",
        results=results,
        published=_published(results),
        caution=caution,
        lead=lead,
        measures=measures,
        sequences=rows,
        over_time=_over_time([row["j"] for _, row in objects]),
        sparks=[(name, row[lead], _spark(row["j"])) for name, row in worst],
        attributes=_attributes(records, lead),
        engine=_engine(results),
        cases=cases,
        settings=settings,
    )


def _published(results: Mapping[str, Any]) -> dict[str, Any] | None:
    """The published numbers of the dataset and this run's, best first."""
    table = yaml.safe_load((files(PACKAGE) / "published.yaml").read_text(encoding="utf-8"))
    known = table["datasets"].get(results["dataset"])
    if known is None or known["measure"] not in results["mean"]:
        return None
    rows = [(method, value, table["sources"][source]) for method, value, source in known["rows"]]
    rows.append((results["method"], results["mean"][known["measure"]], None))  # this run
    rows.sort(key=lambda row: -row[1])
    return {"sequences": None, **known, "rows": rows}


def _engine(results: Mapping[str, Any]) -> dict[str, Any] | None:
    """The tables of the data engine, if it was played, with a line for each column."""
    if "engine" not in results:
        return None
    (_, titles), *phases = engine_rows(results["engine"])
    return {
        "caption": CAPTION,
        "phases": [name for name, _ in phases],
        "lines": list(zip(titles, *(values for _, values in phases), strict=True)),
        "rounds": engine_rounds(results["engine"]),
    }


def _over_time(curves: Sequence[Sequence[float | None]]) -> list[list[float]]:
    """Mean, lower and upper quartile of many curves over relative time; empty if none is known."""
    rows = []
    for curve in curves:
        values = np.array(curve, float)  # None becomes NaN
        known = np.flatnonzero(~np.isnan(values))
        if len(known):
            places = np.linspace(0, len(values) - 1, BINS)
            rows.append(np.interp(places, known, values[known]))
    return [np.mean(rows, 0).tolist(), *np.percentile(rows, [25, 75], 0).tolist()] if rows else []


def _spark(curve: Sequence[float | None]) -> list[tuple[float, float]]:
    """The known values of a curve, each with its relative time, 0..1."""
    last = max(len(curve) - 1, 1)
    values = [(index / last, value) for index, value in enumerate(curve) if value is not None]
    return values[:: max(1, len(values) // SPARK_POINTS)]


def _attributes(records: Sequence[Record], lead: str) -> list[dict[str, Any]]:
    """The means of the sequences with each attribute, worst first."""
    scored = [list(record["objects"].values()) for record in records]
    having = by_attribute(
        (record["attributes"], rows) for record, rows in zip(records, scored, strict=True) if rows
    )
    table = [
        {**mean_of([row for rows in some for row in rows]), "name": name, "sequences": len(some)}
        for name, some in having.items()
    ]
    return sorted(table, key=lambda row: row[lead])
