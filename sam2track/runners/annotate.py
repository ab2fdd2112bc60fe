"""``sam2track annotate``: videos and prompts in, masks in a project out.

Videos that are finished stay finished; those that fail are named at the end and stop no other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import cast

from omegaconf import DictConfig, ListConfig, OmegaConf
from tqdm import tqdm

from ..annotate import Engine, Project, Step, load_engine
from ..annotate.automatic import FoundPrompts
from ..annotate.detectors import detected, find_detector
from ..annotate.jobs import JobResult, Jobs, PromptSource
from ..annotate.prompt_sources import prompt_source, with_found
from ..annotate.report import write_report
from ..annotate.store import DATABASE
from ..benchmark.report import has_jinja, require_jinja
from ..device import keep_freed_memory, use_threads
from ..files import expand_home
from ..track import Find, TrackingSession
from . import RunFailed
from .automatic import make_find
from .compose import plain
from .sweep import paths_of
from .tracker import make_tracker

# The settings that results depend on, beside the model, its weights and its precision.
TOLD = ("memory", "fill_hole_area", "remove_specks", "zoom", "sharpen",
        "stability_delta", "stability_threshold")  # fmt: skip
AUTO, DETECTOR = "auto", "detector"
BAR = "{percentage:3.0f}%|{bar}| [{remaining} left{postfix}]"


def run(config: DictConfig) -> None:
    """Annotate the videos of a project; ``config`` is ``configs/annotate.yaml``.

    Raises:
        ValueError, OSError: bad input; no video was annotated.
        RunFailed: videos failed; the message names them.
        KeyboardInterrupt: the user broke it off; what is finished stays.
    """
    if OmegaConf.is_missing(config, "project"):
        raise ValueError("project= is missing: the folder of the project")
    if config.report:
        require_jinja()
    keep_freed_memory()
    use_threads(config.threads)
    make_source = prompts_of(config)  # before a folder is made
    folder = expand_home(config.project)
    given = _videos(config)
    with ExitStack() as stack:
        known = (folder / DATABASE).exists()
        engine = make_engine(config)  # before a folder is made
        make = Project.open if known else Project.create
        project = stack.enter_context(make(folder))
        paths = given or [str(project.folder / video.path) for video in project.videos()]
        if not paths:
            raise ValueError("videos= is missing: the project has none yet")
        source = None if make_source is None else make_source(project, engine)
        found = config.prompts in (AUTO, DETECTOR)
        jobs = Jobs(
            project,
            engine,
            source,
            config.class_name,
            config.direction,
            check=found if config.check is None else config.check,
            min_quality=config.min_quality,
        )
        try:
            results = _run_all(jobs, paths)
        finally:
            if config.report or (config.report is None and has_jinja()):
                write_report(project, folder / "report.html")
    failed = [result for result in results if result.status == "failed"]
    print(f"{len(paths) - len(failed)} of {len(paths)} videos: {folder}")
    if failed:
        named = "; ".join(f"{result.name}: {result.error}" for result in failed)
        raise RunFailed(f"{len(failed)} of {len(paths)} videos failed: {named}")


def prompts_of(config: DictConfig) -> Callable[[Project, Engine], PromptSource] | None:
    """What makes the source of prompts that a configuration names, once there is a project.

    Raises:
        ValueError: if a file or a detector cannot be read.
    """

    def begin(project: Project, engine: Engine, kind: str, find: Find) -> PromptSource:
        every, most = config.auto_every, config.max_objects
        return FoundPrompts(project, engine, find, kind, every, most)

    if config.prompts is None:
        return None
    if config.prompts == AUTO:

        def automatic(project: Project, engine: Engine) -> PromptSource:
            session = cast(TrackingSession, engine.start(length=1))
            return begin(project, engine, "automatic", make_find(session.model, config))

        return automatic
    if config.prompts == DETECTOR:
        if config.detector is None:
            raise ValueError("prompts=detector: detector= is missing: a plug-in or an .onnx file")
        name = str(config.detector)
        detector = find_detector(name, [str(own) for own in config.detector_classes or ()])
        find = detected(detector, Path(name).name, config.detector_score)
        return lambda project, engine: begin(project, engine, "detector", find)
    options = {"every": config.auto_every, "least_score": config.detector_score}
    given = prompt_source(str(config.prompts), **options)
    return lambda project, engine: with_found(given, partial(begin, project, engine, "detector"))


def make_engine(config: DictConfig) -> Engine:
    """The model that a configuration describes."""
    tracker = make_tracker(config)
    return load_engine(
        tracker.model,
        tracker.checkpoint,
        device=config.device,
        precision=tracker.precision,
        compile=tracker.compile,
        memory_pool=tracker.memory_pool,
        memory=tracker.memory,
        rendering=tracker.rendering,
        settings=plain(OmegaConf.masked_copy(config, list(TOLD))),
        zoom=tracker.zoom,
        stability_delta=tracker.stability_delta,
        stability_threshold=tracker.stability_threshold,
    )


def _videos(config: DictConfig) -> list[str]:
    """The paths in ``videos=``."""
    if config.videos is None:
        return []
    if isinstance(config.videos, ListConfig):  # from a file of settings
        return [str(path) for path in config.videos]
    spec = str(config.videos)
    return paths_of("video", spec, multirun=False) or [str(Path(expand_home(spec)))]


def _run_all(jobs: Jobs, paths: list[str]) -> list[JobResult]:
    """Annotate the videos, with a progress bar and a line for each."""
    results: list[JobResult] = []
    with tqdm(total=len(paths), bar_format=BAR, disable=None) as bar:
        try:
            for number, path in enumerate(paths):
                bar.set_postfix_str(f", {path}")

                def watch(steps: Iterator[Step], done: int = number) -> Iterable[Step]:
                    return _watched(steps, bar, done)

                results.append(jobs.run(path, watch))
                bar.n = number + 1
                tqdm.write(line(results[-1]))
        except KeyboardInterrupt as reason:
            message = (
                f"interrupted after {len(results)} of {len(paths)} videos; run it again to go on"
            )
            raise type(reason)(message) from reason
    return results


def _watched(steps: Iterator[Step], bar: tqdm, done: int) -> Iterator[Step]:
    """Steps of a video; the bar shows the share of all videos."""
    for count, step in enumerate(steps, 1):
        bar.n = done + count / (count + step.left)
        bar.update(0)
        yield step


def line(result: JobResult) -> str:
    """A video in one line."""
    if result.status == "failed":
        return f"{result.name}: failed: {result.error}"
    objects = f"{result.objects} object{'s' * (result.objects != 1)}"
    if result.status == "before":
        return f"{result.name}: finished before, {objects}"
    rate = result.frames / max(result.seconds, 1e-9)
    frames = f"{result.frames} frame{'s' * (result.frames != 1)}"
    return f"{result.name}: {objects}, {frames}, {rate:.1f} frames a second"
