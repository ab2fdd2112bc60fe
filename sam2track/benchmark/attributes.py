"""What the codes of sequence attributes mean.

From the papers of DAVIS 2016 (10.1109/CVPR.2016.85), LaSOT (1809.07845) and OTB
(10.1109/TPAMI.2014.2388226).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

T = TypeVar("T")

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
