"""Where the prompts of many videos come from: ``first``, a file, or a file for each video."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from ...files import expand_home, stem_of
from ...prompts import PlacedPrompt, Prompt
from ...prompts.prompt_files import read_masks, read_prompts_file
from ...track import Find
from ..database import ProjectVideo
from ..engine import Engine
from ..project import Project
from .box_files import Given, is_box_file, read_box_file

FIRST = "first"
FIELDS = ("{name}", "{folder}", "{video}")
_PICTURES = (".png", ".webp", ".bmp", ".tif", ".tiff", ".gif")

# Gives the prompts of a video, whose file or folder is named too; None = those of the project.
PromptSource = Callable[[ProjectVideo, Path], Sequence[PlacedPrompt]]
# Makes a source whose prompts the model finds. It must be picklable, for workers.
FindPrompts = Callable[[Project, Engine], PromptSource]
# As a PromptSource, but gives detections too.
GivenSource = Callable[[ProjectVideo, Path], Given]


def prompt_source(spec: str, *, every: int = 10, least_score: float = 0.0) -> GivenSource:
    """The source that a setting names.

    Args:
        spec: ``first``: the masks of the first frame, in a picture beside the video that has its
            name, ``clip.png`` for ``clip.mp4``; a file of prompts, of boxes
            (:mod:`.box_files`) or a picture of masks, the same for all videos; or a template of
            such a path (boxes then as text), in which ``{name}`` is the video's name, ``{folder}``
            its folder, and ``{video}`` its path.
        every, least_score: of files of boxes.

    Raises:
        ValueError: if the file of all videos cannot be read.
    """
    if spec == FIRST:
        return _first
    options = {"every": every, "least_score": least_score}
    if any(field in spec for field in FIELDS):
        return partial(_from_template, spec, options)
    path = expand_home(spec)
    if is_box_file(path):
        if not path.is_file():
            raise ValueError(f"no such file of boxes: {path}")
        return lambda video, place: read_box_file(path, video, **options)
    given = Given(read_placed(path))
    return lambda video, place: given


def may_detect(spec: str) -> bool:
    """Whether what a setting names may hold detections, which begin objects where none is yet."""
    if any(field in spec for field in FIELDS):
        return spec.lower().endswith(".txt")
    return spec != FIRST and is_box_file(expand_home(spec))


def given_by(source: GivenSource) -> PromptSource:
    """The prompts of a source, without detections."""
    return lambda video, place: source(video, place).placed


def found_in(source: GivenSource, begin: Callable[[Find], PromptSource]) -> PromptSource:
    """The detections of a source, which become prompts by ``begin``."""

    def given(video: ProjectVideo, place: Path) -> Sequence[PlacedPrompt]:
        find = source(video, place).find
        return () if find is None else begin(find)(video, place)

    return given


def read_placed(path: Path) -> list[PlacedPrompt]:
    """The prompts in a JSON file, or the masks in a picture, on frame 0."""
    if path.suffix.lower() not in _PICTURES:
        return read_prompts_file(path)
    masks = read_masks(path)
    return [PlacedPrompt(k, 0, Prompt.from_mask(mask), path.name) for k, mask in masks.items()]


def _first(video: ProjectVideo, place: Path) -> Given:
    stem = stem_of(place)
    for suffix in _PICTURES:
        path = place.with_name(stem + suffix)
        if path != place and path.is_file():
            return Given(read_placed(path))
    raise ValueError(f"prompts=first: there is no {stem}.png beside it with the masks of frame 0")


def _from_template(template: str, options: dict, video: ProjectVideo, place: Path) -> Given:
    text = template.replace("{name}", stem_of(place)).replace("{folder}", str(place.parent))
    path = expand_home(text.replace("{video}", str(place)))
    if path.suffix.lower() == ".txt":
        return read_box_file(path, video, **options)
    return Given(read_placed(path))
