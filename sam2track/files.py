"""Writes files completely or not at all.

A file is written under a temporary name beside its final place, and renamed when it is complete.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any


class UnfinishedFile:
    """A file that is written over some time: :meth:`start`, then :meth:`commit` or :meth:`discard`.

    The bytes go to ``temporary`` until :meth:`commit`, and then are at ``path``.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.temporary = self.path.with_name(f".{self.path.name}.part")
        self._made: list[Path] = []

    def start(self) -> Path:
        """Make the folders; the path to write to. OSError if there is a folder at ``path``."""
        if not self.path.parent.exists():
            missing = [path for path in self.path.parents if not path.exists()]
            for path in reversed(missing):
                path.mkdir(exist_ok=True)
                self._made.append(path)
        if self.path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(self.path))
        return self.temporary

    def commit(self) -> None:
        """Give the finished file its name, replacing an older one."""
        os.replace(self.temporary, self.path)

    def discard(self) -> None:
        """Remove the temporary file, and the folders made for it if they are empty."""
        with suppress(OSError):
            self.temporary.unlink(missing_ok=True)
        for path in reversed(self._made):
            with suppress(OSError):
                path.rmdir()


@contextmanager
def whole_file(path: str | Path) -> Iterator[Path]:
    """A temporary path to write to, which becomes ``path`` when the block ends without an error.

    The content is on the disk (``fsync``) before it gets its name. Folders are made. If it cannot
    be written (OSError), the old file at ``path`` is unchanged.
    """
    file = UnfinishedFile(path)
    try:
        temporary = file.start()
        yield temporary
        with temporary.open("rb+") as written:
            os.fsync(written.fileno())
        file.commit()
    except BaseException:
        file.discard()
        raise


@contextmanager
def whole_folder(path: str | Path) -> Iterator[Path]:
    """A temporary folder to write to, which becomes ``path`` when the block ends without an error.

    Raises:
        ValueError: if there is something at ``path`` that is not an empty folder.
        OSError: if it cannot be written. In both cases nothing is left.
    """
    path = Path(path)
    if path.is_symlink() or (path.exists() and not (path.is_dir() and not any(path.iterdir()))):
        raise ValueError(f"{path} is there already and not an empty folder; give another one")
    file = UnfinishedFile(path)
    shutil.rmtree(file.temporary, ignore_errors=True)  # left by a run that was killed
    try:
        if path.exists():
            path.rmdir()  # Windows does not replace a folder, also not an empty one
        file.start().mkdir()
        yield file.temporary
        file.commit()
    except BaseException:
        shutil.rmtree(file.temporary, ignore_errors=True)
        file.discard()
        raise


def write_whole(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Let ``write`` fill a file, by :func:`whole_file`."""
    with whole_file(path) as temporary, temporary.open("wb") as file:
        write(file)


def write_text(path: Path, text: str) -> None:
    """Write a text file as UTF-8, by :func:`whole_file`."""
    write_whole(path, lambda file: file.write(text.encode()))


def has_jinja() -> bool:
    """Whether pages can be written."""
    return find_spec("jinja2") is not None


def require_jinja() -> None:
    """Raise ValueError if a report cannot be written, before the work begins."""
    if not has_jinja():
        raise ValueError(
            "a report needs Jinja: pip install 'sam2track[benchmark]', or say report=false"
        )


def write_page(path: Path, template: str, *packages: str, **context: Any) -> None:
    """Render a page from a template, which is in the first of some packages; needs Jinja."""
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

    loader = ChoiceLoader([PackageLoader(package) for package in packages])
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    write_text(path, environment.get_template(template).render(**context))


def hash_file(path: Path, digest: Any = None) -> Any:
    """SHA-256 of a file's bytes, as ``hashlib`` has it; a given ``digest`` goes on with them."""
    digest = digest or hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest


def digest_of(given: object) -> str:
    """A hash of plain data, as JSON takes it."""
    text = json.dumps(given, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def stem_of(path: Path) -> str:
    """The name of a folder, or of a file without its suffix."""
    return path.name if path.is_dir() else path.stem


def expand_home(path: str | Path) -> Path:
    """A path whose leading ``~`` or ``~user`` is replaced; unchanged if there is no such user."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)
