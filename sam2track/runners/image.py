"""``sam2track image``: single images and prompts in, masks out.

Images that are finished stay finished; broken ones are named and take no other with them.
"""

from __future__ import annotations

import glob
import os
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from torch import OutOfMemoryError
from tqdm import tqdm
from yaml import YAMLError

from ..device import use_threads
from ..image import AutomaticMaskGenerator, ImagePredictor
from ..masks import Finish
from ..model import SAM2, load_image_model
from ..prompts import PlacedPrompt
from ..prompts.prompt_files import check, read_prompts
from ..prompts.tokens import merge_prompts
from ..sinks.image_files import RESULT, SegmentedObject, write_annotations, write_image
from ..track.rendering import Rendering
from ..video import PICTURE_SUFFIXES, list_pictures, read_picture
from . import RunFailed, counted
from .automatic import AUTO, make_generator
from .compose import plain, require
from .output import RUN_FILE, changed_settings, claim_folder, locked, write_settings

# Settings that change no result.
FREE = ("image", "out", "threads", "device")
PROMPTS = ("click", "labels", "box", "mask", "prompts")
MOST_NAMED = 3  # broken images that the last line names


@dataclass(frozen=True, slots=True)
class Task:
    """One image: its file, where its results go, and its prompts."""

    path: Path
    folder: Path
    placed: tuple[PlacedPrompt, ...]

    def finished(self, since: float) -> bool:
        """Whether the results are newer than the image and than ``since``, in seconds."""
        try:
            written = (self.folder / RESULT).stat().st_mtime
            return written >= max(self.path.stat().st_mtime, since)
        except OSError:
            return False


def run(config: DictConfig) -> None:
    """Segment the images by ``configs/image.yaml``.

    Raises:
        ValueError, OSError: bad input; nothing was written.
        RunFailed: images are broken; the message names some, the results are of the others.
        KeyboardInterrupt: the user broke it off; what is finished stays.
    """
    require(config, "image", "sam2track image image=photo.jpg click=[x,y]")
    keys = [*PROMPTS, "object"]
    given = [f"{key}=" for key in PROMPTS if config[key] is not None]
    if not given and not config.auto:
        how = "give click=[x,y], box=[x0,y0,x1,y1], mask=, prompts= or auto=true"
        raise ValueError(f"nothing to segment: {how}")
    if given and config.auto:
        raise ValueError(f"auto=true needs no prompts: remove {' and '.join(given)}")
    if config.prompts == AUTO:
        raise ValueError("prompts=auto is for track; give auto=true for masks of everything")
    settings = plain(OmegaConf.masked_copy(config, keys))
    object_id = settings.pop("object")
    placed = [] if config.auto else read_prompts(object_id=object_id, **settings)
    paths, several = find_images(str(config.image))
    folder = claim_folder(config.out or Path("outputs") / _name(str(config.image), paths))
    if config.prompts is not None:
        _check_places(placed, len(paths))
    if several:
        tasks = list(_tasks(paths, folder, placed, everywhere=config.prompts is None))
    else:
        tasks = [Task(paths[0], folder, tuple(placed))]
        height, width, _ = read_picture(paths[0]).shape
        check(placed, (height, width), None)
    with locked(folder):
        _run(config, folder, tasks, several)


def _run(config: DictConfig, folder: Path, tasks: Sequence[Task], several: bool) -> None:
    """Segment what is not finished."""
    todo = list(tasks)
    if (folder / RUN_FILE).is_file():
        _check_earlier(config, folder, several)
    if several:
        given = [Path(config[key]) for key in ("mask", "prompts") if config[key] is not None]
        since = max((path.stat().st_mtime for path in given), default=0.0)
        todo = [task for task in tasks if not task.finished(since)]
    if not todo:
        print(f"finished before: {folder}")
        return
    use_threads(config.threads)
    segment = _segmenter(config)
    folder.mkdir(parents=True, exist_ok=True)
    write_settings(folder, config)
    broken: dict[str, str] = {}
    bar = tqdm(total=len(tasks), initial=len(tasks) - len(todo), unit=" images", disable=None)
    with bar:
        for task, picture in _read_ahead(todo):
            try:
                try:
                    segment(task, picture.result())
                except (MemoryError, OutOfMemoryError):
                    raise ValueError(f"{task.path}: not enough memory; make it smaller") from None
            except ValueError as error:
                if not several:
                    raise
                broken[task.path.name] = str(error)
                bar.write(f"error: {task.path.name}: {error}", file=sys.stderr)
            except OSError as error:
                raise RunFailed(f"{task.folder}: {error.strerror}; stopped there") from error
            bar.update()
    count = len(tasks) - len(broken)
    print(f"{counted(count, 'image')}: {folder}")
    if broken:
        named = "; ".join(broken.values() if len(broken) == 1 else list(broken)[:MOST_NAMED])
        more = f" and {len(broken) - MOST_NAMED} more" if len(broken) > MOST_NAMED else ""
        raise RunFailed(f"{len(broken)} of {len(tasks)} images failed: {named}{more}")


def _segmenter(config: DictConfig) -> Callable[[Task, np.ndarray], None]:
    """Segments the picture of a task and writes the results; the model is loaded."""
    model = load_image_model(
        config.model,
        config.checkpoint,
        device=config.device,
        precision=config.precision,
        compile=config.compile,
    )
    if config.auto:
        return partial(_find_everything, make_generator(model, config))
    coarse = isinstance(model, SAM2) and model.variant.coarse
    finish = Rendering(config.fill_hole_area, sharpen=config.sharpen).finish(coarse=coarse)
    return partial(_segment, ImagePredictor(model), finish)


