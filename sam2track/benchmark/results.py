"""Sequences' records put together: what ``results.json`` and ``objects.csv`` hold.

Room: BENCHMARK. Records enter, tables leave.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

MEASURES = ("J&F", "J", "F", "J recall", "F recall", "J decay", "F decay")

Record = dict[str, Any]


def mean_of(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """The means of all measures over some objects, in percent; none without objects."""
    if not rows:
        return {}
    return {name: sum(row[name] for row in rows) / len(rows) for name in MEASURES}


def summarise(records: Sequence[Record], broken: Mapping[str, str]) -> dict[str, Any]:
    """What ``results.json`` holds.

    ``mean``: over all objects, in percent, and frames a second; ``sequences``: the same for each,
    with its objects; ``broken``: what went wrong with the sequences that are missing.
    """
    objects = [row for record in records for row in record["objects"].values()]
    frames = sum(record["frames"] for record in records)
    seconds = sum(record["seconds"] for record in records)
    mean: dict[str, float] = mean_of(objects)
    if frames:
        mean["fps"] = frames / seconds
    sequences = {
        record["sequence"]: {
            **mean_of(list(record["objects"].values())),
            **{key: record[key] for key in ("fps", "frames", "memory", "attributes")},
            "objects": {
                object_id: {name: row[name] for name in MEASURES}
                for object_id, row in record["objects"].items()
            },
        }
        for record in records
    }
    return {"mean": mean, "sequences": sequences, "broken": dict(broken)}


def objects_csv(records: Sequence[Record]) -> str:
    """One line for each object."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["sequence", "object", *MEASURES])
    for record in records:
        for object_id, row in record["objects"].items():
            values = [f"{row[name]:.4f}" for name in MEASURES]
            writer.writerow([record["sequence"], object_id, *values])
    return text.getvalue()


def table(results: Mapping[str, Any]) -> str:
    """Scores and speed of each sequence and their mean, for the terminal."""
    columns = ("J&F", "J", "F", "J recall", "J decay", "fps")
    rows = [*results["sequences"].items(), ("mean", results["mean"])]
    width = max(len(name) for name, _ in rows) + 1
    lines = [" " * width + "".join(f"{name:>10}" for name in columns)]
    for name, row in rows:
        values = (f"{row[key]:>10.1f}" if key in row else " " * 9 + "-" for key in columns)
        lines.append(f"{name:<{width}}" + "".join(values))
    return "\n".join(lines)
