"""Models that workers make in the tests, and the driver of a run that is killed."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from annotate.small_project import tiny_engine
from tiny import square_mask

from sam2track import Prompt
from sam2track.annotate import Engine, Project
from sam2track.annotate.executors import Executor, LocalPool, RayPool, local_pool, ray_pool, run_all
from sam2track.annotate.jobs import Jobs
from sam2track.annotate.prompting.automatic import FoundPrompts
from sam2track.annotate.tracking import propagation
from sam2track.prompts import PlacedPrompt
from sam2track.track import Proposal

DEADLY = 7  # frames of a video that kills whoever tracks it


def two_objects(video, place):
    mask = Prompt.from_mask(square_mask())
    return [PlacedPrompt(2, 3, mask, "a test"), PlacedPrompt(1, 5, Prompt.click(30, 20))]


def found_objects(project: Project, engine: Engine):
    """A source of prompts for whose making a model is needed."""
    assert engine.start(length=1) is not None
    return two_objects


def found_masks(project: Project, engine: Engine):
    """A source that finds a square on frame 0, and a corner later."""

    def find(frame, where):
        if frame.index == 5:
            corner = np.zeros(frame.size, bool)
            corner[-12:, -16:] = True
            return [Proposal(Prompt.from_mask(corner), "car")]
        return [Proposal(Prompt.from_mask(square_mask()))] if not frame.index else []

    return FoundPrompts(project, engine, find, every=5)


def good(**options) -> Engine:
    return tiny_engine()


def deadly(once: str, **options) -> Engine:
    """The first process that begins a video is killed, and each that begins one of seven frames."""
    made = tiny_engine()

    def start(length):
        first = not Path(once).exists()
        Path(once).touch()
        if first or length == DEADLY:
            os.kill(os.getpid(), signal.SIGKILL)
        return made.start(length=length)

    return replace(made, start=start)


def faulty(**options) -> Engine:
    """No video of seven frames can be tracked."""
    made = tiny_engine()

    def start(length):
        if length == DEADLY:
            raise RuntimeError("CUDA error: out of\nluck")
        return made.start(length=length)

    return replace(made, start=start)


def missing(**options) -> Engine:
    raise ValueError("no such weights: x.safetensors")


def ending(**options) -> Engine:
    os._exit(3)


def counting(steps: str, seconds: float, **options) -> Engine:
    """Stores often, and writes a dot into a file for each frame, which takes some seconds."""
    propagation.COMMIT_EVERY, propagation.SAVE_EVERY = 0.0, 0.1
    whole = propagation.Propagation._masks

    def counted(self, *arguments):
        time.sleep(seconds)
        with open(steps, "ab", 0) as file:
            file.write(b".")
        return whole(self, *arguments)

    propagation.Propagation._masks = counted
    return tiny_engine()


def executor(kind: str, folder: Path, seconds: float, address: str | None = None) -> Executor:
    """Two workers that count their frames."""
    make = partial(counting, str(folder / "steps"), seconds)
    if kind == "ray":
        return RayPool(make, 1, address=address, workers=2)
    return LocalPool(make, folder / "work", 1, workers=2)


def annotate_all(folder: str, kind: str, seconds: float, address: str | None = None) -> None:
    """Annotate the videos beside a project, in a process that may be killed."""
    place = Path(folder)
    local_pool._STARTS = ray_pool._STARTS = 1000  # workers may also be killed while they begin
    pool = executor(kind, place, seconds, address)
    print("ready", flush=True)
    clips = sorted(own for own in (place.parent / "clips").iterdir())
    with Project.open(place, who="test") as project:
        jobs = Jobs(project, pool.engine, two_objects)
        for result in run_all(jobs, clips, pool, tries=1000):
            print(result.name, result.status, result.error, flush=True)
    pool.close()
