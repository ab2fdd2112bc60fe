"""Reads MOSE, version 1 and 2, which have the same layout."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from .listing import choose_names, list_folders
from .vos import VOSSequence, read_sequence


def mose(
    root: str | Path, split: str = "valid", *, names: Sequence[str] | None = None
) -> tuple[VOSSequence, ...]:
    """``<split>/JPEGImages/<video>/00000.jpg`` and ``<split>/Annotations/<video>/00000.png``.

    The PNGs hold palette indices. ``split`` is ``train``, ``valid`` (only the first frame's masks
    are public) or, of version 1, ``test``.
    """
    images, annotations = Path(root) / split / "JPEGImages", Path(root) / split / "Annotations"
    return tuple(
        VOSSequence(
            name,
            partial(read_sequence, images / name, annotations / name, gapless=True, whole=True),
        )
        for name in choose_names(list_folders(images), names, images)
    )
