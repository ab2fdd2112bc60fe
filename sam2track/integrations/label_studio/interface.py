"""What a labelling interface (Label Studio's XML) has for a model to fill in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...annotate.exchange import parse_xml


@dataclass(frozen=True, slots=True)
class Control:
    """A tag that makes regions."""

    tag: str  # ``VideoRectangle``, ``BrushLabels``, ...
    name: str  # ``from_name`` of its regions
    to_name: str  # and their ``to_name``
    labels: tuple[str, ...]  # that it offers; may be empty
    key: str  # of the task's data that it is about


def find_control(config: str, tags: Sequence[str]) -> Control | None:
    """The first control with one of these tags, earlier tags before later ones; ValueError if the
    interface is not valid XML."""
    root = parse_xml(config, "the labelling interface")
    values = {own.get("name"): own.get("value", "") for own in root.iter()}
    for tag in tags:
        for own in root.iter(tag):
            name, to_name = own.get("name", ""), own.get("toName", "")
            value = values.get(to_name, "")
            if name and value.startswith("$"):
                labels = (label.get("value", "") for label in own.iter("Label"))
                return Control(tag, name, to_name, tuple(labels), value[1:])
    return None
