"""A server with the tiny model and a clip of pictures, for the tests of the API."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from contextlib import contextmanager, suppress
from pathlib import Path

from annotate.small_project import clip_project, tiny_engine
from fastapi.testclient import TestClient
from tiny import square_mask

from sam2track.annotate import Project
from sam2track.annotate.server import Guard, Limits, Service, make_app, serve
from sam2track.device import use_threads
from sam2track.masks import encode_runs

TESTS = Path(__file__).parents[2]
LENGTH = 12
WHO = {"X-Client": "tab-1", "X-Who": "anna"}


@contextmanager
def serving(
    folder: Path,
    *,
    token=None,
    limits=None,
    load=tiny_engine,
    clips=1,
    length=LENGTH,
    automatic=None,
):
    """A client of a server of a new project, or of the one that is in the folder."""
    known = (folder / "P" / "project.db").exists()
    project = (
        Project.open(folder / "P") if known else clip_project(folder, clips=clips, length=length)
    )
    limits = limits or Limits()
    options = {"folders": [folder], "limits": limits, "automatic": automatic}
    service = Service(project, load, model="tiny", **options)
    app = Guard(make_app(service), token=token, limits=limits)
    # Errors of the server are answers here too.
    with TestClient(app, "http://localhost", False, headers=WHO) as client:
        client.service = service  # pyright: ignore[reportAttributeAccessIssue]
        yield client


def good(answer, status=200):
    """The body of an answer that should have a status."""
    assert answer.status_code == status, answer.text
    return answer.json()


def refused(answer, status, sentence):
    """An answer that should be a refusal of one sentence."""
    said = good(answer, status)
    assert set(said) == {"error"}
    assert sentence in said["error"], said["error"]
    assert "\n" not in said["error"]


def add_object(client, *, video=1, **given):
    return good(client.post(f"/api/videos/{video}/objects", json=given))["id"]


def click(client, object_id, frame=0, points=((20, 20),), labels=(1,), box=None, **headers):
    body = {"frame": frame, "points": list(points), "labels": list(labels), "box": box}
    return good(client.post(f"/api/objects/{object_id}/prompts", json=body, headers=headers))


def track(client, *object_ids, video=1, **given):
    """Track, and wait for its end."""
    body = {"objects": list(object_ids), **given}
    good(client.post(f"/api/videos/{video}/track", json=body))
    wait_for(lambda: not client.service.worker.jobs())


def masks(client, video=1, start=0, stop=LENGTH, objects=None):
    """Masks by object and frame."""
    where = {"start": start, "stop": stop} | ({"objects": objects} if objects else {})
    frames = good(client.get(f"/api/videos/{video}/masks", params=where))["frames"]
    return {(own["object"], int(k)): own for k, found in frames.items() for own in found}


def lanes(client, object_id, video=1):
    """The lane of an object: spans by kind."""
    found = {}
    for part in good(client.get(f"/api/videos/{video}/lanes"))["objects"][str(object_id)]:
        found.setdefault(part["kind"], []).append((part["start"], part["stop"]))
    return found


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it takes too long"
        time.sleep(0.01)


def square_runs():
    return encode_runs(square_mask())


def listen(service):
    """All events from now on, as pairs of kind and data."""
    events = []
    publish = service.events.publish

    def noted(kind, /, **data):
        events.append((kind, json.loads(json.dumps(data))))
        publish(kind, **data)

    service.events.publish = noted
    return events


def serve_forever(folder: str) -> None:
    """Serve a project in a process of its own; it prints its address."""
    use_threads(1)
    project = Project.open(folder, who="test")
    serve(project, tiny_engine, model="tiny", port=0, open_browser=False, say=_tell)


def _tell(text: str) -> None:
    print(text.rpartition(" ")[2], flush=True)


class Running:
    """A server in a process of its own, and requests to it.

    Attributes:
        told: frames of which events said that they are tracked, by object.
    """

    def __init__(self, folder: Path) -> None:
        code = f"from annotate.server.small_server import serve_forever as s; s({str(folder)!r})"
        paths = os.pathsep.join([str(TESTS), str(TESTS.parent)])
        self.process = subprocess.Popen(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONPATH": paths},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().strip()
        assert self.address.startswith("http://"), self.address
        self.told: set[tuple[int, int]] = set()
        self._listening = threading.Thread(target=self._listen, daemon=True)
        self._listening.start()

    def ask(self, method: str, path: str, body=None, request: str = "", timeout=60.0):
        """Status and body of an answer; OSError if there is none."""
        data = None if body is None else json.dumps(body).encode()
        headers = {**WHO, "Content-Type": "application/json", "X-Request-Id": request}
        asked = urllib.request.Request(
            self.address + path.lstrip("/"), data, headers, method=method
        )
        try:
            with urllib.request.urlopen(asked, timeout=timeout) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            status, answer = error.code, error
        except (http.client.HTTPException, ValueError) as error:  # broken off
            raise OSError(str(error)) from error
        try:
            return status, json.load(answer)
        except (http.client.HTTPException, ValueError) as error:
            raise OSError(str(error)) from error

    def stop(self, how=signal.SIGKILL) -> None:
        self.process.send_signal(how)
        self.process.wait(60)
        self._listening.join(10)
        assert self.process.stdout is not None
        self.process.stdout.close()

    def _listen(self) -> None:
        kind, address = "", self.address + "api/events"
        broken_off = (OSError, ValueError, http.client.HTTPException)
        with suppress(*broken_off), urllib.request.urlopen(address, timeout=600) as lines:
            for line in lines:
                name, _, text = line.decode().rstrip("\n").partition(": ")
                kind = text if name == "event" else kind
                if name == "data" and kind == "tracking":
                    data = json.loads(text)
                    self.told |= {(own["object"], data["frame"]) for own in data["masks"]}
