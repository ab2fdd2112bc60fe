"""What the server does in the background: frames made ready, better answers, leases that end."""

from __future__ import annotations

import threading
import time

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")

from annotate.server.small_server import (
    add_object,
    click,
    good,
    listen,
    masks,
    serving,
    track,
    wait_for,
)

from sam2track.annotate.prompting.automatic import FoundPrompts
from sam2track.annotate.server import app, leases


@pytest.fixture
def client(tmp_path):
    with serving(tmp_path) as client:
        yield client


def tracked_object(client):
    thing = add_object(client)
    click(client, thing, 2)
    track(client, thing)
    return thing


def shown(client, thing, frame):
    mask = masks(client)[thing, frame]
    return mask["counts"], mask["score"], mask["presence"]


def test_a_correction_on_a_frame_that_is_ready_is_what_tracking_again_gives(client):
    thing = tracked_object(client)
    good(client.post("/api/videos/1/embed", json={"frame": 6, "object": thing}))
    wait_for(lambda: not client.service.worker._ahead)
    body = {"frame": 6, "points": [[50, 40]], "labels": [1], "object": thing}
    hovered = good(client.post("/api/videos/1/preview", json=body))["candidates"][0]
    mask = click(client, thing, 6, points=[[50, 40]])["mask"]
    assert mask["counts"] == hovered["counts"]
    assert not client.service.worker._ahead  # there is no better answer
    before = shown(client, thing, 6)
    track(client, thing)
    assert shown(client, thing, 6) == before == (mask["counts"], mask["score"], mask["presence"])


def test_a_correction_that_could_not_wait_is_answered_again(client):
    thing = tracked_object(client)
    events = listen(client.service)
    mask = click(client, thing, 6, points=[[50, 40]])["mask"]
    wait_for(lambda: ("changed", {"video": 1, "what": "answer", "who": "anna"}) in events)
    better = shown(client, thing, 6)
    assert better[0] != mask["counts"]
    track(client, thing)
    assert shown(client, thing, 6) == better


def test_what_clicks_may_mean_can_be_asked_later(client):
    thing = add_object(client)
    body = {"frame": 3, "points": [[20, 20]], "labels": [1]}
    where = f"/api/objects/{thing}"
    first = good(client.post(f"{where}/prompts", json=body | {"candidates": False}))
    assert first["candidates"] == []
    found = good(client.get(f"{where}/candidates/3"))["candidates"]
    assert found
    assert good(client.get(f"{where}/candidates/4")) == {"candidates": []}
    preview = good(client.post("/api/videos/1/preview", json=body | {"candidates": False}))
    assert [own["counts"] for own in preview["candidates"]] == [first["mask"]["counts"]]
    other = add_object(client)
    again = good(client.post(f"/api/objects/{other}/prompts", json=body))
    assert again["candidates"] == found


def test_a_lease_that_runs_out_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(app, "LEASES_EVERY", 0.02)
    with serving(tmp_path) as client:
        events = listen(client.service)
        good(client.post("/api/videos/1/lease", json={}))
        assert good(client.get("/api/videos/1"))["lease"]["mine"]
        monkeypatch.setattr(leases, "LASTS", 0.05)
        good(client.put("/api/videos/1/lease", json={"frame": 3}))
        wait_for(lambda: events[-1] == ("lease", {"video": 1, "who": None, "frame": None}))
        assert good(client.get("/api/videos/1"))["lease"] is None


def test_work_ahead_is_replaced_by_later_work_of_its_slot(client):
    worker, going, done = client.service.worker, threading.Event(), []
    wait_for(lambda: worker.state == "ready")

    def work(name):
        def begin(engine):
            try:
                for _ in range(3):
                    done.append(name)
                    yield
            except GeneratorExit:
                done.append(f"{name} closed")

        return begin

    held = worker.ask(lambda engine: going.wait(60))
    for name in "abc":
        worker.ahead(work(name), slot="frame")
    worker.ahead(work("d"), slot="other")
    going.set()
    held.result()
    wait_for(lambda: not worker._ahead)
    assert done == ["c"] * 3 + ["d"] * 3


def test_the_models_thread_outlives_work_ahead_that_breaks(client, caplog):
    def begin(engine):
        yield
        raise TypeError("a mistake")

    client.service.worker.ahead(begin, slot="frame")
    assert click(client, add_object(client))["mask"]["counts"]
    wait_for(lambda: not client.service.worker._ahead)
    assert "a mistake" in caplog.text
    assert client.service.worker.ask(lambda engine: 7).result(60) == 7


def test_masks_that_are_looked_for_on_one_frame_can_be_interrupted(tmp_path):
    looking = threading.Event()

    def find(frame, where, pause):
        looking.set()
        while True:  # it would take for ever
            pause()
            time.sleep(0.001)

    def automatic(project, engine):
        return FoundPrompts(project, engine, find, pausing=True)

    with serving(tmp_path, automatic=automatic) as client:
        thing = add_object(client)
        events = listen(client.service)
        good(client.post("/api/annotate", json={"videos": [1]}))
        assert looking.wait(60)
        click(client, thing)
        assert good(client.delete("/api/annotate")) == {"cancelled": 1}
        wait_for(lambda: not client.service.worker.jobs())
        assert events[-1][1]["message"] == "cancelled"
