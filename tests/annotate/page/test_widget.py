"""The page in a notebook: shown in a frame, clicked on, and its masks as arrays."""

from __future__ import annotations

import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from annotate.page.browsing import CUP, write_short_cup

import sam2track


class Quiet(SimpleHTTPRequestHandler):
    """Says nothing."""

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.slow
def test_widget(browser, tmp_path: Path) -> None:
    clip = write_short_cup(tmp_path, length=4)
    page = sam2track.widget(clip)
    assert sam2track.widget(clip).address == page.address
    (tmp_path / "notebook.html").write_text(page._repr_html_())
    handler = partial(Quiet, directory=str(tmp_path))
    with ThreadingHTTPServer(("localhost", 0), handler) as notebook:
        threading.Thread(target=notebook.serve_forever, daemon=True).start()
        tab = browser.new_page(viewport={"width": 1300, "height": 800})
        tab.goto(f"http://localhost:{notebook.server_port}/notebook.html")
        frame = tab.frame_locator("iframe")
        frame.locator("#ready").wait_for(state="attached")
        frame.locator("#hint:not([hidden])").wait_for()
        canvas = frame.locator("#canvas").bounding_box()
        scale = min((canvas["width"] - 24) / 640, (canvas["height"] - 24) / 480)
        x = canvas["x"] + canvas["width"] / 2 + (CUP[0] - 320) * scale
        y = canvas["y"] + canvas["height"] / 2 + (CUP[1] - 240) * scale
        tab.mouse.click(x, y)
        frame.get_by_role("button", name="Track it").click()
        frame.locator("#status").filter(has_text="Tracked").wait_for(timeout=60_000)
        tab.close()
        notebook.shutdown()
    masks = page.masks(1)
    assert sorted(masks) == [0, 1, 2, 3]
    assert masks[0].shape == (480, 640)
    assert masks[0][CUP[1], CUP[0]]
    with pytest.raises(ValueError, match="no object 2"):
        page.masks(2)
