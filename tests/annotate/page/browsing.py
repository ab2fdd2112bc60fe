"""A server with nano, and a browser that uses the page as a person does."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import which
from typing import Any

import av
import numpy as np
from PIL import Image

ROOT = Path(__file__).parents[3]
CHROMIUM = which("chromium") or which("chromium-browser") or which("google-chrome")
CUP, HAND = (362, 185), (480, 230)  # on the first frame of videos/cup.mp4


def write_short_cup(folder: Path, *, length: int, scale: float = 1.0, name: str = "cup") -> Path:
    """The first frames of videos/cup.mp4 as a folder of pictures."""
    clip = folder / name
    clip.mkdir(parents=True)
    with av.open(str(ROOT / "videos" / "cup.mp4")) as container:
        for index, frame in enumerate(container.decode(video=0)):
            if index == length:
                break
            picture = Image.fromarray(frame.to_ndarray(format="rgb24"))
            size = round(picture.width * scale), round(picture.height * scale)
            picture.resize(size).save(clip / f"{index:04d}.jpg", quality=92)
    return clip


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def serving(project: Path, *options: str, port: int | None = None) -> Iterator[Server]:
    """`sam2track serve` in a process of its own, from when its model is ready."""
    server = Server(project, options, port or free_port())
    try:
        server.start()
        yield server
    finally:
        server.stop()


class Server:
    """A server that can be stopped and started again at the same port."""

    def __init__(self, project: Path, options: tuple[str, ...], port: int) -> None:
        self.project, self.options, self.port = project, options, port
        self.address = f"http://localhost:{port}"
        self.process: subprocess.Popen | None = None

    def start(self) -> None:
        """Start it, and wait for the model."""
        words = [f"project={self.project}", f"port={self.port}", "open=false", "threads=1"]
        command = [sys.executable, "-m", "sam2track", "serve", *words, *self.options]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        log = self.project.with_suffix(".log").open("ab")
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT
        )
        for _ in range(600):
            if self.process.poll() is not None:
                break
            try:
                if self.get("/api/session")["model"]["state"] == "ready":
                    return
            except OSError:
                pass
            time.sleep(0.1)
        raise RuntimeError(self.project.with_suffix(".log").read_text()[-2000:])

    def stop(self, *, kill: bool = False) -> None:
        """End it."""
        if self.process is not None:
            (self.process.kill if kill else self.process.terminate)()
            self.process.wait(20)
        self.process = None

    def get(self, path: str) -> Any:
        """What the API answers."""
        with urllib.request.urlopen(self.address + path, timeout=20) as answer:
            return json.load(answer)

    def send(self, method: str, path: str, body: Any = None) -> Any:
        """Change something past the page."""
        request = urllib.request.Request(
            self.address + path,
            method=method,
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json", "X-Client": "test"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)


class Person:
    """A person at a page, who points at video pixels."""

    def __init__(self, page: Any, address: str) -> None:
        self.page, self.errors = page, []
        page.set_default_timeout(60_000)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.goto(address)
        page.wait_for_selector("#ready", state="attached")
        self.wait("app.video && frames.hasPicture(app.frame)")

    def look(self, expression: str, *arguments: Any) -> Any:
        """The value of JavaScript over the page's modules."""
        return self.page.evaluate(_MODULES % f"return ({expression});", list(arguments))

    def wait(self, expression: str, *, timeout: float = 60) -> None:
        """Wait until JavaScript over the page's modules is true."""
        stop = time.monotonic() + timeout
        while not self.look(expression):
            assert time.monotonic() < stop, f"not so after {timeout} s: {expression}"
            self.page.wait_for_timeout(30)

    def until(self, check: Callable[[], Any], *, timeout: float = 30) -> None:
        """Wait until a check is true, which may be when the server's news have come."""
        stop = time.monotonic() + timeout
        while not check():
            assert time.monotonic() < stop, f"not so after {timeout} s"
            self.page.wait_for_timeout(50)

    def saved(self) -> None:
        """Wait until the server has stored all and the page shows it."""
        quiet = "connection.waiting === 0 && app.pending.length === 0 && !app.tracking"
        self.wait(quiet)
        self.page.wait_for_timeout(60)
        shown = "reread.asked === reread.done && masks.upToDate(app.frame)"
        self.wait(f"{quiet} && {shown}")

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Where a video pixel is on the screen."""
        box = self.page.locator("#canvas").bounding_box()
        left, top = self.look("view.toScreen(args[0], args[1])", x, y)
        return box["x"] + left, box["y"] + top

    def click(self, x: float, y: float, **options: Any) -> None:
        """Click on a video pixel."""
        self.page.mouse.click(*self.place(x, y), **options)

    def drag(self, *points: tuple[float, float]) -> None:
        """Drag over video pixels."""
        self.page.mouse.move(*self.place(*points[0]))
        self.page.mouse.down()
        for point in points[1:]:
            self.page.mouse.move(*self.place(*point), steps=4)
        self.page.mouse.up()

    def press(self, *keys: str) -> None:
        """Press keys one after the other, such as ``Control+b``."""
        for key in keys:
            self.page.keyboard.press(key)

    def mask(self, thing: int, frame: int | None = None) -> np.ndarray | None:
        """The mask that the page has of an object, from its own decoder."""
        found = self.look(
            "(() => { const one = masks.maskOf(args[0], args[1] ?? app.frame);"
            " return one && [one.mask.height, one.mask.width, Array.from(one.mask.ends)]; })()",
            *(thing, frame),
        )
        if found is None:
            return None
        height, width, ends = found
        flat = np.zeros(height * width, dtype=bool)
        for start, stop in zip(ends[0::2], ends[1::2], strict=False):
            flat[start:stop] = True
        return flat.reshape(width, height).T

    @property
    def status(self) -> str:
        """The line that says what was done."""
        return self.page.inner_text("#status")


_MODULES = """async (args) => {
  const { app, ...state } = await import("/static/state.js");
  const { connection } = await import("/static/api.js");
  const { view, ...views } = await import("/static/view.js");
  const masks = await import("/static/maskstore.js");
  const frames = await import("/static/frames.js");
  const { COMMANDS } = await import("/static/commands.js");
  const keys = await import("/static/keys.js");
  const { reread } = await import("/static/opening.js");
  Object.assign(view, views);
  %s
}"""


@contextmanager
def browsing(**options: Any) -> Iterator[Any]:
    """A browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # Without a sandbox: the user of a container is often root.
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox"], **options
        )
        try:
            yield browser
        finally:
            browser.close()
