"""A server with the tiny model and a clip of pictures, for the tests of the API."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from pathlib import Path

from annotate.small_project import clip_project, tiny_engine
from fastapi.testclient import TestClient
from tiny import square_mask

from sam2track.annotate import Project
from sam2track.annotate.server import Guard, Limits, Service, make_app
from sam2track.masks import encode_runs

LENGTH = 12
WHO = {"X-Client": "tab-1", "X-Who": "anna"}


@contextmanager
def serving(folder: Path, *, token=None, limits=None, load=tiny_engine, clips=1, length=LENGTH):
    """A client of a server of a new project, or of the one that is in the folder."""
    known = (folder / "P" / "project.db").exists()
    project = (
        Project.open(folder / "P") if known else clip_project(folder, clips=clips, length=length)
    )
    limits = limits or Limits()
    service = Service(project, load, model="tiny", folders=[folder], limits=limits)
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
