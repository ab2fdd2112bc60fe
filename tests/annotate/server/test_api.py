"""What the page asks for: videos, frames, clicks, tracking, undo, review, export and import."""

from __future__ import annotations

import io
import json
import threading
import zipfile

import cv2
import numpy as np
import pytest
from PIL import Image

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")

from annotate.server.small_server import (
    LENGTH,
    add_object,
    click,
    good,
    lanes,
    listen,
    masks,
    refused,
    serving,
    square_runs,
    track,
    wait_for,
)
from annotate.small_project import tiny_engine, write_clip
from tiny import SIZE, noise_frames, square_mask

from sam2track import Prompt
from sam2track.annotate import Project
from sam2track.annotate.prompting.automatic import FoundPrompts
from sam2track.masks import decode_runs
from sam2track.track import Proposal

RAW = {"Content-Type": "application/octet-stream"}


@pytest.fixture
def client(tmp_path):
    with serving(tmp_path) as client:
        yield client


def pixels(mask):
    return decode_runs(mask, "a mask")


def test_the_session(client):
    said = good(client.get("/api/session"))
    assert said["project"]["name"] == "P"
    assert said["who"] == "anna"
    assert {own["name"] for own in said["export_formats"]} >= {"coco", "yolo", "davis"}
    wait_for(lambda: good(client.get("/api/session"))["model"]["state"] == "ready")


def test_videos(client):
    (video,) = good(client.get("/api/videos"))
    assert (video["name"], video["length"], video["width"]) == ("a", LENGTH, SIZE[1])
    assert good(client.get("/api/videos/1"))["objects"] == []
    refused(client.get("/api/videos/7"), 404, "there is no video 7 in this project")


def test_frames_are_cached(client):
    video = good(client.get("/api/videos/1"))
    first = client.get(f"/api/videos/1/frames/3?h={video['hash']}")
    assert first.headers["cache-control"] == "private, max-age=31536000, immutable"
    shown = cv2.imdecode(np.frombuffer(first.content, np.uint8), cv2.IMREAD_COLOR_RGB)
    expected = noise_frames(LENGTH)[3].image
    assert np.abs(shown.astype(int) - expected).mean() < 4
    same = {"If-None-Match": first.headers["etag"]}
    assert client.get("/api/videos/1/frames/3", headers=same).status_code == 304
    other = client.get("/api/videos/1/frames/4", headers=same)
    assert other.status_code == 200
    assert other.headers["cache-control"] == "private, no-cache"
    small = client.get("/api/videos/1/frames/3?width=32&format=webp")
    assert small.headers["content-type"] == "image/webp"
    assert cv2.imdecode(np.frombuffer(small.content, np.uint8), 1).shape == (24, 32, 3)
    refused(client.get("/api/videos/1/frames/12"), 404, "video 'a' has frames 0 to 11, not 12")


def test_a_click_is_what_tracking_gives(client):
    thing = add_object(client, **{"class": "cell", "name": "<b>&"})
    answer = click(client, thing)
    assert pixels(answer["mask"]).any()
    assert answer["mask"]["fresh"]
    assert {own["counts"] for own in answer["candidates"]}
    areas = [pixels(own).sum() for own in answer["candidates"]]
    assert areas == sorted(areas, reverse=True)
    assert masks(client)[thing, 0]["counts"] == answer["mask"]["counts"]
    assert lanes(client, thing) == {"prompted": [(0, 1)]}
    track(client, thing)
    assert masks(client)[thing, 0]["counts"] == answer["mask"]["counts"]
    assert lanes(client, thing) == {"prompted": [(0, 1)], "propagated": [(1, 12)]}
    (told,) = good(client.get("/api/videos/1"))["prompts"]
    assert told == {
        **{"object": thing, "frame": 0, "kind": "clicks", "points": [[20, 20]]},
        **{"labels": [1], "box": None},
    }


def test_clicks_add_up_and_are_taken_back_one_by_one(client):
    thing = add_object(client)
    one = click(client, thing)["mask"]["counts"]
    two = click(client, thing, points=[(40, 30)], labels=[0])["mask"]["counts"]
    assert one != two
    where = f"/api/objects/{thing}/prompts/0"
    assert good(client.delete(where + "?last=true"))["mask"]["counts"] == one
    assert (
        good(client.post("/api/videos/1/undo"))["what"] == "prompt taken back on object 1, frame 0"
    )
    wait_for(lambda: masks(client)[thing, 0]["counts"] == two)
    assert good(client.delete(where))["mask"] is None
    assert not masks(client)
    good(client.post("/api/videos/1/undo"))
    assert masks(client)[thing, 0]["counts"] == two


