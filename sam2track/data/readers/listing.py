"""Functions for all readers of datasets: lists of names, folders, files, and chosen videos.

A file or folder that is missing, or a folder that is empty, raises FileNotFoundError; an empty
list or an unknown name ValueError.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from pathlib import Path

from ...video import list_pictures

_SHOWN = 12  # names in a message


def read_list(path: Path) -> list[str]:
    """The names in a text file, one per line."""
    if not path.is_file():
        raise FileNotFoundError(
            f"no list {path}: check root= (the folder that the archive unpacked to) and split="
        )
    names = path.read_text().split()
    if not names:
        raise ValueError(f"{path} lists no sequence")
    return names


def list_folders(folder: Path) -> list[str]:
    """The names of the folders in a folder, sorted; hidden ones are ignored."""
    if not folder.is_dir():
        raise FileNotFoundError(f"no folder {folder}: check root= and split=")
    names = sorted(p.name for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))
    if not names:
        raise FileNotFoundError(f"{folder} has no folders: there should be one for each video")
    return names


def list_files(folder: Path, suffixes: tuple[str, ...]) -> list[Path]:
    """The files in a folder with these suffixes, in the order of :func:`list_pictures`."""
    if not folder.is_dir():
        raise FileNotFoundError(f"no folder {folder}: copy or unpack the dataset again")
    files = list_pictures(folder, suffixes)
    if not files:
        wanted = "pictures" if len(suffixes) > 1 else " ".join(suffixes) + " files"
        raise FileNotFoundError(f"{folder} has no {wanted}; copy them again")
    return files


def choose_names(known: Iterable[str], names: Sequence[str] | None, where: str | Path) -> list[str]:
    """The requested names, which must exist, or all names."""
    known = list(known)
    if names is None:
        return known
    there = set(known)
    for name in (name for name in names if name not in there):
        close: list[str] = difflib.get_close_matches(str(name), known, n=1)
        more = ", ..." if len(known) > _SHOWN else ""
        hint = f"did you mean {close[0]!r}? " if close else ""
        raise ValueError(
            f"{where} has no video {name!r}; {hint}It has {', '.join(known[:_SHOWN])}{more}"
        )
    return list(names)


def listed_names(path: Path, names: Sequence[str] | None, folder: Path) -> list[str]:
    """The names in a list, or the requested ones: these must be folders, but need not be listed."""
    return read_list(path) if names is None else choose_names(list_folders(folder), names, folder)
