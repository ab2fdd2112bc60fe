"""How quick the annotator's page is, measured in the browser.

    python scripts/page_speed.py
    python scripts/page_speed.py --only long --folder long    # again: without making the project

It makes a 1080p video and a project of 10,000 frames with 50 objects in a temporary folder, serves
them with nano on one thread, and needs chromium and playwright.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import av
import numpy as np

from sam2track import Frame, Prompt
from sam2track.annotate import Project, load_engine
from sam2track.annotate.tracking.answering import FrameAnswers, Question
from sam2track.device import use_threads
from sam2track.masks import encode_runs

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from annotate.page.browsing import Person, browsing, serving

PAN = """async () => {
  const { pan } = await import("/static/view.js");
  const { setMoving } = await import("/static/canvas.js");
  setMoving(true);
  const times = [];
  let last = performance.now();
  for (let step = 0; step < 240; step++) {
    pan(step % 120 < 60 ? 3 : -3, step % 80 < 40 ? 2 : -2);
    await new Promise((next) => requestAnimationFrame(next));
    const now = performance.now();
    times.push(now - last);
    last = now;
  }
  setMoving(false);
  return times;
}"""
SEEK = """async (frame) => {
  const { seek } = await import("/static/playback.js");
  const { hasPicture } = await import("/static/frames.js");
  const { masksOf } = await import("/static/maskstore.js");
  const { app } = await import("/static/state.js");
  const start = performance.now();
  seek(frame);
  while (!hasPicture(frame)) await new Promise((next) => setTimeout(next, 2));
  const picture = performance.now() - start;
  while (app.video.tracked_frames && !masksOf(frame).size && performance.now() - start < 5000)
    await new Promise((next) => setTimeout(next, 2));
  return [picture, performance.now() - start];
}"""

# From the button's release to the animation frame after the mask was drawn: first as the preview's
# answer, then as it is stored.
WATCH_CLICK = """async () => {
  const { app } = await import("/static/state.js");
  const { masksOf } = await import("/static/maskstore.js");
  let start = 0;
  const released = (event) => (start = event.timeStamp);
  addEventListener("pointerup", released, { once: true, capture: true });
  window.clicked = (async () => {
    let seen = 0;
    for (;;) {
      await new Promise((next) => requestAnimationFrame(() => setTimeout(next)));
      const now = performance.now() - start;
      if (!start) continue;
      if (!seen && (app.hover || masksOf(app.frame).size)) seen = now;
      if (masksOf(app.frame).size) return [seen, now];
    }
  })();
}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--frames", type=int, default=10_000)
    parser.add_argument("--objects", type=int, default=50)
    parser.add_argument("--only", choices=["large", "long"])
    parser.add_argument("--threads", type=int, default=1, help="of the model")
    parser.add_argument("--folder", type=Path, help="for the project, which is kept and used again")
    given = parser.parse_args()
    if given.only != "long":
        answers()
    with tempfile.TemporaryDirectory() as temporary, browsing() as browser:
        folder = given.folder or temporary
        if given.only != "long":
            large(browser, Path(folder), given.threads)
        if given.only != "large":
            long(browser, Path(folder), given.frames, given.objects, given.threads)


def say(name: str, times: list[float]) -> None:
    """Median and worst of times in milliseconds."""
    worst = sorted(times)[max(0, int(0.95 * len(times)) - 1)]
    print(f"{name}: median {median(times):.0f} ms, 95 % within {worst:.0f} ms", flush=True)


def answers() -> None:
    """What the model takes for a click, without server and browser: CPU time, which a busy machine
    does not change."""
    use_threads(1)
    engine = load_engine("nano")
    for height, width in ((480, 640), (1080, 1920)):
        picture = np.full((height, width, 3), 90, dtype=np.uint8)
        picture[100:300, 100:300] = (220, 60, 40)
        frame = FrameAnswers.of(engine, Frame(0, picture), 10)
        frame.encode()
        times = []
        for step in range(12):
            asked = Question(1, (Prompt.click(150 + step, 200),))
            began = time.process_time()
            frame.answer(asked)
            frame.candidates(asked)
            times.append(1000 * (time.process_time() - began))
        say(f"CPU time of a click's mask and candidates, {width} x {height}", times[2:])