def test_what_makes_no_sense_changes_nothing(client):
    thing = add_object(client)
    body = {"frame": 0, "points": [[20, 20]], "labels": [0]}
    where = f"/api/objects/{thing}/prompts"
    refused(client.post(where, json=body), 400, "only where it is not; give a click on it")
    refused(client.post(where, json=body | {"points": [[99, 20]]}), 400, "outside the frame")
    refused(client.post(where, json=body | {"frame": 12}), 404, "frames 0 to 11, not 12")
    refused(client.post(where, json={"frame": 0}), 400, "an empty prompt")
    refused(client.post(where, json=body | {"points": [[1]]}), 422, "points.0")
    refused(client.post(where, json=body | {"more": 1}), 422, "more")
    refused(client.post("/api/objects/9/prompts", json=body), 404, "object 9 is not")
    assert good(client.get("/api/videos/1"))["prompts"] == []


def test_a_correction_shows_what_would_change(client):
    thing = add_object(client)
    click(client, thing)
    track(client, thing)
    before = masks(client)
    answer = click(client, thing, frame=6, points=[(50, 40)])
    now = masks(client)
    assert now[thing, 6]["counts"] == answer["mask"]["counts"] != before[thing, 6]["counts"]
    assert [own["fresh"] for own in now.values()] == [True] * 7 + [False] * 5
    span = {"object": thing, "start": 6, "stop": 12, "direction": "forward"}
    assert good(client.get("/api/videos/1/stale")) == [span]
    assert lanes(client, thing)["stale"] == [(6, 12)]
    del span["object"]
    track(client, thing, **span)
    assert good(client.get("/api/videos/1/stale")) == []
    again = masks(client)
    assert again[thing, 5] == before[thing, 5]
    assert again[thing, 9]["counts"] != before[thing, 9]["counts"]
    assert good(client.post("/api/videos/1/undo"))["what"] == "point on object 1, frame 6"
    assert lanes(client, thing)["stale"] == [(6, 12)]


def test_a_new_object_and_its_first_click_are_one_step(client):
    click(client, add_object(client))
    second = add_object(client)
    click(client, second)
    click(client, second, points=((30, 30),))
    undo, redo = "/api/videos/1/undo", "/api/videos/1/redo"
    assert good(client.post(undo))["what"] == "point on object 2, frame 0"
    assert good(client.post(undo))["what"] == "point on object 2, frame 0, and this object"
    assert [own["number"] for own in good(client.get("/api/videos/1"))["objects"]] == [1]
    assert good(client.post(redo))["what"] == "point on object 2, frame 0, and this object"
    assert len(good(client.get("/api/videos/1"))["prompts"]) == 2
    assert good(client.post(redo))["what"] == "point on object 2, frame 0"
    assert (second, 0) in masks(client)


def test_undo_before_tracking_brings_the_tracked_mask_back(client):
    thing = add_object(client)
    click(client, thing)
    track(client, thing)
    before = masks(client)
    click(client, thing, frame=6, points=[(50, 40)])
    good(client.post("/api/videos/1/undo"))
    assert masks(client) == before
    good(client.post("/api/videos/1/redo"))
    assert masks(client)[thing, 6] != before[thing, 6]
    refused(client.post("/api/videos/1/redo"), 400, "there is nothing to redo")


def test_a_range_both_ways_and_what_cannot_be_reached(client):
    thing, other = add_object(client), add_object(client)
    click(client, thing, frame=5)
    where = "/api/videos/1/track"
    body = {"objects": [other], "start": 2, "stop": 9}
    refused(client.post(where, json=body), 400, "object 2 has no prompt")
    track(client, thing, other, start=2, stop=9, direction="both")
    assert sorted(masks(client)) == [(thing, k) for k in range(2, 9)]
    track(client, thing, start=0, stop=3, direction="backward")
    assert sorted(masks(client)) == [(thing, k) for k in range(9)]
    track(client, thing, start=7)
    assert sorted(masks(client)) == [(thing, k) for k in range(12)]
    refused(client.post(where, json=body | {"start": 9}), 400, "there are none")
    refused(client.post(where, json={"objects": []}), 422, "objects")


