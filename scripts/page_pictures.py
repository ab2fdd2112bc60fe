"""Pictures of every state of the annotator's page, in both themes and at two sizes.

    python scripts/page_pictures.py --out /tmp/pictures

It serves a part of videos/cup.mp4 with nano and needs chromium and playwright.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from pycocotools import mask as coco

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from annotate.page.browsing import CUP, Person, Server, browsing, serving, write_short_cup

SIZES = {"wide": (1440, 900), "phone": (390, 844)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sizes", nargs="+", default=list(SIZES), choices=list(SIZES))
    parser.add_argument("--themes", nargs="+", default=["light", "dark"])
    parser.add_argument("--length", type=int, default=60)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, browsing() as browser:
        for size in given.sizes:
            for theme in given.themes:
                place = Path(folder) / f"{size}-{theme}"
                clip = write_short_cup(place, length=given.length)
                width, height = SIZES[size]
                options: dict[str, Any] = {
                    "viewport": {"width": width, "height": height},
                    "color_scheme": theme,
                    "has_touch": size == "phone",
                }

                def shoot(page: Any, name: str, size: str = size, theme: str = theme) -> None:
                    page.wait_for_timeout(350)
                    page.screenshot(path=str(given.out / f"{size}-{theme}-{name}.png"))
                    print(size, theme, name, flush=True)

                with serving(place / "project") as server:
                    states(browser, server, options, clip, shoot)


def states(
    browser: Any,
    server: Server,
    options: dict[str, Any],
    clip: Path,
    shoot: Callable[[Any, str], None],
) -> None:
    """Go through the states, and take a picture of each."""
    context = browser.new_context(**options)
    page = context.new_page()
    page.goto(server.address)
    page.wait_for_selector("#drop:not([hidden])")
    shoot(page, "01-no-video")
    page.close()
    server.stop()
    server.options = (f"video={clip}",)
    server.start()
    me = Person(context.new_page(), server.address)
    page = me.page
    shoot(page, "02-nothing-yet")
    page.mouse.move(*me.place(*CUP))
    page.wait_for_timeout(700)
    shoot(page, "03-hover")
    me.click(*CUP)
    me.saved()
    shoot(page, "04-clicked")
    me.page.keyboard.down("Shift")
    me.click(345, 255)
    me.page.keyboard.up("Shift")
    me.saved()
    me.press("n", "b")
    page.mouse.move(*me.place(400, 170))
    page.mouse.down()
    page.mouse.move(*me.place(632, 320), steps=5)
    shoot(page, "05-box")
    page.mouse.up()
    me.saved()
    me.press("Control+b")
    me.wait("app.tracking && app.tracking.frame >= 20")
    shoot(page, "06-tracking")
    me.press("Escape")
    me.saved()
    shoot(page, "07-stopped")
    corrections(me, shoot)
    drawing(me, shoot)
    states_of_review(me, server, shoot)
    dialogs(me, shoot)
    others(browser, me, server, options, shoot)


def corrections(me: Person, shoot: Callable[[Any, str], None]) -> None:
    """A click on a frame in the middle, and its masks beside those before it."""
    page = me.page
    me.press("Control+b")
    me.wait("app.tracking")
    me.saved()
    me.press("p", "Home", *["Shift+F"] * 3, "1")
    me.click(CUP[0], CUP[1] + 60)
    me.saved()
    page.wait_for_selector("#progress:not([hidden])")
    shoot(page, "08-correction")
    me.press("Enter")
    me.wait("app.tracking")
    me.saved()
    me.press("Home", *["Shift+F"] * 3, "y")
    shoot(page, "09-before-and-now")
    me.press("y")


def drawing(me: Person, shoot: Callable[[Any, str], None]) -> None:
    """The brush, a polygon and its corners, a range of frames."""
    page = me.page
    me.press("Shift+1")
    me.look("app.brushSize = 30")
    page.mouse.move(*me.place(260, 330))
    page.mouse.down()
    page.mouse.move(*me.place(300, 390), steps=9)
    shoot(page, "10-brush")
    page.mouse.up()
    me.saved()
    me.press("g")
    for corner in [(100, 100), (200, 110), (180, 220)]:
        me.click(*corner)
    page.mouse.move(*me.place(110, 200))
    shoot(page, "11-polygon")
    me.press("Enter")
    me.saved()
    me.press("Shift+5")
    page.mouse.move(*me.place(200, 110))
    page.mouse.down()
    page.mouse.move(*me.place(240, 80), steps=4)
    shoot(page, "11-corners")
    me.press("Escape")
    page.mouse.up()
    me.look("(await import('/static/ranges.js')).setRange([12, 25])")
    shoot(page, "11-range")
    me.press("Escape", "Control+z")
    me.saved()


def states_of_review(me: Person, server: Server, shoot: Callable[[Any, str], None]) -> None:
    """Accepted, locked, rejected, absent, and the queue."""
    things = me.look("app.video.objects.map((one) => one.id)")
    counts = coco.encode(np.zeros((480, 640), dtype=np.uint8, order="F"))["counts"].decode()
    empty = {"size": [480, 640], "counts": counts}
    me.look("(() => { app.range = [5, 15]; })()")
    me.press("1", "a")
    me.saved()
    me.press("Escape", "Escape")
    body = {"object": things[0], "frames": [40, 44], "state": "rejected", "comment": "lost"}
    me.look("app.range = null")
    lease = {"take_over": True}
    server.send("POST", "/api/videos/1/lease", lease)
    server.send("POST", "/api/videos/1/review", body)
    server.send("POST", "/api/videos/1/review", {"object": things[1], "locked": True})
    server.send("PUT", f"/api/objects/{things[0]}/masks/50", empty)
    body = {"object": things[0], "frames": [30, 31], "state": "review", "comment": "too large?"}
    server.send("POST", "/api/videos/1/review", body)
    server.send("DELETE", "/api/videos/1/lease")
    me.page.reload()
    me.page.wait_for_selector("#ready", state="attached")
    me.wait("app.video && app.lanes.size > 1")
    me.press("p", "1", "Home", *["Shift+F"] * 5)
    me.page.wait_for_timeout(500)
    shoot(me.page, "12-absent-accepted-locked")
    me.press("r")
    me.page.wait_for_timeout(500)
    shoot(me.page, "13-review")
    me.press("x")
    shoot(me.page, "14-reject")
    me.press("Escape", "r")


def dialogs(me: Person, shoot: Callable[[Any, str], None]) -> None:
    """Help, class, videos, export."""
    for key, name in [("?", "15-help"), ("c", "16-class"), ("Shift+V", "17-videos")]:
        me.press(key)
        me.page.wait_for_selector("dialog")
        me.page.wait_for_timeout(500)
        shoot(me.page, name)
        me.press("Escape")
    me.press("Control+e")
    me.page.get_by_role("button", name="Export", exact=True).last.click()
    me.page.wait_for_selector(".files a")
    shoot(me.page, "18-exported")
    me.press("Escape")


def others(
    browser: Any,
    me: Person,
    server: Server,
    options: dict[str, Any],
    shoot: Callable[[Any, str], None],
) -> None:
    """Somebody else has the video; the server is gone; an error."""
    context = browser.new_context(**options)
    other = Person(context.new_page(), server.address)
    other.wait("state.readOnly()")
    shoot(other.page, "19-somebody-else")
    context.close()
    me.look(
        '(await import("/static/notices.js")).failed(new Error("the mask is 10 x 10 pixels, '
        'but the video 640 x 480"))'
    )
    shoot(me.page, "20-error")
    me.page.locator("#notices button").last.click()
    server.stop(kill=True)
    me.press("Home", "p")
    me.click(*CUP)
    me.page.wait_for_timeout(1200)
    shoot(me.page, "21-not-connected")


if __name__ == "__main__":
    main()
