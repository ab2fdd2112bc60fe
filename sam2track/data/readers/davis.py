"""Reads DAVIS 2016 and 2017, in the layout of the DAVIS 2017 archives."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import yaml

from .listing import listed_names
from .vos import VOSSequence, read_sequence


def davis(
    root: str | Path, year: int = 2017, split: str = "val", *, names: Sequence[str] | None = None
) -> tuple[VOSSequence, ...]:
    """The sequences of a split at 480p.

    2016 has one object in each sequence (any label above zero), 2017 several (palette indices; 255
    is void). Of ``test-dev`` only the first frame's masks are public. Attributes (2016's: ``OCC``
    occlusion, ``FM`` fast motion, ...) are those of ``Annotations/db_info.yml``, which the 2016
    archive holds; without it there are none.

    ``root`` holds ``JPEGImages``, ``Annotations`` and ``ImageSets``; ``split`` is a list in
    ``ImageSets/<year>``, such as ``val``; ``names`` need not be in it.
    """
    if year not in (2016, 2017):
        raise ValueError(f"year {year} is neither 2016 nor 2017")
    root = Path(root)
    images, annotations = root / "JPEGImages" / "480p", root / "Annotations" / "480p"
    kind = {"binary": year == 2016, "void": 255 if year == 2017 else None}
    attributes = _attributes(root / "Annotations" / "db_info.yml") if year == 2016 else {}
    return tuple(
        VOSSequence(
            name,
            partial(
                read_sequence, images / name, annotations / name, gapless=True, whole=True, **kind
            ),
            attributes=attributes.get(name, ()),
            late_objects=False,
        )
        for name in listed_names(root / "ImageSets" / str(year) / f"{split}.txt", names, images)
    )


def _attributes(path: Path) -> dict[str, tuple[str, ...]]:
    """Each sequence's attributes; none without the file."""
    if not path.is_file():
        return {}
    try:
        listed = yaml.safe_load(path.read_text())["sequences"]
        return {str(one["name"]): tuple(map(str, one["attributes"])) for one in listed}
    except (yaml.YAMLError, KeyError, TypeError) as error:
        raise ValueError(f"{path} lists no sequences with attributes ({error!r})") from error