def test_clicks_are_answered_while_tracking_and_cancel_keeps_what_is_done(tmp_path):
    with serving(tmp_path, length=400) as client:
        thing, other = add_object(client), add_object(client)
        click(client, thing)
        events = listen(client.service)
        good(client.post("/api/videos/1/track", json={"objects": [thing]}))
        wait_for(lambda: any(kind == "tracking" for kind, _ in events))
        click(client, other)
        place = len(events)
        assert good(client.delete("/api/videos/1/track")) == {"cancelled": 1}
        wait_for(lambda: not client.service.worker.jobs())
        assert ("tracked", {"video": 1, "cancelled": True, "error": None}) in events[place:]
        told = [data for kind, data in events if kind == "tracking"]
        assert 0 < len(told) < 400
        assert told[-1]["left"] == 400 - len(told)
        kept = masks(client, stop=400, objects=thing)
        assert {data["frame"] for data in told} == {k for _, k in kept}
        for data in told:
            assert data["masks"][0]["counts"] == kept[thing, data["frame"]]["counts"]


def test_masks_by_hand(client):
    thing = add_object(client)
    where = f"/api/objects/{thing}/masks/4"
    made = good(client.put(where, json=square_runs()))
    assert np.array_equal(pixels(made), square_mask())
    assert lanes(client, thing) == {"brush": [(4, 5)]}
    refused(client.put(where, json=square_runs() | {"size": [4, 4]}), 400, "4 x 4 pixels, but")
    refused(client.put(where, json=square_runs() | {"counts": "zzz"}), 400, "the mask")
    nothing = {"size": list(SIZE), "counts": "PPT1"}
    refused(client.put(where, json=nothing), 400, "the mask")


def test_preview_stores_nothing(client):
    body = {"frame": 2, "points": [[20, 20]], "labels": [1]}
    found = good(client.post("/api/videos/1/preview", json=body))
    thing = add_object(client)
    assert not masks(client)
    assert click(client, thing, frame=2)["mask"]["counts"] == found["candidates"][0]["counts"]
    more = body | {"object": thing, "points": [[40, 30]], "labels": [0]}
    found = good(client.post("/api/videos/1/preview", json=more))
    answer = click(client, thing, frame=2, points=[(40, 30)], labels=[0])
    assert answer["mask"]["counts"] == found["candidates"][0]["counts"]


def test_objects_are_changed_merged_split_swapped_and_cleared(client):
    thing = add_object(client, **{"class": "cell"})
    changed = good(client.patch(f"/api/objects/{thing}", json={"name": "x", "colour": "#0a0B0c"}))
    assert (changed["name"], changed["colour"], changed["class"]) == ("x", "#0a0b0c", "cell")
    refused(client.patch(f"/api/objects/{thing}", json={"colour": "red"}), 422, "colour")
    other = add_object(client)
    click(client, thing)
    click(client, other, points=[(40, 30)])
    track(client, thing, other)
    good(client.post(f"/api/objects/{thing}/swap", json={"other": other, "frame": 5}))
    made = good(client.post(f"/api/objects/{thing}/split", json={"frame": 8}))
    assert made["number"] == 3
    good(client.post(f"/api/objects/{other}/merge", json={"other": made["id"]}))
    good(client.post(f"/api/objects/{other}/clear", json={"start": 0, "stop": 3}))
    assert {k for own, k in masks(client) if own == thing} == set(range(8))
    assert {k for own, k in masks(client) if own == other} == set(range(3, 12))
    good(client.delete(f"/api/objects/{other}"))
    said = [good(client.post("/api/videos/1/undo"))["what"] for _ in range(5)]
    assert said == [
        *("delete object 2", "delete frames 0 to 2 of object 2", "merge into object 2"),
        *("split object 1 (x)", "swap object 1 (x)"),
    ]
    assert len(good(client.get("/api/videos/1"))["objects"]) == 2
    history = good(client.get("/api/videos/1/history?limit=3"))
    assert [own["undone"] for own in history] == [True] * 3


