"""Finds the file that a task is about: in one folder, or on hosts that the user has allowed.

Tasks come over the network, so nothing else is read or fetched.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import urllib.request
from collections.abc import Sequence
from http.client import HTTPException, HTTPMessage
from pathlib import Path
from typing import IO
from urllib.parse import parse_qs, unquote, urlsplit

from ...files import expand_home

MOST_BYTES = 2 << 30  # of a file that is fetched
KEPT = 16  # fetched files
SECONDS = 30  # without an answer
LOCAL_FILES, UPLOADS = "/data/local-files/", "/data/upload/"


class TaskFiles:
    """The files of tasks.

    Args:
        root: the folder. Label Studio's local files (``/data/local-files/?d=a/b.mp4``) are
            ``root/a/b.mp4``, its uploads (``/data/upload/1/b.mp4``) are ``root/upload/1/b.mp4``,
            and other paths are in it or relative to it.
        hosts: that files may be fetched from: ``example.org``, or with a port ``localhost:8080``.
        token: of Label Studio, which these hosts are given.

    Raises:
        ValueError: if there is no such folder.
    """

    def __init__(self, root: str | Path, hosts: Sequence[str] = (), token: str = "") -> None:
        self.root = expand_home(root).resolve()
        if not self.root.is_dir():
            raise ValueError(f"root={root} is no folder; give the one that holds the tasks' files")
        self.hosts = frozenset(host.lower() for host in hosts)
        self.token = token
        self.folder = tempfile.TemporaryDirectory(prefix="sam2track-label-studio-")

    def find(self, value: object) -> Path:
        """The file of a value in a task's data.

        Raises:
            ValueError: if it is not in the folder, nor on an allowed host, or cannot be fetched.
        """
        if not isinstance(value, str) or not value or "\0" in value:
            raise ValueError(f"a task's file is {str(value)[:80]!r}; give a path or an address")
        parts = urlsplit(value)
        if parts.scheme in ("http", "https"):
            return self._fetch(value)
        if value.startswith(LOCAL_FILES):
            path = (parse_qs(parts.query).get("d") or [""])[0]
        elif value.startswith(UPLOADS):
            path = unquote(parts.path).removeprefix("/data/")
        else:
            path = value
        try:
            found = (self.root / path).resolve()  # links are followed before the check
            there = found.is_file()
        except OSError as error:  # such as a name that is too long
            raise ValueError(f"{value[:200]!r} cannot be read: {error.strerror}") from None
        if not found.is_relative_to(self.root):
            raise ValueError(f"{value[:200]!r} is outside the folder {self.root}; see --root")
        if not there:
            raise ValueError(f"{value[:200]!r}: there is no file {found}; see --root")
        return found

    def _fetch(self, address: str) -> Path:
        """Fetch a file, unless it was fetched before."""
        self._check_host(address)
        name = hashlib.sha256(address.encode()).hexdigest()[:16]
        path = Path(self.folder.name, name + Path(urlsplit(address).path).suffix[:8])
        if path.is_file():
            os.utime(path)
            return path
        headers = {"Authorization": f"Token {self.token}"} if self.token else {}
        opener = urllib.request.build_opener(_CheckedRedirects(self))
        part = path.with_suffix(".part")
        try:
            request = urllib.request.Request(address, headers=headers)
            with opener.open(request, timeout=SECONDS) as answer, part.open("wb") as file:
                _copy(answer, file, address, answer.headers.get("Content-Length"))
        except (OSError, HTTPException) as error:
            raise ValueError(f"cannot fetch {address[:200]}: {error}") from None
        part.rename(path)
        kept = sorted(Path(self.folder.name).iterdir(), key=lambda own: own.stat().st_mtime)
        for old in kept[:-KEPT]:
            old.unlink()
        return path

    def _check_host(self, address: str) -> None:
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or parts.netloc.lower() not in self.hosts:
            raise ValueError(
                f"{address[:200]!r} is not fetched: allow its host with --allow-host {parts.netloc}"
            )


class _CheckedRedirects(urllib.request.HTTPRedirectHandler):
    """Follows a redirect only to an allowed host."""

    def __init__(self, files: TaskFiles) -> None:
        self.files = files

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        self.files._check_host(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _copy(source: IO[bytes], target: IO[bytes], address: str, length: str | None) -> None:
    """Copy an answer whose length in bytes was told, or not; ValueError if it is cut off."""
    size = 0
    while block := source.read(1 << 20):
        size += len(block)
        if size > MOST_BYTES:
            raise ValueError(f"{address[:200]} is larger than {MOST_BYTES >> 30} GB")
        target.write(block)
    if length is not None and str(size) != length:
        raise ValueError(f"cannot fetch {address[:200]}: it ended after {size} of {length} bytes")
