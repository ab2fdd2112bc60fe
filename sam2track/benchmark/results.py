"""Summarises the records of sequences: the content of ``results.json`` and ``objects.csv``."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from .engine_table import summarise_engine

MASK_MEASURES = ("J&F", "J", "F", "J recall", "J decay")
BOX_MEASURES = ("AUC", "precision", "normalised precision", "AO", "SR50", "SR75")
MEASURES = {
    "lasot": BOX_MEASURES,
    "otb": BOX_MEASURES,
    "got10k": ("AO", "SR50", "SR75", "AUC", "precision", "normalised precision"),
    "vot": ("F", "Pr", "Re", "AUC", "AO"),
}

Record = dict[str, Any]
T = TypeVar("T")

# What the codes of sequence attributes mean, from the papers of DAVIS 2016
# (10.1109/CVPR.2016.85), LaSOT (1809.07845) and OTB (10.1109/TPAMI.2014.2388226).
# fmt: off
WORDS = {
    "AC": "appearance change", "ARC": "aspect ratio change", "BC": "background clutter",
    "CM": "camera motion", "CS": "camera shake", "DB": "dynamic background", "DEF": "deformation",
    "EA": "edge ambiguity", "FM": "fast motion", "FOC": "full occlusion",
    "HO": "heterogeneous object", "IO": "interacting objects", "IPR": "in-plane rotation",
    "IV": "illumination variation", "LR": "low resolution", "MB": "motion blur",
    "OCC": "occlusion", "OPR": "out-of-plane rotation", "OV": "out of view",
    "POC": "partial occlusion", "ROT": "rotation", "SC": "shape complexity",
    "SV": "scale variation", "VC": "viewpoint change",
}
# fmt: on


def measures_of_dataset(name: str) -> tuple[str, ...]:
    """The measures to show for a dataset, its official one first."""
    return MEASURES.get(name, MASK_MEASURES)


def mean_of(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """The means of all measures (the values that are floats) over some objects.

    Objects in groups (seen, unseen) are averaged by group, and then the groups, as YouTube-VOS and
    LVOS do.
    """
    if not rows:
        return {}
    names = measures_of(rows[0])
    means = [
        {name: sum(row[name] for row in part) / len(part) for name in names}
        for part in groups_of(rows).values()
    ]
    return {name: sum(mean[name] for mean in means) / len(means) for name in names}


def measures_of(row: Mapping[str, Any]) -> list[str]:
    """The names of the measures in an object's row."""
    return [name for name, value in row.items() if isinstance(value, float)]


def groups_of(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """The objects by group."""
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        groups.setdefault(row["group"], []).append(row)
    return dict(sorted(groups.items()))


def summarise(
    records: Sequence[Record], broken: Mapping[str, str], pooled: Mapping[str, float]
) -> dict[str, Any]:
    """The content of ``results.json``. ``pooled`` has measures that are not means over objects.

    ``mean``: over all objects, in percent, and frames per second; ``groups``: the mean of each, if
    there are any; ``rounds``: the mean J&F by number of annotated frames, if interactive;
    ``engine``: of :func:`.engine_table.summarise_engine`, if it was played; ``sequences``: the same
    for each, with its objects; ``broken``: the errors of the sequences that are missing.
    """
    objects = [row for record in records for row in record["objects"].values()]
    mean: dict[str, float] = mean_of(objects) | dict(pooled)
    if records:
        frames = sum(record["frames"] for record in records)
        mean["fps"] = frames / sum(record["seconds"] for record in records)
    results: dict[str, Any] = {"mean": mean}
    groups = groups_of(objects)
    if len(groups) > 1:
        results["groups"] = {name: mean_of(rows) for name, rows in groups.items()}
    rounds = [row["rounds"] for row in objects if "rounds" in row]
    if rounds:
        results["rounds"] = [sum(column) / len(column) for column in zip(*rounds, strict=True)]
    played = [row["engine"] for row in objects if "engine" in row]
    if played:
        results["engine"] = summarise_engine(played)
    results["sequences"] = {
        record["sequence"]: {
            **mean_of(list(record["objects"].values())),
            **{key: record[key] for key in ("fps", "frames", "memory", "attributes")},
            "objects": {
                object_id: {name: row[name] for name in measures_of(row)}
                for object_id, row in record["objects"].items()
            },
        }
        for record in records
    }
    results["broken"] = dict(broken)
    return results


def objects_csv(records: Sequence[Record]) -> str:
    """One line for each object."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = next((measures_of(row) for one in records for row in one["objects"].values()), [])
    writer.writerow(["sequence", "object", *names])
    for record in records:
        for object_id, row in record["objects"].items():
            scores = [f"{row[name]:.4f}" for name in names]
            writer.writerow([record["sequence"], object_id, *scores])
    return text.getvalue()


def table(results: Mapping[str, Any]) -> str:
    """Scores and speed of each sequence and their mean, for the terminal."""
    columns = (*measures_of_dataset(results["dataset"]), "fps")
    rows = [*results["sequences"].items(), ("mean", results["mean"])]
    width = max(len(name) for name, _ in rows) + 1
    lines = [" " * width + "".join(f"{name[:10]:>11}" for name in columns)]
    for name, row in rows:
        values = (f"{row[key]:>11.1f}" if key in row else " " * 10 + "-" for key in columns)
        lines.append(f"{name:<{width}}" + "".join(values))
    return "\n".join(lines)


def in_words(attribute: str) -> str:
    """``FM`` as ``fast motion (FM)``; other attributes unchanged."""
    return f"{WORDS[attribute]} ({attribute})" if attribute in WORDS else attribute


def by_attribute(items: Iterable[tuple[Iterable[str], T]]) -> dict[str, list[T]]:
    """The items that have each attribute, in words; an item comes with its attributes."""
    found: dict[str, list[T]] = {}
    for attributes, item in items:
        for name in attributes:
            found.setdefault(in_words(name), []).append(item)
    return found
