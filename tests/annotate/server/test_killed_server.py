"""The server is killed at any moment: what it had confirmed is there, and nothing is done twice."""

from __future__ import annotations

import random
import signal
import sqlite3
import threading
import time

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")

from annotate.server.small_server import Running, square_runs
from annotate.small_project import clip_project

FRAMES = 60
TABLES = ("log", "objects", "edited", "reviews")
# Of the model's own accord, or by the way.
OTHER_ENTRIES = ("propagate", "class")


class Session:
    """A client that makes random changes, and notes what was confirmed.

    Attributes:
        confirmed: method, path, body, id and answer of each change.
        open: the change that was sent last, if it was not answered.
    """

    def __init__(self, rng: random.Random) -> None:
        self.rng, self.number = rng, 0
        self.objects: list[int] = []
        self.confirmed: list[tuple] = []
        self.open: tuple | None = None

    def change(self) -> tuple:
        """A change: method, path and body."""
        rng, frame = self.rng, self.rng.randrange(FRAMES)
        if len(self.objects) < 2:
            return "POST", "/api/videos/1/objects", {"class": "thing"}
        thing = rng.choice(self.objects)
        point = [rng.randrange(64), rng.randrange(48)]
        click = {"frame": frame, "points": [point], "labels": [1]}
        return rng.choice(
            [
                ("POST", f"/api/objects/{thing}/prompts", click),
                ("POST", f"/api/objects/{thing}/prompts", click),
                ("POST", f"/api/objects/{thing}/prompts", click | {"frame": 0}),
                ("DELETE", f"/api/objects/{thing}/prompts/{frame}", None),
                ("PUT", f"/api/objects/{thing}/masks/{frame}", square_runs()),
                ("PATCH", f"/api/objects/{thing}", {"name": f"n{self.number}"}),
                ("POST", "/api/videos/1/review", {"comment": f"c{self.number}"}),
                ("POST", "/api/videos/1/undo", None),
                ("POST", "/api/videos/1/redo", None),
            ]
        )

    def send(self, server: Running, change: tuple) -> None:
        """Send a change, or send it again."""
        self.open = change
        method, path, body, request = change
        status, answer = server.ask(method, path, body, request)
        if status == 200:
            if path.endswith("/objects"):
                self.objects.append(answer["id"])
            self.confirmed.append((*change, answer))
        else:
            assert status in (400, 404), answer
            if "/objects/" in path and status == 404:  # undo has taken it back
                self.objects.remove(int(path.split("/")[3]))
        self.open = None

    def run(self, server: Running) -> None:
        """Make changes until the server is gone."""
        while True:
            self.number += 1
            if self.number % 7 == 0 and self.objects:  # tracking goes on beside it
                server.ask("POST", "/api/videos/1/track", {"objects": self.objects[:1]})
            self.send(server, (*self.change(), f"r{self.number}"))


def contents(folder):
    with sqlite3.connect(folder / "project.db") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        marks = ", ".join(f"'{what}'" for what in OTHER_ENTRIES)
        sql = f"SELECT count(*) FROM log WHERE what NOT IN ({marks})"
        (count,) = connection.execute(sql).fetchone()
        rows = {
            table: connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2, 3").fetchall()
            for table in TABLES
        }
        frames = set(connection.execute("SELECT object_id, frame FROM propagated").fetchall())
    return count, rows, frames


def until_it_is_killed(session, server, delay):
    killer = threading.Timer(delay, server.process.kill)
    killer.start()
    began = time.monotonic()
    try:
        session.run(server)
    except OSError:
        assert time.monotonic() - began > delay / 2, "it ended by itself"
    finally:
        killer.join()
        server.stop()
    assert server.process.returncode == -signal.SIGKILL


def kill_often(tmp_path, *, seed, kills):
    rng = random.Random(seed)
    with clip_project(tmp_path, length=FRAMES) as project:
        folder = project.folder
        before = len(project.history())
    session, told = Session(rng), set()
    for _ in range(kills):
        server = Running(folder)
        if session.open is not None:  # the page sends again what was not answered
            session.send(server, session.open)
        until_it_is_killed(session, server, rng.uniform(0.1, 2.5))
        told |= server.told
        _, _, frames = contents(folder)
        assert told <= frames
    server = Running(folder)
    if session.open is not None:
        session.send(server, session.open)
    count, rows, _ = contents(folder)
    assert count - before == len(session.confirmed)
    for method, path, body, request, answer in session.confirmed:
        status, said = server.ask(method, path, body, request)
        # That of DELETE is the mask that is there now.
        assert (status, said) == (200, answer if method != "DELETE" else said)
    assert contents(folder)[:2] == (count, rows)
    server.stop(signal.SIGINT)
    assert server.process.returncode == 0
    print(f"{kills} kills, {len(session.confirmed)} changes, {len(told)} frames told")
    assert len(session.confirmed) > kills
    assert told


def test_a_killed_server_has_what_it_confirmed(tmp_path):
    kill_often(tmp_path, seed=2, kills=3)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_server_that_is_killed_fifty_times(tmp_path):
    kill_often(tmp_path, seed=1, kills=50)
