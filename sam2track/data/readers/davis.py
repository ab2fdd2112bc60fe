"""DAVIS 2016 and 2017 on disk, laid out as the DAVIS 2017 archives are.

Room: DATA. The folder that holds ``JPEGImages``, ``Annotations`` and ``ImageSets`` enters, its
sequences leave. 2016 has one object a sequence (any label above zero), 2017 several (palette
indices; 255 is void). Of ``test-dev`` only the first frame's masks are public.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import yaml

from .vos import VOSSequence, read_sequence


def davis(
    root: str | Path, year: int = 2017, split: str = "val", *, names: Sequence[str] | None = None
) -> tuple[VOSSequence, ...]:
    """The sequences of a split, in the list's order, at 480p.

    Attributes (2016's: ``OCC`` occlusion, ``FM`` fast motion, ...) are those of
    ``Annotations/db_info.yml``, which the 2016 archive holds; without it there are none.

    Args:
        root: the folder that holds ``JPEGImages``, ``Annotations`` and ``ImageSets``.
        year: 2016 or 2017.
        split: a list in ``ImageSets/<year>``, such as ``val``, ``train`` or ``test-dev``.
        names: only these sequences, in this order; they need not be in the list.

    Raises:
        FileNotFoundError: if the list is missing; when a sequence is used, if it is incomplete.
        ValueError: if the year is neither 2016 nor 2017, or the list is empty or damaged.
    """
    root = Path(root)
    if year not in (2016, 2017):
        raise ValueError(f"year {year} is neither 2016 nor 2017")
    if names is None:
        names = _listed(root / "ImageSets" / str(year) / f"{split}.txt")
    attributes = _attributes(root / "Annotations" / "db_info.yml") if year == 2016 else {}
    return tuple(
        VOSSequence(
            name,
            partial(
                read_sequence,
                root / "JPEGImages" / "480p" / name,
                root / "Annotations" / "480p" / name,
                binary=year == 2016,
                void=255 if year == 2017 else None,
                gapless=True,
                whole=True,
            ),
            attributes=attributes.get(name, ()),
            late=False,
        )
        for name in names
    )


def _listed(path: Path) -> list[str]:
    """The names in a list, one a line."""
    if not path.is_file():
        raise FileNotFoundError(
            f"no list {path}: root must be the folder that holds JPEGImages, Annotations, ImageSets"
        )
    names = path.read_text().split()
    if not names:
        raise ValueError(f"{path} lists no sequence")
    return names


def _attributes(path: Path) -> dict[str, tuple[str, ...]]:
    """Each sequence's attributes; none without the file."""
    if not path.is_file():
        return {}
    try:
        listed = yaml.safe_load(path.read_text())["sequences"]
        return {str(one["name"]): tuple(map(str, one["attributes"])) for one in listed}
    except (yaml.YAMLError, KeyError, TypeError) as error:
        raise ValueError(f"{path} lists no sequences with attributes ({error!r})") from error
