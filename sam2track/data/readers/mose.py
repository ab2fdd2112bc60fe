"""Reads MOSE, version 1 and 2, which have the same layout.

A split is ``JPEGImages/<video>/00000.jpg`` and ``Annotations/<video>/00000.png`` (palette indices);
of ``valid`` only the first frame's masks are public.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from .listing import choose_names, list_folders
from .vos import VOSSequence, read_sequence


def mose(
    root: str | Path, split: str = "valid", *, names: Sequence[str] | None = None
) -> tuple[VOSSequence, ...]:
    """The sequences of a split, in the order of their names.

    Args:
        root: the folder that holds the splits.
        split: ``train``, ``valid`` or, of version 1, ``test``.
        names: only these videos, in this order.

    Raises:
        FileNotFoundError: if the split is missing; when a sequence is used, if it is incomplete.
        ValueError: if there is no such video.
    """
    images = Path(root) / split / "JPEGImages"
    annotations = Path(root) / split / "Annotations"
    return tuple(
        VOSSequence(
            name,
            partial(read_sequence, images / name, annotations / name, gapless=True, whole=True),
        )
        for name in choose_names(list_folders(images), names, images)
    )
