"""The database of a project: one file, one process that writes, whole transactions.

SQLite in WAL mode: a process that is killed loses at most the transaction that it was in, and
others may read while one writes. The writer holds a lock of the operating system, which ends with
the process.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from filelock import FileLock, Timeout

from ...files import stem_of
from . import schema

DATABASE, LOCK = "project.db", ".lock"


class ProjectError(ValueError):
    """A project cannot be opened or written. One line: what is wrong and what to do about it."""


class ProjectInUse(ProjectError):
    """Another process writes the project."""


class Store:
    """An open database in the folder of a project.

    With ``create`` it is made, and the folder if need be. With ``read_only`` it is opened also
    while another process writes. ProjectError if it is not there (or is, with ``create``), in use,
    not writable, damaged, or of a newer version.
    """

    def __init__(self, folder: Path, *, create: bool = False, read_only: bool = False) -> None:
        self.folder, self.read_only = folder, read_only
        self.path = folder / DATABASE
        if create and self.path.exists():
            raise ProjectError(f"{folder} is a project already; open it")
        if not create and not self.path.is_file():
            raise ProjectError(
                f"{folder} is no project (no {DATABASE}); check the path, or create it"
            )
        self._guard = threading.RLock()
        try:
            if create:
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ProjectError(f"{folder} can't be made: {error.strerror}") from None
        self._lock = None if read_only else self._take_lock()
        try:
            with self._errors():
                self._connection = self._connect(create)
        except BaseException:
            if self._lock is not None:
                self._lock.release()
            raise

    def rows(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        """The rows of a query."""
        with self._guard, self._errors():
            return self._connection.execute(sql, values).fetchall()

    def tuples(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """The rows of a query with very many rows, as plain tuples."""
        with self._guard, self._errors():
            cursor = self._connection.cursor()
            cursor.row_factory = None
            return cursor.execute(sql, values).fetchall()

    def one(self, sql: str, *values: Any) -> sqlite3.Row | None:
        """The first row of a query; None if there is none."""
        with self._guard, self._errors():
            return self._connection.execute(sql, values).fetchone()

    def project_id(self) -> str:
        """A random id that was made with the project; a copy has the same."""
        row = self.one("SELECT id FROM project")
        assert row is not None
        return row["id"]

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction.

        All of it is written, or nothing (then ProjectError, and the project is as before).
        Inside another one it is part of it.
        """
        if self.read_only:
            raise ProjectError(f"{self.folder} was opened for reading; open it for writing")
        with self._guard, self._errors():
            if self._connection.in_transaction:
                yield self._connection
                return
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:  # after some errors SQLite has ended it
                    self._connection.execute("ROLLBACK")
                raise

    def shrink(self) -> None:
        """Give the space of what was deleted back to the disk."""
        with self._guard, self._errors():
            if not self._connection.in_transaction:
                self._connection.executescript("PRAGMA incremental_vacuum")

    def close(self) -> None:
        """Close the database and give the lock back; may be called twice."""
        with self._guard:
            self._connection.close()
            if self._lock is not None:
                self._lock.release()

    def _take_lock(self) -> FileLock:
        lock = FileLock(self.folder / LOCK, timeout=0, thread_local=False)
        try:
            lock.acquire()
        except Timeout:
            raise ProjectInUse(
                f"{self.folder} is in use by another process; wait for its end, or open it for "
                "reading"
            ) from None
        except OSError as error:
            raise ProjectError(
                f"{self.folder} can't be written: {error.strerror}; it can be opened for reading"
            ) from None
        return lock

    def _connect(self, create: bool) -> sqlite3.Connection:
        if self.read_only:
            connection = self._connect_for_reading()
        else:
            connection = _open(self.path, "rwc" if create else "rw")
        try:
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA busy_timeout = 10000")
            self._check_version(connection, create)
            if not self.read_only:
                if create:
                    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # before any table
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = NORMAL")
                self._migrate(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _connect_for_reading(self) -> sqlite3.Connection:
        connection = _open(self.path, "ro")
        try:
            connection.execute("PRAGMA user_version").fetchone()
            return connection
        except sqlite3.OperationalError:
            connection.close()
        # A folder without permission to write: WAL mode would need a file there.
        waiting = self.path.with_name(f"{DATABASE}-wal")
        if waiting.exists() and waiting.stat().st_size:
            raise ProjectError(
                f"{self.folder} can't be written, and {waiting.name} holds changes that only a "
                "writer can take over; copy the folder to a place that can be written"
            )
        return _open(self.path, "ro&immutable=1")

    def _check_version(self, connection: sqlite3.Connection, create: bool) -> None:
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        known = len(schema.MIGRATIONS)
        # A process may have been killed while it made the database: then it is empty.
        new = create or not (tables or application or version or self.read_only)
        if not new and application != schema.APPLICATION:
            raise ProjectError(f"{self.path} is not a project of sam2track; give another folder")
        if version > known:
            raise ProjectError(
                f"{self.folder} was written by a newer sam2track (its database has version "
                f"{version}, this one knows {known}); pip install -U sam2track"
            )
        if self.read_only and version < known:
            raise ProjectError(
                f"{self.folder} is of an older sam2track (its database has version {version}, now "
                f"{known}); open it once for writing"
            )

    def _migrate(self, connection: sqlite3.Connection) -> None:
        """Bring an older database to this version, in one transaction."""
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        steps = schema.MIGRATIONS[version:]
        if steps:
            ends = f"PRAGMA application_id = {schema.APPLICATION};"
            ends += f"PRAGMA user_version = {len(schema.MIGRATIONS)};"
            connection.executescript("BEGIN IMMEDIATE;" + "".join(steps) + ends + "COMMIT;")

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """SQLite's errors in one line."""
        try:
            yield
        except sqlite3.IntegrityError:
            raise  # a mistake of the caller's, not of the disk's
        except sqlite3.DatabaseError as error:
            raise ProjectError(f"{self.path}: {_reason(str(error))}") from error


def project_beside(video: Path) -> Path:
    """The folder of a video's project where none is named: beside it."""
    return video.with_name(f"{stem_of(video)}_project")


def _open(path: Path, mode: str) -> sqlite3.Connection:
    # Transactions are begun and ended by hand; threads take turns in Store.
    return sqlite3.connect(
        f"file:{quote(str(path.absolute()))}?mode={mode}",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
    )


def _reason(message: str) -> str:
    if "disk is full" in message or "disk I/O error" in message:
        return f"can't be written ({message}); free some space; what was saved before is there"
    if "readonly" in message:
        return "can't be written; check that the folder is yours to write to"
    if "unable to open" in message:
        return "can't be opened; check that it is there and that you may read it"
    if "malformed" in message or "not a database" in message:
        return f"is damaged ({message}); restore it from a copy"
    return message
