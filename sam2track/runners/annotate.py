"""``sam2track annotate``: videos and prompts in, masks in a project out.

Videos that are finished stay finished; those that fail are named at the end and stop no other.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import torch
from hydra.utils import get_object
from omegaconf import DictConfig, ListConfig, OmegaConf
from tqdm import tqdm

from ..annotate import Engine, Project, ProjectError, Step, load_engine
from ..annotate.database import DATABASE
from ..annotate.executors import Executor, LocalPool, run_all
from ..annotate.jobs import NO_OBJECT, JobResult, Jobs
from ..annotate.review import review_queue, write_report
from ..device import keep_freed_memory, use_threads
from ..files import expand_home, has_jinja, require_jinja
from . import RunFailed, counted
from .automatic import AUTO
from .compose import plain, require
from .found_prompts import DETECTOR, prompts_of
from .sweep import paths_of
from .tracker import make_tracker

# The settings that results depend on, beside the model, its weights and its precision.
TOLD = ("memory", "fill_hole_area", "remove_specks", "zoom", "sharpen",
        "stability_delta", "stability_threshold")  # fmt: skip
REPORT = "report.html"
WORK = "work"  # a folder of the project: what workers have begun and not delivered
GONE = "gone"  # remove=: the videos whose files are gone
NAMED = 3  # failed videos in the message at the end
BAR = "{percentage:3.0f}%|{bar}| [{remaining} left{postfix}]"


def run(config: DictConfig) -> None:
    """Annotate the videos of a project; ``config`` is ``configs/annotate.yaml``.

    Raises:
        ValueError, OSError: bad input; no video was annotated.
        RunFailed: videos failed; the message names them.
        KeyboardInterrupt: the user broke it off; what is finished stays.
    """
    require(config, "project", "the folder of the project")
    if config.remove is not None:
        _remove(Path(expand_home(config.project)), config.remove)
        return
    if config.report:
        require_jinja()
    keep_freed_memory()
    use_threads(config.threads)
    source, found = prompts_of(config)  # before a folder is made
    folder = expand_home(config.project)
    given = _videos(config)
    with ExitStack() as stack:
        project = None
        if (folder / DATABASE).exists():
            project = stack.enter_context(Project.open(folder))
        executor = make_executor(config, folder)  # before a folder is made
        if executor is not None:
            stack.callback(executor.close)
        engine = engine_maker(config)() if executor is None else executor.engine
        if project is None:
            project = stack.enter_context(Project.create(folder))
        paths = given or [str(project.folder / video.path) for video in project.videos()]
        if not paths:
            raise ValueError("videos= is missing: the project has none yet")
        rated = config.prompts in (AUTO, DETECTOR) if config.check is None else config.check
        finder = f"{config.prompts} {config.detector or ''}"
        options = {"found": found, "finder": finder, "check": rated}
        options |= {"min_quality": config.min_quality}
        jobs = Jobs(project, engine, source, config.class_name, config.direction, **options)
        try:
            results = _run_all(jobs, paths, executor, config.executor.tries)
        finally:
            reported = has_jinja() if config.report is None else config.report
            if reported:
                write_report(project, folder / REPORT)
        doubts = len(review_queue(project))
    waiting = [own for own in results if own.error == NO_OBJECT and config.prompts is None]
    failed = [own for own in results if own.status == "failed" and own not in waiting]
    if not failed:
        shutil.rmtree(folder / WORK, ignore_errors=True)
    print(f"{len(paths) - len(failed) - len(waiting)} of {len(paths)} videos: {folder}")
    serve = f"sam2track serve project={config.project}"
    if doubts:
        print(f"{doubts} to look at: {folder / REPORT if reported else serve}")
    if waiting:
        videos = counted(len(waiting), "video")
        print(f"{videos} without an object: give prompts=, or click on them: {serve}")
    if failed:
        raise RunFailed(_told(failed, len(paths)))


def _told(failed: Sequence[JobResult], count: int) -> str:
    """Which of so many videos failed, and why, in one line."""
    named = "; ".join(f"{result.name}: {result.error}" for result in failed[:NAMED])
    more = f"; and {len(failed) - NAMED} more, see above" if len(failed) > NAMED else ""
    return f"{len(failed)} of {count} videos failed: {named}{more}"


def _remove(folder: Path, names: str | ListConfig) -> None:
    """Take videos out of a project: those that are named, or those whose files are gone."""
    with Project.open(folder) as project:
        if names == GONE:
            found = [own for own in project.videos() if not (project.folder / own.path).exists()]
        else:
            given = [names] if isinstance(names, (str, int)) else names
            found = [project.video(str(own)) for own in given]
        for video in found:
            project.remove_video(video.id)
            print(f"{video.name}: removed from the project")
        print(f"{len(found)} videos removed, {len(project.videos())} left: {folder}")


def engine_maker(config: DictConfig) -> Callable[..., Engine]:
    """Makes the model that a configuration describes, here or in a worker."""
    tracker = make_tracker(config)
    return partial(
        load_engine,
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


def make_executor(config: DictConfig, folder: Path) -> Executor | None:
    """The workers that a configuration describes, which have loaded the model; None = this process.

    Raises:
        ValueError: if they cannot be started.
    """
    settings = plain(config.executor)
    kind, maker = get_object(settings.pop("_target_")), engine_maker(config)
    threads = config.threads or torch.get_num_threads()
    del settings["tries"]
    if kind is not LocalPool:
        if settings.get("gpus") is None and str(config.device) == "cpu":
            settings["gpus"] = 0
        return kind(maker, threads, **settings)
    workers = settings["workers"] or 1
    devices = [str(own) for own in settings["devices"] or ()]
    if workers == 1 and len(devices) < 2:
        return None
    if not devices and config.device == "auto":
        devices = [f"cuda:{number}" for number in range(torch.cuda.device_count())]
    return LocalPool(maker, folder / WORK, threads, workers=workers, devices=devices)


def _videos(config: DictConfig) -> list[str]:
    """The paths in ``videos=``."""
    if config.videos is None:
        return []
    if isinstance(config.videos, ListConfig):  # from a file of settings
        return [str(path) for path in config.videos]
    spec = str(config.videos)
    return paths_of("video", spec, multirun=False) or [str(expand_home(spec))]


def _run_all(
    jobs: Jobs, paths: list[str], executor: Executor | None, tries: int
) -> list[JobResult]:
    """Annotate the videos, with a progress bar and a line for each."""
    results: list[JobResult] = []
    with tqdm(total=len(paths), bar_format=BAR, disable=None) as bar:
        if executor is None:
            found = _one_by_one(jobs, paths, bar)
        else:
            found = run_all(jobs, paths, executor, tries=tries)
        try:
            for result in found:
                results.append(result)
                bar.n = len(results)
                bar.update(0)
                tqdm.write(line(result))
        except KeyboardInterrupt as reason:
            message = (
                f"interrupted after {len(results)} of {len(paths)} videos; run it again to go on"
            )
            raise type(reason)(message) from reason
        except ProjectError as reason:  # such as a full disk
            raise RunFailed(str(reason)) from reason
    return results


def _one_by_one(jobs: Jobs, paths: list[str], bar: tqdm) -> Iterator[JobResult]:
    """Annotate the videos in this process."""
    for number, path in enumerate(paths):
        bar.set_postfix_str(f", {path}")

        def watch(steps: Iterator[Step], done: int = number) -> Iterable[Step]:
            return _watched(steps, bar, done)

        yield jobs.run(path, watch)


def _watched(steps: Iterator[Step], bar: tqdm, done: int) -> Iterator[Step]:
    """Steps of a video; the bar shows the share of all videos."""
    for count, step in enumerate(steps, 1):
        bar.n = done + count / (count + step.left)
        bar.update(0)
        yield step


def line(result: JobResult) -> str:
    """A video in one line."""
    if result.error == NO_OBJECT:
        return f"{result.name}: it has no object"
    if result.status == "failed":
        return f"{result.name}: failed: {result.error}"
    objects = counted(result.objects, "object")
    if result.status == "before":
        return f"{result.name}: finished before, {objects}"
    if not result.objects:
        return f"{result.name}: nothing was found, 0 objects"
    rate = result.frames / max(result.seconds, 1e-9)
    frames = counted(result.frames, "frame")
    return f"{result.name}: {objects}, {frames}, {rate:.1f} frames a second"
