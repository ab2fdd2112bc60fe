"""Every tutorial runs as it stands, with nano, on the first frames of the clips in videos/."""

from __future__ import annotations

import json
import logging
import os
import re
import runpy
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest
from composing import compose_config
from conftest import write_video
from pages import ROOT, follow

from sam2track import open_video
from sam2track.model.weights import packaged_weights

PAGES = [ROOT / "docs" / "start.md", *sorted((ROOT / "docs" / "tutorials").glob("*.md"))]
LENGTHS = {"cup": 24, "box": 12, "bunny": 12}
NEEDS = {"onnx": "onnxscript", "fine_tune": "accelerate", "memory_policy": "jinja2"}

pytestmark = [
    pytest.mark.skipif(packaged_weights("nano") is None, reason="nano has no weights"),
    pytest.mark.timeout(900),
]


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("videos")
    for name, length in LENGTHS.items():
        with open_video(ROOT / "videos" / f"{name}.mp4") as video:
            frames = [frame.image for frame in islice(video, length)]
        write_video(folder / f"{name}.mp4", np.stack(frames))
    return folder


@pytest.fixture
def copy_of_the_repository(tmp_path, monkeypatch, clips):
    """A folder with what a reader has: ``videos/``, here shorter, and ``scripts/``."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    Path("videos").mkdir()
    for clip in clips.iterdir():
        os.symlink(clip, Path("videos", clip.name))
    os.symlink(ROOT / "scripts", "scripts")
    yield tmp_path
    logging.disable(logging.NOTSET)
    sys.modules.pop("my_policy", None)


def composes(words):
    """It cannot run here, but its settings exist and are of the right kind."""
    assert compose_config(words[1], words[2:])


def on_the_page(words):
    """What the tutorial says: click on the cup, then Ctrl+B."""
    browsing = pytest.importorskip("annotate.page.browsing")
    pytest.importorskip("playwright")
    if browsing.CHROMIUM is None:
        pytest.skip("the tests of the page need chromium")
    composes(words)
    here = Path.cwd()
    video = f"video={here / words[2].removeprefix('video=')}"

    def follow_the_cup(address):
        with browsing.browsing() as browser:
            person = browsing.Person(browser.new_page(), address)
            person.click(*browsing.CUP)
            person.saved()
            person.press("Control+b")
            person.wait("app.tracking || app.lanes.size")
            person.saved()
            assert person.errors == []

    # A thread of its own: playwright runs once a thread, and other tests' still does.
    with (
        browsing.serving(here / "videos" / "cup_project", video) as server,
        ThreadPoolExecutor(1) as thread,
    ):
        thread.submit(follow_the_cup, server.address).result()


class Camera:
    """A clip as a camera gives it: a picture every 50 ms, whoever is late misses every other."""

    def __init__(self, path: str) -> None:
        with open_video(path) as video:
            self.pictures = [frame.image[..., ::-1].copy() for frame in video]
        self.start = time.monotonic()
        self.given = -1

    def get(self, key: int) -> float:
        return 20.0

    def read(self):
        newest = int((time.monotonic() - self.start) / 0.05)
        index = min(max(self.given + 1, newest), self.given + 2) if self.given >= 0 else 0
        if index >= len(self.pictures):
            return False, None
        time.sleep(max(0.0, self.start + 0.05 * index - time.monotonic()))
        self.given = index
        return True, self.pictures[index]

    def release(self) -> None:
        pass


def nuclei_are_followed(names, printed):
    """The places in the table are those of the drawn nuclei, within a few pixels."""
    draw = runpy.run_path(str(ROOT / "scripts" / "draw_nuclei.py"))["draw"]
    told = {(row["video"], int(row["id"]), int(row["frame"])): row for row in names["rows"]}
    near = []
    for seed in range(3):
        labels = draw(seed, 12)[1]
        for nucleus in np.unique(labels[0])[1:]:
            for frame in range(12):
                y, x = np.nonzero(labels[frame] == nucleus)
                if len(x):  # until it divides
                    row = told.get((f"film{seed:02}", int(nucleus), frame), {"x": -99, "y": -99})
                    near.append(
                        np.hypot(x.mean() - float(row["x"]), y.mean() - float(row["y"])) < 6
                    )
    assert len(near) > 200
    assert np.mean(near) > 0.85


def the_camera_has_masks(names, printed):
    """Of the newest picture each time; those that came meanwhile are counted."""
    mask = names["mask"]  # of the last frame
    assert len(names["late"]) > 1
    assert f"{len(names['late'])} frames, {names['frames'].dropped} left out" in printed
    assert 0.01 < mask.mean() < 0.3
    assert names["result"].object_ids == (1,)


def the_policies_are_compared(names, printed):
    """J&F of both, a difference, and its interval."""
    for name in ("fifo", "good"):
        results = Path(f"runs/policies/memory={name}/results.json").read_text()
        assert 0 < json.loads(results)["mean"]["J&F"] <= 100
    assert re.search(r"[+-]\d+\.\d+ +[+-]\d+\.\d+ to [+-]\d+\.\d+", printed)


# The three uses of the product: what comes out is looked at too.
RESULTS = {
    "microscope": nuclei_are_followed,
    "live": the_camera_has_masks,
    "memory_policy": the_policies_are_compared,
}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_a_tutorial_runs(page, copy_of_the_repository, monkeypatch):
    logging.disable(logging.INFO)  # pytest's record of what PyTorch logs takes half the time
    if page.stem in NEEDS:
        pytest.importorskip(NEEDS[page.stem])
    capture = cv2.VideoCapture
    monkeypatch.setattr(
        cv2,
        "VideoCapture",
        lambda source: Camera("videos/cup.mp4") if source == 0 else capture(source),
    )
    serve = on_the_page if page.stem == "page" else composes
    elsewhere = {"sam2track track video=0": composes, "sam2track track video=rtsp": composes}
    names, printed = follow(page, {"sam2track serve": serve, **elsewhere})
    if page.stem in RESULTS:
        RESULTS[page.stem](names, printed)