def _segment(predictor: ImagePredictor, finish: Finish, task: Task, picture: np.ndarray) -> None:
    """Segment one image and write its results."""
    size = (picture.shape[0], picture.shape[1])
    check([*task.placed], size, None)
    merged: dict[int, PlacedPrompt] = {}
    for item in task.placed:
        earlier = merged.get(item.object_id)
        prompt = merge_prompts(earlier.prompt if earlier else None, item.prompt)
        merged[item.object_id] = PlacedPrompt(item.object_id, item.frame, prompt, item.source)
    found = predictor.segment(predictor.encode(picture), [own.prompt for own in merged.values()])
    masks = found.rendered(picture, finish).cpu()
    objects = [
        SegmentedObject(own.object_id, mask.numpy(), score, own.prompt, own.source)
        for own, mask, score in zip(
            merged.values(), masks, found.scores[:, 0].tolist(), strict=True
        )
    ]
    write_image(task.folder, task.path.name, picture, objects)


def _find_everything(generator: AutomaticMaskGenerator, task: Task, picture: np.ndarray) -> None:
    """Find everything in one image and write it."""
    found = [own.annotation(number) for number, own in enumerate(generator.generate(picture), 1)]
    write_annotations(task.folder, task.path.name, picture, found)


def find_images(pattern: str) -> tuple[list[Path], bool]:
    """The images that a setting names, and whether it may name several.

    Raises:
        ValueError: if there is none.
    """
    path = Path(os.path.expanduser(pattern))
    if path.is_dir():
        found = list_pictures(path)
        if not found:
            raise ValueError(f"image={pattern} holds no images; known are {_suffixes()}")
        return found, True
    if path.exists():
        return [path], False
    if not any(sign in pattern for sign in "*?["):
        raise ValueError(f"no such image: {pattern}")
    files = (Path(file) for file in sorted(glob.glob(str(path), recursive=True)))
    found = [file for file in files if file.suffix.lower() in PICTURE_SUFFIXES and file.is_file()]
    if not found:
        raise ValueError(f"image={pattern} matches no images; known are {_suffixes()}")
    return found, True


def _suffixes() -> str:
    return ", ".join(suffix.removeprefix(".") for suffix in PICTURE_SUFFIXES)


def _name(pattern: str, paths: Sequence[Path]) -> str:
    """The name of the results' folder: of the image, or of the images' common folder."""
    path = Path(os.path.abspath(os.path.expanduser(pattern)))
    if path.is_dir():
        return path.name
    return paths[0].stem if path.exists() else _common(paths).name


def _common(paths: Iterable[Path]) -> Path:
    """The folder that holds all images."""
    return Path(os.path.commonpath([path.absolute().parent for path in paths]))


def _check_places(placed: Sequence[PlacedPrompt], count: int) -> None:
    """Refuse prompts for images that there are not."""
    for item in placed:
        if item.frame >= count:
            there = f"there {'are' if count > 1 else 'is'} {count}, counted from 0"
            raise ValueError(f"{item.source}: no image {item.frame}; {there}")


def _tasks(
    paths: Sequence[Path], out: Path, placed: Sequence[PlacedPrompt], *, everywhere: bool
) -> Iterator[Task]:
    """The images that have prompts, each with its folder in ``out``.

    Args:
        everywhere: the prompts are for every image; else each is for the image at its ``frame``.
    """
    common = _common(paths)
    folders = defaultdict(list)
    for path in paths:
        folders[path.absolute().with_suffix("")].append(path)
    for place, path in enumerate(paths):
        own = tuple(item for item in placed if everywhere or item.frame == place)
        inside = path.absolute().relative_to(common)
        alone = len(folders[path.absolute().with_suffix("")]) == 1
        if own or not placed:  # cat.jpg and cat.png would share a folder
            yield Task(path, out / (inside.with_suffix("") if alone else inside), own)


def _read_ahead(tasks: Iterable[Task]) -> Iterator[tuple[Task, Future[np.ndarray]]]:
    """Each task with its picture, which is read while the one before is segmented."""
    with ThreadPoolExecutor(1, "sam2track-pictures") as thread:
        waiting: tuple[Task, Future[np.ndarray]] | None = None
        for task in tasks:
            following = task, thread.submit(read_picture, task.path)
            if waiting is not None:
                yield waiting
            waiting = following
        if waiting is not None:
            yield waiting


def _check_earlier(config: DictConfig, folder: Path, several: bool) -> None:
    """Refuse to go on with other settings than those of the results that there are.

    A single image's results are replaced; those of several images, or of a video, are not.

    Raises:
        ValueError: it names what differs.
    """
    file = folder / RUN_FILE
    try:
        earlier = OmegaConf.load(file)
    except (ValueError, YAMLError, OmegaConfBaseException):
        earlier = None
    if not isinstance(earlier, DictConfig):
        raise ValueError(f"{file} holds no settings, so the run cannot go on; give a new folder")
    if "image" not in earlier:
        raise ValueError(f"out={folder} holds results of another command; give a new folder")
    if not several:
        if any(folder.glob(f"*/{RESULT}")):
            raise ValueError(f"out={folder} holds results of several images; give a new folder")
        return
    free = FREE if config.prompts is None else FREE[1:]  # prompts are for images in an order
    for key, had, value in changed_settings(earlier, config, free):
        raise ValueError(
            f"out={folder} holds results with {key}={had}, now {key}={value}; give a new folder"
        )
