"""A project with a tiny model and a clip of pictures, for the tests of annotation."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PIL import Image
from tiny import noise_frames, square_mask, tiny_model

from sam2track import Prompt, Rendering, TrackingSession
from sam2track.annotate import Engine, Project
from sam2track.annotate.tracking import propagation
from sam2track.device import use_threads
from sam2track.memory import FifoMemory

LENGTH = 12


def write_clip(folder: Path, *, length: int = LENGTH, seed: int = 0) -> Path:
    """A video as a folder of pictures."""
    folder.mkdir(parents=True)
    for frame in noise_frames(length, seed=seed):
        Image.fromarray(frame.image).save(folder / f"{frame.index:03d}.png")
    return folder


def tiny_engine(*, seed: int = 1, memory=FifoMemory) -> Engine:
    """The tiny model, drawn at the video's size without changes."""
    start = partial(
        TrackingSession, tiny_model(seed=seed), memory=memory, rendering=Rendering(fill_hole_area=0)
    )
    return Engine(start, "tiny", f"seed {seed}", {})


def clip_project(folder: Path, *, length: int = LENGTH, clips: int = 1) -> Project:
    """A project ``P`` with clips ``a``, ``b``, ... beside it."""
    project = Project.create(folder / "P", who="test")
    names = "abcdefgh"[:clips]
    project.add_videos(
        [write_clip(folder / name, length=length, seed=k) for k, name in enumerate(names)]
    )
    return project


def add_object(project: Project, frame: int = 0, *, video: str = "a", mask: bool = True) -> int:
    """An object with one prompt."""
    thing = project.add_object(video, "thing")
    given = Prompt.from_mask(square_mask()) if mask else Prompt.click(20 + thing.number, 20)
    project.prompt(thing.id, frame, given)
    return thing.id


def run(project: Project, *object_ids: int, engine: Engine, **options) -> list[int]:
    """Propagate; the frames that got new masks."""
    steps = list(project.propagate(object_ids, engine=engine, **options))
    return [step.frame for step in steps if step.masks]


def contents(project: Project) -> dict[tuple[int, int], tuple]:
    """Every mask, with all that was stored of it and its key."""
    found = {}
    for thing in project.objects():
        for mask in project.masks(thing.id):
            key = None
            if mask.provenance_id is not None:
                key = project.provenance(mask.provenance_id).key
            told = mask.counts, mask.score, mask.presence, mask.made, key
            found[thing.id, mask.frame] = told
    return found


def propagate_all(folder: str) -> None:
    """Propagate every object, storing often; a dot in the file ``steps`` for each frame."""
    use_threads(1)
    propagation.COMMIT_EVERY, propagation.SAVE_EVERY = 0.0, 0.02
    engine = tiny_engine()
    print("ready", flush=True)
    with Project.open(folder, who="test") as project, open(f"{folder}/steps", "ab", 0) as counted:
        things = [thing.id for thing in project.objects()]
        for _ in project.propagate(things, engine=engine):
            counted.write(b".")