def test_an_object_is_not_on_a_range(client):
    thing = add_object(client)
    click(client, thing)
    track(client, thing)
    body = {"start": 4, "stop": 9, "absent": True}
    good(client.post(f"/api/objects/{thing}/clear", json=body))
    assert lanes(client, thing)["absent"] == [(4, 9)]
    (entry, *_) = good(client.get("/api/videos/1/history"))
    assert entry["what"] == "frames 4 to 8 without object 1"
    good(client.post("/api/videos/1/undo"))
    assert "absent" not in lanes(client, thing)
    good(client.post("/api/videos/1/review", json={"state": "accepted", "frames": [6, 7]}))
    answer = client.post(f"/api/objects/{thing}/clear", json=body)
    refused(answer, 400, "object 1 is accepted or locked on frame 6")


def test_review_stops_tracking(client):
    thing = add_object(client)
    click(client, thing)
    where = "/api/videos/1/review"
    good(client.post(where, json={"state": "accepted", "object": thing, "frames": [4, 6]}))
    good(client.post(where, json={"state": "review", "object": thing, "comment": "odd"}))
    refused(client.post(where, json={"frames": [4, 99]}), 400, "frames [4, 99]")
    body = {"frame": 4, "points": [[20, 20]], "labels": [1]}
    said = client.post(f"/api/objects/{thing}/prompts", json=body)
    refused(said, 400, "object 1 is accepted or locked on frame 4; open it again to change it")
    for path, body in (("clear", {"start": 0, "stop": 9}), ("split", {"frame": 2})):
        refused(client.post(f"/api/objects/{thing}/{path}", json=body), 400, "accepted or locked")
    track(client, thing)
    assert {k for _, k in masks(client)} == set(range(4))
    assert lanes(client, thing)["accepted"] == [(4, 6)]
    queue = good(client.get("/api/review"))
    assert (queue[0]["why"], queue[0]["state"], queue[0]["number"]) == ("odd", "review", 1)
    good(client.post(where, json={"state": "rejected"}))
    assert good(client.get("/api/review")) == []


def test_a_change_that_is_sent_again_is_done_once(tmp_path):
    once = {"X-Request-Id": "r1"}
    with serving(tmp_path) as client:
        thing = add_object(client)
        first = click(client, thing, **once)
    with serving(tmp_path) as client:  # after a restart too
        assert click(client, thing, **once) == first
        assert len(good(client.get("/api/videos/1"))["prompts"][0]["points"]) == 1
        body = {"class": "x"}
        made = [
            good(client.post("/api/videos/1/objects", json=body, headers={"X-Request-Id": "r2"}))
            for _ in range(2)
        ]
        assert made[0] == made[1]
        other = {"X-Request-Id": "r2", "X-Client": "tab-2"}
        assert client.post("/api/videos/1/objects", json=body, headers=other).status_code == 409


def test_a_change_of_another_project_is_refused(client, tmp_path):
    own = good(client.get("/api/session"))["project"]["id"]
    (tmp_path / "other").mkdir()
    with serving(tmp_path / "other") as other:
        theirs = good(other.get("/api/session"))["project"]["id"]
    assert own != theirs
    for project in ("", own):
        good(client.post("/api/videos/1/objects", json={}, headers={"X-Project": project}))
    answer = client.post("/api/videos/1/objects", json={}, headers={"X-Project": theirs})
    refused(answer, 409, "these changes are of another project")
    assert len(good(client.get("/api/videos/1"))["objects"]) == 2


def test_one_client_at_a_time(client):
    thing = add_object(client)
    second = {"X-Client": "tab-2", "X-Who": "b%C3%B6"}
    video = good(client.get("/api/videos/1", headers=second))
    assert video["lease"] == {"who": "anna", "frame": None, "mine": False}
    body = {"frame": 0, "points": [[20, 20]], "labels": [1]}
    where = f"/api/objects/{thing}/prompts"
    refused(client.post(where, json=body, headers=second), 409, "anna annotates this video")
    refused(client.put("/api/videos/1/lease", json={}, headers=second), 409, "not yours")
    refused(client.post("/api/videos/1/lease", json={}, headers=second), 409, "anna annotates")
    taken = good(client.post("/api/videos/1/lease", json={"take_over": True}, headers=second))
    assert taken["who"] == "bö"
    refused(client.post(where, json=body), 409, "bö annotates this video")
    good(client.put("/api/videos/1/lease", json={"frame": 7}, headers=second))
    assert good(client.get("/api/videos/1"))["lease"] == {"who": "bö", "frame": 7, "mine": False}
    good(client.delete("/api/videos/1/lease", headers=second))
    good(client.post(where, json=body))
    (entry, *_) = good(client.get("/api/videos/1/history"))
    assert entry["who"] == "anna"


