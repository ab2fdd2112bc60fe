"""A session at the annotator's page at a person's pace: seconds, clicks and keys; or a film of it.

    python scripts/page_session.py
    python scripts/page_session.py --film docs/images/page.webp

One object of a clip of 100 frames (the beginning of videos/cup.mp4) is annotated from a cold start
and exported; the film shows a click on videos/box.mp4. It needs chromium and playwright.
"""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from annotate.page.browsing import CUP, ROOT, Person, browsing, serving, write_short_cup

READ, MOVE, PRESS = 1.5, 0.8, 0.4  # seconds a person takes to look, to point, to press a key
BOX = (430, 110)  # a point on the box in the first frame of its video, in pixels


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--film", type=Path, help="a WebP file to write")
    parser.add_argument("--frames", type=int, default=100)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, browsing() as browser:
        clip = ROOT / "videos" / "box.mp4"
        if not given.film:
            clip = write_short_cup(Path(folder), length=given.frames)
        began = time.monotonic()
        with serving(Path(folder) / "project", f"video={clip}") as server:
            started = time.monotonic()
            size = {"width": 1200, "height": 750} if given.film else {"width": 1440, "height": 900}
            context = browser.new_context(viewport=size)
            me = Person(context.new_page(), server.address)
            if given.film:
                film(me, given.film)
            else:
                print(f"server with its model: {started - began:.1f} s")
                print(f"page with the first frame: {time.monotonic() - started:.1f} s more")
                annotate(me, given.frames)
            context.close()


def annotate(me: Person, frames: int) -> None:
    """Look, click, track, export; count it."""
    page, began, clicks, keys = me.page, time.monotonic(), 0, 0

    def wait(seconds: float) -> None:
        page.wait_for_timeout(seconds * 1000)

    def told(what: str) -> None:
        passed = time.monotonic() - began
        print(f"{passed:6.1f} s, {clicks} clicks, {keys} keys: {what}", flush=True)

    wait(READ)
    page.mouse.move(*me.place(*CUP), steps=12)
    wait(MOVE)
    me.click(*CUP)
    clicks += 1
    me.wait("masks.masksOf(0).size === 1 && !app.pending.length")
    told("the mask is there")
    wait(READ)
    me.press("Control+b")
    keys += 1
    me.wait("masks.masksOf(1).size === 1")
    told("the mask runs")
    me.wait("app.lanes.size === 1 && !app.tracking", timeout=600)
    told(f"all {frames} frames are tracked")
    wait(PRESS)
    me.press("Control+e")
    keys += 1
    wait(READ)
    page.get_by_role("button", name="Export", exact=True).last.click()
    clicks += 1
    page.wait_for_selector(".files a")
    told("COCO is exported")


def film(me: Person, out: Path) -> None:
    """Write an animated picture."""
    pictures: list[tuple[Image.Image, int]] = []
    pointer = [760.0, 620.0]

    def shoot(milliseconds: int) -> None:
        picture = Image.open(io.BytesIO(me.page.screenshot())).convert("RGB")
        draw_pointer(picture, *pointer)
        pictures.append((picture.resize((960, 600), Image.Resampling.LANCZOS), milliseconds))

    def go(x: float, y: float, steps: int = 5) -> None:
        start = tuple(pointer)
        for step in range(1, steps + 1):
            share = step / steps
            pointer[0] = start[0] + (x - start[0]) * share
            pointer[1] = start[1] + (y - start[1]) * share
            me.page.mouse.move(*pointer)
            shoot(60)

    shoot(900)
    go(*me.place(*BOX))
    me.page.wait_for_timeout(600)  # a busy machine shows no mask on hover
    shoot(900)
    me.click(*BOX)
    me.saved()
    shoot(900)
    button = me.page.get_by_role("button", name="Track it").bounding_box()
    go(button["x"] + button["width"] / 2, button["y"] + button["height"] / 2)
    shoot(500)
    me.page.mouse.click(*pointer)
    last = -1
    me.wait("app.tracking && app.tracking.frame > 0")
    while me.look("Boolean(app.tracking)"):
        frame = me.look("app.frame")
        if frame >= last + 6:
            last = frame
            shoot(120)
        me.page.wait_for_timeout(20)
    me.saved()
    shoot(1200)
    save_film(pictures, out)


def draw_pointer(picture: Image.Image, x: float, y: float) -> None:
    """An arrow: screenshots have no pointer."""
    arrow = [(0, 0), (0, 20), (5, 15), (9, 24), (13, 22), (9, 14), (16, 14)]
    points = [(x + dx, y + dy) for dx, dy in arrow]
    ImageDraw.Draw(picture).polygon(points, fill="black", outline="white", width=2)


def save_film(pictures: list[tuple[Image.Image, int]], out: Path) -> None:
    """As an animated WebP."""
    first, *rest = [picture for picture, _ in pictures]
    options: dict[str, Any] = {"quality": 70, "method": 4, "kmin": 1, "kmax": 2}
    durations = [milliseconds for _, milliseconds in pictures]
    first.save(out, save_all=True, append_images=rest, duration=durations, loop=0, **options)
    print(f"{out}: {len(pictures)} pictures, {out.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
