"""Writes ``report.html``: a finished run as one page of HTML without other files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml

from ..files import write_text
from . import charts
from .attributes import in_words
from .cases import Case
from .results import Record, mean_of

HERE = files("sam2track.benchmark")
SPARKS = 24


@dataclass(frozen=True, slots=True)
class Subject:
    """What a report is about.

    Attributes:
        dataset: its name.
        method: the tracker, in words.
        settings: the settings of the run, as YAML.
        measures: the measures to show, the main one first.
        caution: why published numbers cannot be compared; empty if they can.
    """

    dataset: str
    method: str
    settings: str
    measures: tuple[str, ...]
    caution: str = ""


def has_jinja() -> bool:
    """Whether reports can be written."""
    return find_spec("jinja2") is not None


def require_jinja() -> None:
    """Check that a report can be written, before hours of tracking.

    Raises:
        ValueError: if Jinja is not installed.
    """
    if not has_jinja():
        raise ValueError(
            "a report needs Jinja: pip install 'sam2track[benchmark]', or say report=false"
        )


def write_page(path: Path, template: str, **context: Any) -> None:
    """Render a template of this package.

    Raises:
        ValueError: if Jinja is not installed.
        OSError: if the disk refuses.
    """
    require_jinja()
    from jinja2 import DictLoader, Environment, StrictUndefined

    folder = HERE / "templates"
    texts = {entry.name: entry.read_text(encoding="utf-8") for entry in folder.iterdir()}
    environment = Environment(
        loader=DictLoader(texts), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    page = environment.get_template(template).render(**context)
    write_text(path, page)


def write_report(
    path: Path,
    subject: Subject,
    records: Sequence[Record],
    results: Mapping[str, Any],
    cases: Sequence[Case],
) -> None:
    """Write the report of a run.

    Args:
        path: of the page.
        subject: what the report is about.
        records: of the finished sequences.
        results: what :func:`sam2track.benchmark.results.summarise` made of them.
        cases: the worst sequences.

    Raises:
        ValueError, OSError: as :func:`write_page`.
    """
    from markupsafe import Markup  # Jinja's

    lead, mean = subject.measures[0], results["mean"]
    rows = list(results["sequences"].items())
    # VOT's own measure is one of the whole dataset, not of an object.
    objects_lead = "AUC" if lead == "F" else lead
    rows.sort(key=lambda item: -item[1].get(objects_lead, 0))
    rounds = results.get("rounds", ())
    curves = [row["j"] for record in records for row in record["objects"].values()]
    write_page(
        path,
        "report.html.j2",
        title=f"{subject.method} on {subject.dataset}",
        subtitle=_scope(results),
        dataset=subject.dataset,
        cards=_cards(subject, results),
        broken=results["broken"],
        published=_published(subject, results),
        rounds=Markup(charts.by_round(rounds)) if len(rounds) > 1 else "",
        scored=lead in mean,
        lead=objects_lead,
        mean=mean.get(objects_lead),
        measures=subject.measures,
        sequences=rows,
        cuda=any("cuda" in row["memory"] for _, row in rows),
        curve="J" if lead == "J&F" else "Overlap",
        over_time=Markup(charts.over_time(curves)),
        sparks=_sparks(records, objects_lead),
        attributes=_attributes(records, objects_lead),
        cases=cases,
        settings=subject.settings,
    )


def _scope(results: Mapping[str, Any]) -> str:
    """How many sequences, objects and frames were measured."""
    sequences = results["sequences"].values()
    objects = sum(len(row["objects"]) for row in sequences)
    frames = sum(row["frames"] for row in sequences)
    scored = f"{objects:,} scored objects, " if objects else ""
    return f"{len(sequences):,} sequences, {scored}{frames:,} frames"


def _cards(subject: Subject, results: Mapping[str, Any]) -> list[dict[str, str]]:
    mean, lead = results["mean"], subject.measures[0]
    cards = [
        {"name": name, "value": f"{mean[name]:.1f}"} for name in subject.measures if name in mean
    ]
    for group, row in results.get("groups", {}).items():
        cards.append({"name": f"{lead}, {group}", "value": f"{row[lead]:.1f}"})
    if "fps" in mean:
        cards.append({"name": "fps", "value": f"{mean['fps']:.1f}"})
    for place, name in (("ram", "peak RAM"), ("cuda", "peak CUDA memory")):
        found = [row["memory"].get(place, 0.0) for row in results["sequences"].values()]
        if any(found):
            cards.append({"name": name, "value": f"{max(found) / 1000:.2f} GB"})
    return cards


def _published(subject: Subject, results: Mapping[str, Any]) -> dict[str, Any] | None:
    """The published numbers of the dataset and this run's, best first."""
    table = yaml.safe_load((HERE / "published.yaml").read_text(encoding="utf-8"))
    known = table["datasets"].get(subject.dataset)
    if known is None or known["measure"] not in results["mean"]:
        return None
    rows = [
        {"method": method, "value": value, "source": table["sources"][source], "own": False}
        for method, value, source in known["rows"]
    ]
    own = {"method": subject.method, "source": "this run", "own": True}
    rows.append({**own, "value": results["mean"][known["measure"]]})
    rows.sort(key=lambda row: -row["value"])
    note, count = subject.caution, len(results["sequences"])
    if "sequences" in known and count != known["sequences"]:
        note += (
            " "
            * bool(note)
            + f"This run has {count} sequences where the published split has {known['sequences']}: "
            "the numbers are not of the same thing."
        )
    return {"measure": known["measure"], "rows": rows, "note": note}


def _sparks(records: Sequence[Record], lead: str) -> list[dict[str, Any]]:
    from markupsafe import Markup

    found = [
        (row[lead], f"{record['sequence']} / {object_id}", row["j"])
        for record in records
        for object_id, row in record["objects"].items()
    ]
    found.sort(key=lambda item: item[0])
    return [
        {"name": name, "value": value, "svg": Markup(charts.sparkline(curve, name))}
        for value, name, curve in found[:SPARKS]
    ]


def _attributes(records: Sequence[Record], lead: str) -> list[dict[str, Any]]:
    """The means of the sequences with each attribute, worst first."""
    having: dict[str, list[Record]] = {}
    for record in records:
        for name in record["attributes"] if record["objects"] else ():
            having.setdefault(name, []).append(record)
    rows = [
        {
            **mean_of([row for record in some for row in record["objects"].values()]),
            "name": in_words(name),
            "sequences": len(some),
        }
        for name, some in having.items()
    ]
    return sorted(rows, key=lambda row: row[lead])