def test_a_video_is_taken_out_of_the_project(tmp_path):
    with serving(tmp_path, clips=2) as client:
        thing = add_object(client)
        events = listen(client.service)
        refused(client.delete("/api/videos/1", headers={"X-Client": "tab-2"}), 409, "anna")
        once = {"X-Request-Id": "r1"}
        for _ in range(2):
            assert good(client.delete("/api/videos/1", headers=once)) == {"ok": True}
        told = {"video": None, "what": "remove video", "who": "anna"}
        assert [data for _, data in events].count(told) == 1
        assert [own["id"] for own in good(client.get("/api/videos"))] == [2]
        refused(client.get("/api/videos/1"), 404, "no video 1")
        body = {"frame": 0, "points": [[20, 20]], "labels": [1]}
        refused(client.post(f"/api/objects/{thing}/prompts", json=body), 404, "no video 1")
        added = good(client.post("/api/videos", json={"path": str(tmp_path / "a")}))
        assert (added["status"], added["video"]["object_count"]) == ("added", 1)


def test_export_and_import(client, tmp_path):
    thing = add_object(client, **{"class": "cell"})
    click(client, thing)
    track(client, thing)
    add_object(client)  # has no mask
    made = good(client.post("/api/exports", json={"format": "coco"}))
    assert (made["objects"], made["frames"]) == (1, 12)
    assert made["notes"] == ["object 2 in a has no mask"]
    for choice, counts in ((("frames", "every 5"), (1, 3)), (("classes", ["object"]), (0, 0))):
        fewer = good(client.post("/api/exports", json={"format": "coco", choice[0]: choice[1]}))
        assert (fewer["objects"], fewer["frames"]) == counts
    names = [own["name"] for own in made["files"]]
    assert names == ["P_coco.zip", "P_coco/annotations/instances_default.json"]
    where = f"/api/exports/{made['id']}/"
    single = client.get(where + names[1])
    assert len(single.content) == made["files"][1]["size"]
    archive = client.get(where + names[0])
    packed = zipfile.ZipFile(io.BytesIO(archive.content))
    assert packed.read(names[1]) == single.content
    assert "attachment" in archive.headers["content-disposition"]
    for wrong in ("nothing.zip", "%2e%2e/project.db", "..%2f..%2fproject.db"):
        assert client.get(where + wrong).status_code in (404, 422)
    shown = masks(client)
    for name, content in (("x.json", single.content), ("x.zip", archive.content)):
        options = {"format": "coco", "name": name}
        said = good(client.post("/api/imports", params=options, content=content, headers=RAW))
        assert (said["objects"], said["masks"]) == (1, 12)
    assert len(masks(client)) == 36
    assert masks(client)[3, 5]["counts"] == shown[thing, 5]["counts"]
    refused(client.post("/api/exports", json={"format": "no"}), 400, "no format 'no'")


def test_videos_are_added_by_path_and_by_upload(client, tmp_path, clip_path):
    write_clip(tmp_path / "b", seed=3)
    added = good(client.post("/api/videos", json={"path": "b"}))
    assert (added["status"], added["video"]["name"]) == ("added", "b")
    content = clip_path.read_bytes()
    where = "/api/uploads?name=..%2F..%2F<x>.mp4"
    added = good(client.post(where, content=content, headers=RAW))
    assert added["video"]["length"] == 8
    (kept,) = (tmp_path / "P" / "videos").iterdir()
    assert kept.name == "_x_.mp4"
    again = good(client.post("/api/uploads?name=y.mp4", content=content, headers=RAW))
    assert again["status"] == "copy"
    broken = client.post("/api/uploads?name=z.mp4", content=b"text", headers=RAW)
    refused(broken, 400, "cannot read z.mp4: ")
    assert list((tmp_path / "P" / "videos").iterdir()) == [kept]
    broken = client.post("/api/uploads?name=z.tif", content=b"text", headers=RAW)
    refused(broken, 400, "cannot read z.tif: ")
    page = Image.fromarray(np.zeros((9, 9), np.uint8))
    page.save(tmp_path / "labels.tif")
    page.save(tmp_path / "film.tif", save_all=True, append_images=[page])
    assert good(client.get("/api/folders"))[0] == {"path": str(tmp_path), "files": ["film.tif"]}


