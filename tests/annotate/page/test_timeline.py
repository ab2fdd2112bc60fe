"""The timeline, the range, review, and the list of videos."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from annotate.page.browsing import Person, Server
from conftest import write_video
from pycocotools import mask as coco

CUP = (181, 92)


def on_timeline(person: Person, frame: float, y: float = 12) -> tuple[float, float]:
    """Where a frame is on the timeline: 128 pixels of names, then all frames."""
    box = person.page.locator("#timeline").bounding_box()
    length = person.look("app.video.length")
    return box["x"] + 128 + (frame + 0.5) * (box["width"] - 136) / length, box["y"] + y


def test_click_and_drag_on_the_timeline(person: Person) -> None:
    person.page.mouse.click(*on_timeline(person, 9))
    assert person.look("app.frame") == 9
    person.page.mouse.move(*on_timeline(person, 2))
    person.page.mouse.down()
    person.page.mouse.move(*on_timeline(person, 7), steps=3)
    person.page.mouse.up()
    assert person.look("app.frame") == 7
    person.page.mouse.move(*on_timeline(person, 11))
    assert "frame 11" in person.page.inner_text("#tip")
    person.page.wait_for_selector("#tip img[src^=blob]")


def test_a_range_is_tracked(person: Person) -> None:
    person.click(*CUP)
    person.saved()
    thing = person.look("app.selected")
    person.page.keyboard.down("Alt")
    person.page.mouse.move(*on_timeline(person, 0))
    person.page.mouse.down()
    person.page.mouse.move(*on_timeline(person, 5), steps=3)
    person.page.mouse.up()
    person.page.keyboard.up("Alt")
    assert person.look("app.range") == [0, 6]
    person.press("t")
    person.wait("app.lanes.get(app.selected).at(-1).stop > 1")
    person.saved()
    assert person.look("app.lanes.get(args[0]).at(-1).stop", thing) == 6
    person.look("app.range = [0, 0]")
    person.press(
        "Escape", "Home", "n", *["f"] * 4
    )  # a click in the middle of a range is tracked both ways
    person.click(*CUP)
    person.saved()
    other = person.look("app.selected")
    person.press("o", "d", "d", "q", "f", "f", "f", "f", "w", "t")
    person.until(lambda: person.look("app.lanes.get(args[0]).at(-1).stop", other) == 7)
    person.saved()
    assert person.look("app.lanes.get(args[0])[0].start", other) == 2
    person.press("o", "Escape", "End", "q", "Home", "w")
    assert person.look("app.range") == [0, 1]
    person.press("Escape")
    assert person.look("app.range") is None


def test_the_range_is_left_by_its_cross(person: Person) -> None:
    person.press("t")
    assert "Drag over the frames" in person.status
    person.press("Escape")
    assert person.status == ""
    person.page.mouse.click(*on_timeline(person, 3))
    assert person.look("app.range") is None
    person.page.locator("[data-command=range]").click()
    person.page.mouse.move(*on_timeline(person, 4))
    person.page.mouse.down()
    person.page.mouse.move(*on_timeline(person, 9), steps=3)
    person.page.mouse.up()
    assert person.look("app.range") == [4, 10]
    cross = person.page.get_by_role("button", name="Leave the range of frames 4–9")
    assert cross.inner_text() == "4–9 ×"
    cross.click()
    assert person.look("app.range") is None
    assert person.page.locator("#range-off").is_hidden()


def test_the_clicked_frame_follows_its_own_click(person: Person) -> None:
    person.click(*CUP)
    person.saved()
    person.press("Control+b")
    person.wait("app.lanes.get(app.selected)?.some((span) => span.stop === app.video.length)")
    person.saved()
    person.press("Home", *["f"] * 4)
    person.click(181, 150)
    person.saved()
    assert person.look("app.stale[0].start") == 4
    assert "Frames 5–15 follow older clicks." in person.page.inner_text("#progress")
    person.press("End")
    person.click(181, 150)
    person.saved()
    assert "Frames 5–14 follow older clicks." in person.page.inner_text("#progress")


def test_one_count_of_what_deserves_a_look(person: Person, server: Server) -> None:
    person.click(*CUP)
    person.saved()
    person.press("Control+b")
    person.wait("app.lanes.get(app.selected)?.some((span) => span.stop === app.video.length)")
    person.saved()
    thing = person.look("app.selected")
    for frame in (3, 12):
        state = {"object": thing, "frames": [frame, frame + 1], "state": "review"}
        person.look(
            "(await import('/static/api.js')).change('POST', '/api/videos/1/review', args[0])",
            state,
        )
    queue = server.get("/api/review")
    assert len(queue) >= 2
    person.until(lambda: person.page.inner_text("#review-count") == f"({len(queue)})")
    person.until(
        lambda: person.page.inner_text("#objects .badge").split() == ["?", str(len(queue))]
    )
    person.press("Home", "j")
    assert person.look("app.frame") == min(item["frame"] for item in queue if item["frame"])
    person.press("Shift+V")
    person.page.wait_for_selector(f".card:has-text('{len(queue)} to review')")


def test_review(person: Person, server: Server) -> None:
    person.click(*CUP)
    person.saved()
    thing = person.look("app.selected")
    for frame in (0, 1):
        mask = np.zeros((240, 320), dtype=np.uint8, order="F")
        mask[50:90, 50:90] = 1
        counts = coco.encode(mask)["counts"].decode()
        person.look(
            "(await import('/static/api.js')).change('PUT', `/api/objects/${args[0]}/masks/"
            "${args[1]}`, {size: [240, 320], counts: args[2]})",
            *(thing, frame, counts),
        )
        state = {"object": thing, "frames": [frame, frame + 1], "state": "review"}
        person.look(
            "(await import('/static/api.js')).change('POST', '/api/videos/1/review', args[0])",
            {**state, "comment": f"look {frame}"},
        )
    person.saved()
    person.press("r")
    person.wait("app.review.length === 2")
    assert person.page.locator("#review-body li").count() == 2
    assert "look 0" in person.page.inner_text("#review-body")
    person.press("a")
    person.saved()
    person.wait("app.review.length === 1 && app.frame === 1")
    person.press("x")
    person.page.get_by_role("button", name="mask too small").click()
    person.saved()
    person.wait("app.review.length === 0")
    found = {one["frame"]: one for one in server.get("/api/videos/1")["reviews"]}
    assert found[0]["state"] == "accepted"
    assert found[1]["state"] == "rejected"
    assert found[1]["comment"] == "mask too small"
    whole = {"object": thing, "state": "review", "comment": "returns with IoU 0.10"}
    part = {"object": thing, "frames": [4, 5], "state": "review", "comment": "too large"}
    change = "(await import('/static/api.js')).change('POST', '/api/videos/1/review', args[0])"
    for state in (whole, part):
        person.look(change, state)
    person.wait("app.review.length === 2")
    person.page.locator("#review-body li", has_text="all frames").click()
    person.press("a")  # its frames are decided with it
    person.saved()
    assert "all frames: accepted" in person.status
    assert server.get("/api/videos/1")["objects"][0]["state"] == "accepted"
    person.wait("app.review.length === 0")
    person.press("r")
    assert person.page.locator("#objects-section").is_visible()
    person.press("y")
    assert person.look("app.compare")


def test_all_frames_of_an_entry_are_decided(person: Person, server: Server) -> None:
    person.press("Shift+1")
    person.drag((40, 200), (80, 200))
    person.saved()
    thing = person.look("app.selected")
    item = {
        "video": 1,
        "object": thing,
        "frame": 3,
        "last": 7,
        "why": "?",
        "state": "new",
        "number": 1,
    }
    # The page may read the queue again at any time.
    person.page.route("**/api/review", lambda route: route.fulfill(json=[item]))
    person.press("r")
    person.page.locator("#review-body li", has_text="frames 3–7").click()
    assert person.look("app.frame") == 3
    person.press("f", "x")
    person.page.get_by_role("button", name="lost").click()
    person.saved()
    found = server.get("/api/videos/1")["reviews"]
    rejected = [one["frame"] for one in found if one["object"] == thing]
    assert sorted(rejected) == [3, 4, 5, 6, 7]


def test_progress_of_automatic_annotation(person: Person) -> None:
    person.press("Shift+V")
    news = "(await import('/static/videos.js')).onJob(args[0])"
    person.look(news, {"state": "running", "video": 2, "share": 0.3})
    assert person.page.inner_text("#job") == "Annotating 30 %"
    assert person.page.get_by_role("button", name="Stop annotating (30 %)").is_visible()
    assert person.page.locator(".notice").count() == 0
    person.look(news, {"state": "done", "video": None, "share": 1.0, "message": ""})
    assert person.page.locator("#job").is_hidden()
    assert "done" in person.page.inner_text(".notice")
    assert person.page.locator("dialog button", has_text="automatically").is_visible()


def test_videos_export_import(person: Person, server: Server, tmp_path: Path) -> None:
    page = person.page
    clip = np.random.default_rng(0).integers(0, 255, (3, 64, 96, 3), dtype=np.uint8)
    video = write_video(tmp_path / "noise.mp4", clip)
    person.press("Shift+V")
    page.set_input_files("dialog input[type=file]", str(video))
    page.locator(".card").nth(1).wait_for()
    page.get_by_label("Search videos").fill("noi")
    assert page.locator(".card").count() == 1
    assert "1 of 2 videos" in page.inner_text(".film-tools")
    page.get_by_label("Mark all").check()
    assert page.get_by_role("button", name="Annotate 1 marked automatically").is_visible()
    page.get_by_label("Mark all").uncheck()
    page.get_by_label("Search videos").fill("nothing like it")
    assert "No video has these words." in page.inner_text("dialog")
    page.get_by_label("Search videos").fill("")
    page.locator(".card .open").nth(1).click()
    person.wait("app.video.name === 'noise'")
    assert "(2 of 2)" in page.inner_text("#video-name")
    person.press("PageUp")
    person.wait("app.video.name === 'cup'")
    person.click(*CUP)
    person.saved()
    mask = person.mask(person.look("app.selected"))
    person.press("Control+e")
    names = page.locator("#export-format option").all_inner_texts()
    assert "YOLO segmentation (Ultralytics) (yolo)" in names
    page.select_option("#export-videos", "this")
    page.get_by_role("button", name="Export", exact=True).last.click()
    with page.expect_download() as download:
        page.locator(".files a", has_text=".json").first.click()
    saved = tmp_path / "instances.json"
    saved.write_bytes(Path(download.value.path()).read_bytes())
    assert len(json.loads(saved.read_text())["annotations"]) == 1
    person.press("Escape", "Shift+V")
    page.get_by_role("button", name="Import…").click()
    page.set_input_files("dialog form input[type=file]", str(saved))
    page.get_by_role("button", name="Import", exact=True).click()
    person.wait("app.video.objects.length === 2")
    imported = person.look("app.video.objects[1].id")
    person.until(lambda: person.mask(imported) is not None)
    assert (person.mask(imported) == mask).all()


def test_attributes(person: Person, server: Server) -> None:
    person.click(*CUP)
    person.saved()
    page = person.page
    person.press("c")
    page.get_by_label("Another class").fill("hand")
    person.press("Enter")
    person.saved()
    person.press("c")
    page.get_by_text("Attributes of hand").click()
    page.locator("dialog textarea").fill("side: left, right\ngloved: yes/no\nfingers: number")
    page.get_by_role("button", name="Save attributes").click()
    person.wait("app.session.classes.some((one) => one.attributes.length === 3)")
    kinds = [one["type"] for one in server.get("/api/session")["classes"][-1]["attributes"]]
    assert kinds == ["select", "checkbox", "number"]
    page.get_by_label("side").select_option("right")
    person.saved()
    (thing,) = server.get("/api/videos/1")["objects"]
    assert thing["class"] == "hand"
    assert thing["attributes"] == {"side": "right"}
    page.get_by_label("Colour 3").click()
    person.saved()
    assert server.get("/api/videos/1")["objects"][0]["colour"] == "#009e73"
