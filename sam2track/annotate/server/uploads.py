"""Files that come from outside: names that are safe, sizes that are bounded, archives unpacked."""

from __future__ import annotations

import zipfile
from collections.abc import AsyncIterator
from pathlib import Path, PurePosixPath

from starlette.concurrency import run_in_threadpool

from ...video import PICTURE_SUFFIXES
from .security import Refused

ANNOTATION_SUFFIXES = (".json", ".xml", ".txt", ".zip", ".ndjson", ".png")
_UNPACKED = (*ANNOTATION_SUFFIXES, *PICTURE_SUFFIXES, ".yaml", ".yml", ".csv")
MOST_FILES, MOST_BYTES = 200_000, 8 << 30  # of an archive, unpacked


def safe_name(name: str, suffixes: tuple[str, ...], what: str) -> str:
    """A file name without a folder; ValueError if its suffix is none of ``suffixes``."""
    plain = PurePosixPath(name.replace("\\", "/")).name
    plain = "".join(c if c.isprintable() and c not in '<>:"|?*' else "_" for c in plain)
    stem, suffix = Path(plain).stem.strip(". ") or "file", Path(plain).suffix.lower()
    if suffix not in suffixes:
        listed = f"{', '.join(suffixes[:-1])} or {suffixes[-1]}"
        raise ValueError(f"{plain[:80]!r} is no {what}; its name should end with {listed}")
    while len(stem.encode()) > 150:
        stem = stem[:-1]
    return stem + suffix


def free_place(folder: Path, name: str) -> Path:
    """A path in a folder that is not there yet."""
    place, number = folder / name, 1
    while place.exists():
        number += 1
        place = folder / f"{Path(name).stem}-{number}{Path(name).suffix}"
    return place


async def receive_file(parts: AsyncIterator[bytes], place: Path, most: int) -> None:
    """Write what comes into a file.

    Nothing is left of it if it breaks off, or has more than ``most`` bytes (then it is
    refused).
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    size, whole = 0, False
    try:
        with place.open("xb") as file:
            async for part in parts:
                size += len(part)
                if size > most:
                    raise Refused(413, f"the file is larger than {most} bytes")
                await run_in_threadpool(file.write, part)
        whole = True
    finally:
        if not whole:
            place.unlink(missing_ok=True)
    if not size:
        place.unlink(missing_ok=True)
        raise ValueError("the file is empty; send its content as the body")


def unpack(archive: Path, folder: Path) -> Path:
    """Unpack a zip file of annotations: the folder or the single file in it.

    Raises:
        ValueError: if it is no zip file, too large, empty, or holds names that lead out of the
            folder.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            infos = [info for info in opened.infolist() if not info.is_dir()]
            if len(infos) > MOST_FILES or sum(info.file_size for info in infos) > MOST_BYTES:
                raise ValueError(f"{archive.name} is too large when it is unpacked; split it")
            for info in infos:
                _unpack_one(opened, info, folder, archive.name)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise ValueError(f"{archive.name} is no zip file that can be read: {error}") from None
    place = folder
    if not folder.is_dir():
        raise ValueError(f"{archive.name} holds no file of annotations")
    while True:  # an archive often holds one folder
        inside = list(place.iterdir())
        if len(inside) != 1:
            return place
        place = inside[0]
        if place.is_file():
            return place


def _unpack_one(opened: zipfile.ZipFile, info: zipfile.ZipInfo, folder: Path, archive: str) -> None:
    """Unpack one file, no more bytes than it claims to have."""
    name = PurePosixPath(info.filename.replace("\\", "/"))
    if name.is_absolute() or ".." in name.parts or ":" in info.filename or not name.name:
        raise ValueError(f"{archive} holds {info.filename[:80]!r}, which leads out of its folder")
    if name.suffix.lower() not in _UNPACKED:
        return
    place = folder.joinpath(*name.parts)
    place.parent.mkdir(parents=True, exist_ok=True)
    left = info.file_size
    with opened.open(info) as source, place.open("xb") as file:
        while block := source.read(1 << 20):
            left -= len(block)
            if left < 0:
                raise ValueError(f"{archive}: {info.filename[:80]!r} is larger than it says")
            file.write(block)