def test_batch_annotation_of_what_has_prompts(tmp_path):
    with serving(tmp_path, clips=2) as client:
        thing = add_object(client)
        click(client, thing)
        events = listen(client.service)
        body = {"videos": [1, 2], "prompts": "project"}
        good(client.post("/api/annotate", json=body))
        wait_for(lambda: not client.service.worker.jobs())
        told = [data for kind, data in events if kind == "job"]
        assert told[-1]["state"] == "failed"
        assert told[-1]["message"] == "1 of 2 videos failed"
        assert "it has no object" in told[-2]["message"]
        assert len(masks(client)) == LENGTH
        assert good(client.get("/api/videos/1"))["state"] == "review"
        refused(client.post("/api/annotate", json={"videos": [1]}), 400, "automatic prompts")


def test_automatic_annotation_answers_clicks_meanwhile_and_can_be_cancelled(tmp_path):
    looked, going = threading.Event(), threading.Event()

    def find(frame, where):
        looked.set()
        going.wait(60)
        return [Proposal(Prompt.from_mask(square_mask()))] if where.all() else []

    def automatic(project, engine):
        return FoundPrompts(project, engine, find, every=2)

    with serving(tmp_path, clips=2, length=30, automatic=automatic) as client:
        thing = add_object(client)
        events = listen(client.service)
        good(client.post("/api/annotate", json={"videos": [2, 1]}))
        assert looked.wait(60)
        going.set()
        click(client, thing)  # between two looks
        wait_for(lambda: any(data.get("video_state") == "done" for _, data in events))
        good(client.delete("/api/annotate"))
        wait_for(lambda: not client.service.worker.jobs())
        assert events[-1][1]["state"] in ("done", "failed")
        found = good(client.get("/api/videos/2"))
        assert [own["class"] for own in found["objects"]] == ["object"]
        assert found["tracked_frames"] == 30
        assert [own["object"] for own in good(client.get("/api/review"))]


def test_a_model_that_cannot_be_loaded(tmp_path):
    def broken():
        raise ValueError("no weights; give checkpoint=")

    with serving(tmp_path, load=broken) as client:
        wait_for(lambda: good(client.get("/api/session"))["model"]["state"] == "error")
        thing = add_object(client)
        body = {"frame": 0, "points": [[20, 20]], "labels": [1]}
        answer = client.post(f"/api/objects/{thing}/prompts", json=body)
        refused(answer, 503, "the model cannot be used: no weights; give checkpoint=")
        good(client.put(f"/api/objects/{thing}/masks/0", json=square_runs()))
        assert masks(client)[thing, 0]["fresh"]


def test_an_unexpected_error_of_loading_is_named(tmp_path):
    def broken():
        raise RuntimeError("no kernel\nimage")

    with serving(tmp_path, load=broken) as client:
        state = lambda: good(client.get("/api/session"))["model"]  # noqa: E731
        wait_for(lambda: state()["state"] == "error")
        assert state()["message"] == "RuntimeError: no kernel image"


def test_the_page_or_why_there_is_none(client, tmp_path, monkeypatch):
    from sam2track.annotate.server import app

    monkeypatch.setattr(app, "PAGE", tmp_path / "no")
    refused(client.get("/"), 404, "the page is missing")


def test_the_document_describes_every_path(client):
    document = good(client.get("/api/openapi.json"))
    for path, methods in document["paths"].items():
        assert path.startswith("/api/")
        for own in methods.values():
            assert own["description"], path
    json.dumps(document)


def test_the_log_names_who_did_it_and_the_project_stays_readable(client, tmp_path):
    add_object(client)
    with Project.open(tmp_path / "P", read_only=True) as project:
        assert project.history()[-1].who == "anna"
    assert tiny_engine().model == "tiny"
