"""The whole story: click, correct, box, track, cancel, correct, re-track, undo, brush, export."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np
from annotate.page.browsing import CUP, HAND, Person, serving, write_short_cup
from pycocotools import mask as coco


def test_whole_story(browser, tmp_path: Path) -> None:
    clip = write_short_cup(tmp_path, length=40)
    with serving(tmp_path / "project", f"video={clip}") as server:
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        me = Person(context.new_page(), server.address)
        assert "Click on what you want to follow" in me.page.inner_text("#hint")

        me.click(*CUP)
        me.saved()
        cup = me.look("app.selected")
        clicked = me.mask(cup)
        assert clicked is not None
        assert clicked[CUP[1], CUP[0]]
        assert 5_000 < clicked.sum() < 60_000

        me.page.keyboard.down("Shift")  # the thumb does not belong to it
        me.click(345, 255)
        me.page.keyboard.up("Shift")
        me.saved()
        assert (me.mask(cup) != clicked).any()

        me.press("n", "b")
        me.drag((400, 170), (632, 320))
        me.saved()
        hand = me.look("app.selected")
        assert hand != cup
        assert me.mask(hand)[HAND[1], HAND[0]]

        me.press("Control+b")
        me.wait("app.tracking && app.tracking.frame >= 4")
        me.press("Escape")
        me.saved()
        tracked = me.look("app.lanes.get(args[0]).at(-1).stop", cup)
        assert 5 <= tracked < 40
        assert "kept" in me.status
        kept = me.mask(cup, 3)

        me.press("Control+b")  # goes on where it was stopped
        me.wait("app.tracking")
        me.saved()
        assert me.look("app.lanes.get(args[0]).at(-1).stop", cup) == 40
        assert (me.mask(cup, 3) == kept).all()

        me.press("p", "Home", *["f"] * 8, "1")
        me.click(CUP[0], CUP[1] + 60)
        me.saved()
        assert "follow older clicks" in me.page.inner_text("#progress")
        clicked = me.mask(cup, 8)
        me.press("Enter")
        me.wait("app.tracking")
        me.saved()
        assert me.page.locator("#progress").is_hidden()
        assert me.look("app.lanes.get(args[0]).some((span) => span.start === 8)", cup)
        again = me.mask(cup, 8)

        me.press("Home", *["f"] * 8, "Control+z")
        me.saved()
        assert me.status.startswith("Undone:")
        assert "frame 8" in me.status
        assert me.look("app.video.prompts.every((prompt) => prompt.frame !== 8)")
        me.press("Control+Shift+z")
        me.saved()
        assert me.status.startswith("Done again:")
        # The click is answered again, or what was tracked from it is brought back.
        me.until(lambda: any((me.mask(cup, 8) == one).all() for one in (clicked, again)))
        before = me.mask(cup, 8)

        me.press("Shift+1")
        me.drag((120, 400), (200, 400))
        me.saved()
        brushed = me.mask(cup, 8)
        assert brushed[400, 160]
        assert (brushed & before).sum() == before.sum()

        me.press("a")
        me.saved()
        assert "accepted" in me.status
        reviews = server.get("/api/videos/1")["reviews"]
        assert {"object": cup, "frame": 8}.items() <= reviews[0].items()

        shown = {(cup, at): me.mask(cup, at) for at in range(40)}
        shown |= {(hand, at): me.mask(hand, at) for at in range(40)}
        me.press("Control+e")
        me.page.get_by_role("button", name="Export", exact=True).last.click()
        link = me.page.locator(".files a").first
        with me.page.expect_download() as download:
            link.click()
        check_coco(Path(download.value.path()).read_bytes(), shown)
        assert me.errors == []
        context.close()


def check_coco(data: bytes, shown: dict[tuple[int, int], np.ndarray]) -> None:
    """A COCO file, or a zip with one, has the masks that the page showed."""
    if data[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            (name,) = [name for name in archive.namelist() if name.endswith(".json")]
            data = archive.read(name)
    written = json.loads(data)
    order = {picture["id"]: at for at, picture in enumerate(written["images"])}
    found = {
        (one["track_id"], order[one["image_id"]]): coco.decode(one["segmentation"]).astype(bool)
        for one in written["annotations"]
    }
    assert len(order) == 40
    for (thing, frame), mask in shown.items():
        if mask is not None and mask.any():
            assert (found.pop((thing, frame)) == mask).all(), (thing, frame)
    assert not found