def write_noise(path: Path, size: tuple[int, int], length: int, key_every: int) -> None:
    """A video of moving discs over a texture, as H.264."""
    width, height = size
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:height, :width]
    back = (96 + 40 * np.sin(x / 37) * np.cos(y / 29) + rng.normal(0, 4, (height, width)))[
        ..., None
    ]
    back = np.repeat(back, 3, axis=2)
    options = {"crf": "23", "g": str(key_every), "preset": "ultrafast"}
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for index in range(length):
            image = back.copy()
            cx, cy = (0.2 + 0.6 * index / length) * width, height * 0.5
            image[(x - cx) ** 2 + (y - cy) ** 2 < (0.12 * height) ** 2] = (220, 60, 40)
            frame = av.VideoFrame.from_ndarray(image.clip(0, 255).astype(np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def large(browser: Any, folder: Path, threads: int) -> None:
    """1080p: seeks, clicks, panning with 20 masks."""
    video = folder / "large.mp4"
    folder.mkdir(exist_ok=True)
    if not video.exists():
        write_noise(video, (1920, 1080), 300, 60)
    with serving(folder / "large", f"video={video}", f"threads={threads}") as server:
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        me = Person(context.new_page(), server.address)
        rng = np.random.default_rng(1)
        me.page.wait_for_timeout(1500)
        frames = [int(frame) for frame in rng.permutation(300)[:40]]
        say("seek to any frame, 1080p", [me.page.evaluate(SEEK, frame)[0] for frame in frames])
        times = []
        for frame in range(0, 300, 20):
            me.page.evaluate(SEEK, frame)
            me.page.wait_for_timeout(1500)  # the frame is embedded meanwhile
            me.press("n")
            me.page.evaluate(WATCH_CLICK)
            me.click((0.2 + 0.6 * frame / 300) * 1920, 540)
            times.append(me.page.evaluate("window.clicked"))
            me.saved()
        say("click to mask seen, embedded ahead", [seen for seen, _ in times])
        say("click to mask stored and seen", [stored for _, stored in times])
        server.send("POST", "/api/videos/1/lease", {"take_over": True})
        y, x = np.mgrid[:1080, :1920]
        for index in range(20):
            cx, cy = 250 + 360 * (index % 5), 160 + 240 * (index // 5)
            ripple = 150 + 12 * np.sin(9 * np.arctan2(y - cy, x - cx))
            mask = (x - cx) ** 2 + (y - cy) ** 2 < ripple**2
            thing = server.send("POST", "/api/videos/1/objects", {"class": "disc"})
            server.send("PUT", f"/api/objects/{thing['id']}/masks/7", encode_runs(mask))
        me.page.reload()
        me.page.wait_for_selector("#ready", state="attached")
        me.wait("app.video && frames.hasPicture(app.frame)")
        me.page.evaluate(SEEK, 7)
        me.wait("masks.masksOf(7).size === 20")
        say("panning, 20 masks on 1080p: a frame", me.page.evaluate(PAN)[5:])
        context.close()


def fill(project: Project, video_id: int, frames: int, objects: int) -> None:
    """Masks as tracking stores them, without tracking."""
    y, x = np.mgrid[:240, :320]
    shapes = [
        encode_runs((x - 40 - 30 * k % 240) ** 2 + (y - 120) ** 2 < (12 + k % 20) ** 2)["counts"]
        for k in range(objects)
    ]
    ids = [project.add_object(video_id, "disc").id for _ in range(objects)]
    with project.store.writing() as connection:
        connection.execute("INSERT INTO provenance VALUES (1, 'made up', 'nano', '', '{}', '', 1)")
        connection.executemany(
            "INSERT INTO propagated VALUES (?, ?, ?, ?, ?, 'propagated', 1)",
            (
                (own, frame, shapes[k], 0.3 if (frame + 97 * k) % 1000 < 30 else 0.9, 9.0)
                for k, own in enumerate(ids)
                for frame in range(frames)
            ),
        )


def long(browser: Any, folder: Path, frames: int, objects: int, threads: int) -> None:
    """A long video with many objects."""
    video = folder / "long.mp4"
    if not (folder / "long").exists():
        folder.mkdir(exist_ok=True)
        write_noise(video, (320, 240), frames, 50)
        with Project.create(folder / "long") as project:
            (added,) = project.add_videos([video])
            fill(project, added.video.id, frames, objects)
    print(f"{frames} frames with {objects} objects:")
    with serving(folder / "long", f"threads={threads}") as server:
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        began = time.monotonic()
        me = Person(context.new_page(), server.address)
        me.wait("app.lanes.size > 0 && masks.masksOf(0).size > 0")
        print(f"opened with all lanes: {time.monotonic() - began:.1f} s", flush=True)
        rng = np.random.default_rng(2)
        places = [int(frame) for frame in rng.integers(0, frames, 40)]
        found = [me.page.evaluate(SEEK, frame) for frame in places]
        say("seek, picture", [one for one, _ in found])
        say("seek, picture and masks", [both for _, both in found])
        times = me.page.evaluate(PAN)
        say("panning: a frame", times[5:])
        me.press("Home", "Space")
        began = me.look("performance.now()")
        me.page.wait_for_timeout(8000)
        me.press("Space")
        shown = me.look("app.frame") / ((me.look("performance.now()") - began) / 1000)
        print(f"playing with {objects} masks: {shown:.0f} of 25 frames a second", flush=True)
        for _ in range(3):
            for frame in rng.integers(0, frames, 60):
                me.page.evaluate(SEEK, int(frame))
        print(
            f"memory after 180 more seeks: {memory(me.page):.0f} MB of JavaScript, "
            f"{resident():.0f} MB of the tab's process",
            flush=True,
        )
        context.close()


def memory(page: Any) -> float:
    """MB that the page's JavaScript holds, after a collection."""
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    metrics = session.send("Performance.enable") or session.send("Performance.getMetrics")
    values = {one["name"]: one["value"] for one in metrics["metrics"]}
    return values["JSHeapUsedSize"] / 1e6


def resident() -> float:
    """MB in memory of the largest process that draws a page."""
    listed = subprocess.run(["ps", "-eo", "rss,args"], capture_output=True, text=True, check=True)
    lines = [line.split(None, 1) for line in listed.stdout.splitlines()]
    return max(int(rss) for rss, command in lines[1:] if "--type=renderer" in command) / 1e3


if __name__ == "__main__":
    main()
