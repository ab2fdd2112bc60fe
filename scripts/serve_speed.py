"""Speed of the annotator's server: frames, clicks, and a long video with many objects.

It makes its own 1080p video (the cup, enlarged) and a project whose masks are drawn, in a temporary
folder. Printed are seconds by the clock and of CPU.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from sam2track import Prompt
from sam2track.annotate import Project, load_engine
from sam2track.annotate.database import StoredMasks
from sam2track.annotate.server import Service, video_routes
from sam2track.annotate.server.frames import Frames
from sam2track.annotate.tracking.answering import Question
from sam2track.annotate.tracking.clicking import click
from sam2track.annotate.tracking.freshness import Freshness
from sam2track.masks import encode_runs
from sam2track.video import open_video

ROOT = Path(__file__).parents[1]
SIZE = (1080, 1920)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=10_000, help="of the long video")
    parser.add_argument("--objects", type=int, default=50, help="in it")
    parser.add_argument("--shown", type=int, default=600, help="frames of the 1080p video")
    parser.add_argument("--gops", type=int, nargs="*", default=[60, 250], help="between key frames")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for gop in options.gops:
            seek(write_video(Path(folder) / f"{gop}.mp4", options.shown, gop), gop)
        clicks(Path(folder))
        timeline(Path(folder), options.frames, options.objects)


def timed(work: Callable[[], Any]) -> tuple[float, float]:
    """Seconds by the clock, and of CPU."""
    began, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - began, time.process_time() - cpu


def show(what: str, times: list[tuple[float, float]]) -> None:
    clock, cpu = zip(*times, strict=True)
    middle = f"{1e3 * statistics.median(clock):6.0f} ms ({1e3 * statistics.median(cpu):.0f} CPU)"
    print(
        f"{what:42} median {middle}, largest {1e3 * max(clock):.0f} ms ({1e3 * max(cpu):.0f} CPU)"
    )


def write_video(path: Path, frames: int, gop: int) -> Path:
    """The cup, enlarged, as H.264."""
    with av.open(str(path), "w") as out, open_video(ROOT / "videos" / "cup.mp4") as source:
        stream = out.add_stream("libx264", rate=30, options={"preset": "veryfast", "g": str(gop)})
        stream.height, stream.width, stream.pix_fmt = *SIZE, "yuv420p"
        length = len(source)  # pyright: ignore[reportArgumentType]
        for index in range(frames):
            place = index % (2 * length - 2)  # forward and back again
            image = source[min(place, 2 * length - 2 - place)].image  # pyright: ignore
            image = cv2.resize(image, SIZE[::-1], interpolation=cv2.INTER_CUBIC)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        out.mux(stream.encode())
    return path


def seek(path: Path, gop: int) -> None:
    """Any frame, as the page gets it."""
    rng, frames = random.Random(0), Frames()
    with Project.create(path.with_suffix("")) as project:
        video = project.add_videos([path])[0].video
        frames.read(project, video, 0)
        places = rng.sample(range(video.length), 40)
        show(
            f"any frame of 1080p, key frames {gop} apart",
            [timed(lambda p=p: frames.picture(project, video, p, None, "jpeg")) for p in places],
        )
        first = places[-1]
        following = range(first + 1, min(first + 10, video.length))
        if following:
            show(
                "the frames after it",
                [
                    timed(lambda p=p: frames.picture(project, video, p, None, "jpeg"))
                    for p in following
                ],
            )
        frames.close()


def clicks(folder: Path) -> None:
    """A click on an encoded frame: mask, candidates, and storing both."""
    engine = load_engine("nano")
    with Project.create(folder / "clicks") as project:
        video = project.add_videos([ROOT / "videos" / "cup.mp4"])[0].video
        service = Service(project, lambda: engine, model="nano")
        show("encoding a frame", [timed(service.clicks.answers(engine, video, 5).encode)])
        answers = service.clicks.answers(engine, video, 5)

        def one(x: int) -> None:
            thing = project.add_object(video.id, "cup").id
            click(project, thing, 5, Prompt.click(x, 220), answers=answers, engine=engine)
            answers.candidates(Question(1, (Prompt.click(x, 220),)))

        show("a click", [timed(lambda x=x: one(x)) for x in range(240, 340, 5)])


def timeline(folder: Path, frames: int, count: int) -> None:
    """Lanes and masks of a long video with many objects, whose masks are drawn."""
    engine = load_engine("nano")
    project = Project.create(folder / "long")
    video = project.add_videos([ROOT / "videos" / "cup.mp4"])[0].video
    with project.store.writing() as connection:
        sql = "UPDATE videos SET length = ?, height = ?, width = ?"
        connection.execute(sql, (frames, *SIZE))
    video, masks, rng = project.video(video.id), drawn(), np.random.default_rng(0)
    for number in range(count):
        thing = project.add_object(video.id, "cell")
        project.prompt(thing.id, 0, Prompt.click(300 + number, 300))
        keys = {part.key: 1 for part in Freshness(project, thing, video, engine).parts}
        (made, *_) = StoredMasks(project.log).provenance_ids(engine, keys).values()
        presence = np.where(rng.random(frames // 20 + 1) < 0.97, 6.0, -5.0).repeat(20)
        score = np.where(rng.random(frames // 10 + 1) < 0.05, 0.3, 0.9).repeat(10)
        with project.store.writing() as connection:
            connection.executemany(
                "INSERT INTO propagated VALUES (?, ?, ?, ?, ?, 'propagated', ?)",
                (
                    (
                        thing.id,
                        k,
                        masks[(k // 30 + number) % len(masks)],
                        score[k],
                        presence[k],
                        made,
                    )
                    for k in range(frames)
                ),
            )
    service = Service(project, lambda: engine, model="nano")
    service.worker.engine = engine
    middle = frames // 2
    for what, work in {
        f"lanes, {frames} frames x {count} objects": lambda: video_routes.read_lanes(service, 1),
        "masks of one frame": lambda: video_routes.read_masks(service, 1, middle, middle + 1),
        "masks of 64 frames": lambda: video_routes.read_masks(service, 1, middle, middle + 64),
    }.items():
        show(what, [timed(work) for _ in range(5)])
    service.close()


def drawn() -> list[str]:
    """Some ellipses."""
    rng, found = np.random.default_rng(0), []
    for _ in range(40):
        mask = np.zeros(SIZE, np.uint8)
        centre = int(rng.integers(200, SIZE[1] - 200)), int(rng.integers(200, SIZE[0] - 200))
        axes = int(rng.integers(40, 180)), int(rng.integers(40, 180))
        cv2.ellipse(mask, centre, axes, float(rng.integers(0, 180)), 0, 360, 1, -1)
        found.append(encode_runs(mask.astype(bool))["counts"])
    return found


if __name__ == "__main__":
    main()
