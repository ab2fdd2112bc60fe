"""DAVIS 2016 and 2017 on disk, laid out as the DAVIS 2017 archives are.

In: the folder that holds ``JPEGImages``, ``Annotations`` and ``ImageSets``. Out: its sequences.
2016 has one object a sequence (any label above zero), 2017 several (palette indices; 255 is void).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .vos import VOSSequence, read_sequence


def davis(
    root: str | Path, year: int = 2017, split: str = "val", *, names: Sequence[str] | None = None
) -> tuple[VOSSequence, ...]:
    """The sequences of a split, in the list's order, at 480p.

    Args:
        root: the folder that holds ``JPEGImages``, ``Annotations`` and ``ImageSets``.
        year: 2016 or 2017.
        split: a list in ``ImageSets/<year>``, such as ``val`` or ``train``.
        names: only these sequences, in this order; they need not be in the list.

    Raises:
        FileNotFoundError: if the list or a sequence is missing; the message names the path.
        ValueError: if the year is neither 2016 nor 2017, or the list is empty.
    """
    root = Path(root)
    if year not in (2016, 2017):
        raise ValueError(f"year {year} is neither 2016 nor 2017")
    if names is None:
        names = _listed(root / "ImageSets" / str(year) / f"{split}.txt")
    return tuple(
        read_sequence(
            root / "JPEGImages" / "480p" / name,
            root / "Annotations" / "480p" / name,
            binary=year == 2016,
            void=255 if year == 2017 else None,
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
