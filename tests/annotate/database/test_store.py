"""The database: other processes, full disks, folders without permission, other versions."""

from __future__ import annotations

import os
import resource
import sqlite3
import subprocess
import sys
from contextlib import contextmanager

import pytest
from annotate.small_project import add_object, clip_project, contents, run, tiny_engine

from sam2track.annotate import Project, ProjectError
from sam2track.annotate.database import schema
from sam2track.annotate.tracking import propagation


@pytest.fixture
def project(tmp_path):
    with clip_project(tmp_path) as made:
        yield made


def intact(folder):
    with sqlite3.connect(folder / "project.db") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


def refuses(message):
    return pytest.raises(ProjectError, match=f"(?s)^(?!.*\n).*{message}")


@contextmanager
def files_up_to(size):
    """A disk on which no file can be larger, as one that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def without_permission(folder):
    """A folder that cannot be written, for the superuser too: the process becomes another user."""
    folder.chmod(0o555)
    for parent in [folder, *folder.parents][:-2]:
        parent.chmod(parent.stat().st_mode | 0o555)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        if user == 0:
            os.seteuid(0)
        folder.chmod(0o755)


def test_one_process_writes_and_others_read(project):
    code = (
        "import sys; from sam2track.annotate import Project\n"
        "try: Project.open(sys.argv[1])\n"
        "except ValueError as error: print(error)\n"
        "print(len(Project.open(sys.argv[1], read_only=True).videos()))"
    )
    command = [sys.executable, "-c", code, str(project.folder)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert said == [
        f"{project.folder} is in use by another process; wait for its end, or open it for reading",
        "1",
    ]


def test_the_same_process_opens_it_once(project):
    with refuses("P is in use by another process"):
        Project.open(project.folder)
    project.close()
    Project.open(project.folder).close()


def test_a_folder_that_cannot_be_written(project):
    engine = tiny_engine()
    one = add_object(project)
    run(project, one, engine=engine)
    expected = contents(project)
    project.close()
    with without_permission(project.folder):
        with refuses("P can't be written: Permission denied; it can be opened for reading"):
            Project.open(project.folder)
        with Project.open(project.folder, read_only=True) as reader:
            assert contents(reader) == expected
            with refuses("P was opened for reading; open it for writing"):
                reader.review("a", "accepted")


def test_a_full_disk_is_said_and_what_was_saved_stays(project, monkeypatch):
    monkeypatch.setattr(propagation, "COMMIT_EVERY", 0.0)
    monkeypatch.setattr(propagation, "SAVE_EVERY", 0.0)
    engine = tiny_engine()
    one = add_object(project)
    log = project.folder / "project.db-wal"
    with (
        files_up_to(log.stat().st_size + 150_000),
        refuses(
            r"project.db: can't be written \(disk I/O error\); free some space; what was saved"
        ),
    ):
        run(project, one, engine=engine)
    kept = contents(project)
    assert 0 < len(kept) < 12
    project.close()
    intact(project.folder)
    with Project.open(project.folder) as opened:
        assert contents(opened) == kept
        run(opened, one, engine=engine)
        assert len(contents(opened)) == 12
    intact(project.folder)


def test_a_project_on_a_full_disk(tmp_path):
    with (
        files_up_to(4096),
        refuses("project.db: can't be written .*; free some space"),
    ):
        Project.create(tmp_path / "P")


def test_a_project_that_was_killed_while_it_was_made(tmp_path):
    (tmp_path / "project.db").touch()
    with refuses("project.db is not a project of sam2track"):
        Project.open(tmp_path, read_only=True)
    with Project.open(tmp_path) as project:
        assert project.videos() == []
    Project.open(tmp_path, read_only=True).close()


def test_a_newer_version(project):
    project.close()
    with sqlite3.connect(project.folder / "project.db") as connection:
        connection.execute("PRAGMA user_version = 9")
    for read_only in (False, True):
        with refuses(
            f"P was written by a newer sam2track .its database has version 9, this one knows "
            f"{len(schema.MIGRATIONS)}.; pip install -U sam2track"
        ):
            Project.open(project.folder, read_only=read_only)


def test_an_older_version_is_brought_up_to_date(project, monkeypatch):
    one = add_object(project)
    project.close()
    steps = (*schema.MIGRATIONS, "ALTER TABLE videos ADD COLUMN place TEXT;")
    monkeypatch.setattr(schema, "MIGRATIONS", steps)
    with refuses("P is of an older sam2track .*; open it once for writing"):
        Project.open(project.folder, read_only=True)
    for _ in range(2):
        with Project.open(project.folder) as opened:
            assert len(opened.prompts(one)) == 1
            assert opened.store.one("SELECT place FROM videos")["place"] is None
    intact(project.folder)


def test_a_step_to_a_new_version_that_fails_changes_nothing(project, monkeypatch):
    project.close()
    steps = (*schema.MIGRATIONS, "ALTER TABLE videos ADD COLUMN place TEXT; SELECT nonsense;")
    with monkeypatch.context() as patch:
        patch.setattr(schema, "MIGRATIONS", steps)
        with pytest.raises(ProjectError):
            Project.open(project.folder)
    with Project.open(project.folder) as opened:
        assert "place" not in dict(opened.store.one("SELECT * FROM videos"))


def test_a_transaction_that_fails_changes_nothing(project):
    class Stop(Exception):
        pass

    def half():
        with project.store.writing():
            add_object(project)
            raise Stop

    with pytest.raises(Stop):
        half()
    assert project.objects() == []
    assert [entry.what for entry in project.history()] == ["add video"]


def test_a_damaged_database(project):
    one = add_object(project)
    run(project, one, engine=tiny_engine())
    project.close()
    path = project.folder / "project.db"
    data = bytearray(path.read_bytes())
    data[4096:] = bytes(len(data) - 4096)
    path.write_bytes(data)
    with refuses("project.db: is damaged"), Project.open(project.folder) as opened:
        list(opened.masks(one))
