"""What the two formats of Label Studio share: tasks, the labelling interface, and regions.

``tasks.json`` is imported as tasks with annotations; ``config.xml`` is the labelling interface that
fits. ``meta`` of a region tells its track.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.sax.saxutils import quoteattr

from ..tracks import ObjectClass, colour_of, hex_of
from .clips import Export
from .collecting import Collector, clean
from .records import Record
from .untrusted import entry, parse_xml, read_json, read_text


def task_record(number: int, data: Record, results: list[Record]) -> Record:
    annotations = [{"id": number, "completed_by": 1, "result": results}]
    return {"id": number, "data": data, "annotations": annotations}


def write_config(export: Export, name: str, shows: str, labels: str) -> None:
    """Write the labelling interface."""
    lines = ["<View>", f'  <{shows} name="{name}" value="${name}"/>']
    if name == "video":
        lines.append('  <VideoRectangle name="box" toName="video"/>')
    lines.append(f'  <{labels} name="label" toName="{name}">')
    for own in export.classes:
        colour = "" if own.colour is None else f' background="{hex_of(own.colour)}"'
        lines.append(f"    <Label value={quoteattr(own.name)}{colour}/>")
    text = "\n".join([*lines, f"  </{labels}>", "</View>", ""])
    (export.folder / "config.xml").write_text(text, encoding="utf-8")


def read_config(path: Path, collector: Collector) -> None:
    """Take the classes and their colours from the labelling interface beside the tasks."""
    file = (path if path.is_dir() else path.parent) / "config.xml"
    if not file.is_file():
        return
    found: dict[int, ObjectClass | str] = {}
    for place, label in enumerate(parse_xml(read_text(file), str(file)).iter("Label"), start=1):
        colour = colour_of(label.get("background"))
        found[place] = ObjectClass(1, clean(label.get("value", "")), colour)
    collector.class_ids(found)


def of_types(
    results: list[Record], types: Sequence[str], what: str, collector: Collector, where: str
) -> list[Record]:
    """The regions of some types, which are ``what``; others are counted."""
    found = [own for own in results if own.get("type") in types]
    if len(found) < len(results):
        collector.losses.add(f"regions that are no {what}", where, len(results) - len(found))
    return found


def region_meta(region: Record) -> Record:
    meta = region.get("meta")
    return meta if isinstance(meta, dict) else {}


def region_class(value: Record, key: str, collector: Collector, where: str) -> int:
    labels = value.get(key)
    if not isinstance(labels, list) or not labels:
        return collector.default_class()
    if len(labels) > 1:
        collector.losses.add("second labels of a region", where)
    return collector.class_named(str(labels[0]))


def read_tasks(path: Path) -> Iterator[tuple[str, Record, list[Record]]]:
    """Each task: where it is, its data, and the regions of its first annotation."""
    file = path / "tasks.json" if path.is_dir() else path
    tasks = read_json(file)
    if not isinstance(tasks, list):
        raise ValueError(f"{file} is no list of tasks; export 'JSON' from Label Studio")
    for number, task in enumerate(tasks, start=1):
        where = f"{file}: task {number}"
        data = entry(task, "data", dict, where)
        annotations = task.get("annotations") or task.get("predictions") or [{"result": []}]
        yield where, data, entry(annotations[0], "result", list, where)
